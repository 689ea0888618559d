"""Rungs 0 to 6, and S: each a function from the climber to its row."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from compare.protocol import task_messages as messages
from compare.protocol.task_messages import Leaf, Tensor
from compare.records.task import TaskRung
from compare.task import alignment as aligning
from compare.task.closeness import LIMITS, Comparison, Found, compare, largest
from compare.task.evidence import Climber, Evidence, tensor_names
from compare.task.words import difference, hints_for, named

SLOPE = 1e-4  # of a central difference, relative to the largest gradient: what tells a wrong gradient


def failed(rung_id: str, name: str, reason: str, tensor: str = "", hints: Iterable[str] = ()) -> TaskRung:
    return TaskRung(
        rung_id, name, "fail", tensor, first_failing=tensor or None, reason=reason, hints=list(hints)
    )


def row(
    climber: Climber,
    title: tuple[str, str],
    evidence: Evidence,
    compared: Comparison,
    notes: Iterable[str] = (),
) -> TaskRung:
    """Judge a comparison: the first tensor that fails, in order of computation, is named."""
    rung_id, name = title
    worst, first = compared.worst, compared.first_failing
    rung = TaskRung(
        rung_id, name, "fail" if first else "pass", compared=len(compared.found), notes=list(notes)
    )
    if worst is not None:
        rung.tensor, rung.relative, rung.tolerance = named(worst.tensor), worst.relative, worst.tolerance
    if first is not None:
        rung.tensor, rung.relative, rung.tolerance = named(first.tensor), first.relative, first.tolerance
        climber.failing = (first, evidence, rung_id)
        rung.first_failing = named(first.tensor)
        rung.reason = difference(climber, first)
        rung.hints = hints_for(climber, first, evidence, compared)
    return rung


def dtypes(climber: Climber) -> TaskRung:
    """Every variable of either model is of the dtype that is proved."""
    count = 0
    for side in climber.sides:
        count += len(side.manifest.dtypes)
        for name, dtype in side.manifest.dtypes.items():
            if dtype != climber.dtype:
                hint = "let the model take its dtype from the framework's default"
                reason = f"{name} of {side.framework} is {dtype}; everything must be {climber.dtype}"
                return failed("0", "dtypes", reason, name, [hint])
    return TaskRung("0", "dtypes", "pass", compared=count)


def names(climber: Climber) -> TaskRung:
    """Each layer has its partner, with the same tensors; dropouts and outputs are as many."""
    name = "names, shapes, count"
    tf, torch = (side.manifest for side in climber.sides)
    climber.alignment = found = aligning.align(tf, torch, climber.task.pairs)
    alone = [leaf for leaf in [*found.left_alone, *found.right_alone] if not climber.accepted(leaf.path)]
    problems = [(f"{one.path}", without_partner(climber, one)) for one in alone]
    problems += [problem for pair in found.pairs for problem in tensor_problems(climber, *pair)]
    for side, place in zip(climber.sides, (0, 1), strict=True):
        side.own_paths = {pair[0].path: pair[place].path for pair in found.pairs}
    if problems:
        lines = [text for _, text in problems[1:9]]
        more = [f"and {len(problems) - 9} more"] if len(problems) > 9 else []
        paste = aligning.lines_to_paste(found)
        return failed(
            "1", name, problems[0][1], problems[0][0], [*lines, *more, *paste, *to_accept(problems)]
        )
    if reason := unlike(climber):
        return failed("1", name, *reason)
    tensors = sum(len(left.tensors) for left, _ in found.pairs)
    rows = [leaf for _, leaf in found.pairs if "rows" in leaf.settings]
    notes = [f"{one.path}: rows {one.settings['rows']} to height, width, channel" for one in rows]
    notes += [f"{one.path}: a kind that is not known, compared as it is" for one in unknown(found.pairs)]
    return TaskRung("1", name, "pass", f"{len(found.pairs)} layers", compared=tensors, notes=notes)


def unknown(pairs: Iterable[aligning.Pair]) -> list[Leaf]:
    """Framework classes' own names start with a capital; canonical kinds do not."""
    return [left for left, _ in pairs if left.kind[:1].isupper()]


def without_partner(climber: Climber, leaf: Leaf) -> str:
    side = "tf" if leaf in climber.alignment.left_alone else "torch"
    others = climber.alignment.right_alone if side == "tf" else climber.alignment.left_alone
    near = next((one for one in others if one.kind == leaf.kind), None)
    said = f"{leaf.path} of {side}, {shape_words(leaf)}, has no partner"
    return f"{said}; near it: {near.path}, {shape_words(near)}" if near else said


def shape_words(leaf: Leaf) -> str:
    options = ", ".join(
        f"{key} {value}" for key, value in leaf.settings.items() if key in ("heads", "key size")
    )
    return f"{aligning.in_words(leaf)}{f' ({options})' if options else ''}"


def tensor_problems(climber: Climber, left: Leaf, right: Leaf) -> list[tuple[str, str]]:
    """Tensors that one side of a pair lacks, or has in another shape."""
    found = []
    for name in tensor_names(left, right):
        whole = f"{left.path}/{name}"
        if climber.accepted(left.path, name):
            continue
        own, other = left.tensors.get(name), right.tensors.get(name)
        if own is None or other is None:
            side, place = ("tf", right.path) if other is None else ("torch", left.path)
            found.append((whole, f"{whole}: only {side} has it; {place} has no {name}"))
        elif own != other:
            found.append((whole, f"{whole} is {own} in tf, {other} in torch ({right.path})"))
    return found


def to_accept(problems: list[tuple[str, str]]) -> list[str]:
    names = [name for name, text in problems if "only " in text]
    if not names:
        return []
    return [f'to accept a difference, name it in the task: differs = {{"{names[0]}": "why it is meant"}}']


def unlike(climber: Climber) -> tuple[str, str] | None:
    """Reason and tensor, if the sides have other dropouts or other outputs."""
    tf, torch = (side.manifest for side in climber.sides)
    if set(tf.outputs) != set(torch.outputs):
        return f"outputs and taps: tf has {sorted(tf.outputs)}, torch has {sorted(torch.outputs)}", "output"
    for place in range(max(len(tf.dropouts), len(torch.dropouts))):
        own = [one.dropouts[place] if place < len(one.dropouts) else None for one in (tf, torch)]
        left, right = own
        if left is None or right is None or list(left[1]) != list(right[1]) or not close(left[0], right[0]):
            said = [f"rate {one[0]:g} over {list(one[1])}" if one else "none" for one in own]
            tensor = f"dropout {place + 1}"
            return (
                f"{tensor}: {said[0]} in tf, {said[1]} in torch; masks can be shared only if they agree",
                tensor,
            )
    return None


def close(one: float, other: float) -> bool:
    return abs(one - other) < 1e-12


def batches(climber: Climber) -> TaskRung:
    """Both sides read the same batches, to the bit."""
    climber.both(lambda side: side.ask(messages.TaskDigests(climber.task.steps)))
    left, right = (side.numbers["digests"] for side in climber.sides)
    for step, (own, other) in enumerate(zip(left, right, strict=False)):
        name = next((name for name in own if own[name] != other.get(name)), None)
        if name is not None:
            reason = (
                f"batch {step}: {name} differ between the two processes ({own[name]}; {other.get(name)}). "
                "batches(seed) must depend on its seed alone"
            )
            return failed("2", "batches", reason, f"batch {step} {name}")
    if len(left) != climber.task.steps or len(right) != climber.task.steps:
        reason = f"batches(seed) ends after {min(len(left), len(right))} of {climber.task.steps} steps"
        return failed("2", "batches", reason, "batches")
    return TaskRung("2", "batches", "pass", f"{len(left)} batches", compared=sum(map(len, left)))


def weights(climber: Climber) -> TaskRung:
    """Probing weights go in, and come back to the bit."""
    climber.make_weights()
    read = climber.both(lambda side: side.load(climber.weights))
    for side, arrays in zip(climber.sides, read, strict=True):
        for tensor, given in climber.weights.items():
            if tensor in arrays and not np.array_equal(arrays[tensor], given):
                reason = f"{named(tensor)} of {side.framework} does not come back as it was loaded"
                return failed(
                    "3", "weights", reason, named(tensor), ["is one variable used under two names?"]
                )
    return TaskRung("3", "weights", "pass", f"{len(climber.weights)} tensors", 0.0, 0.0, len(climber.weights))


def activations(climber: Climber, rung_id: str, *, training: bool, scale: float = 1.0) -> TaskRung:
    evidence = climber.twice(messages.TaskForward(training=training, scale=scale))
    compared = compare_roles(climber, evidence, "input", "output", "tap")
    name = f"activations in {'training' if training else 'evaluation'}"
    return row(climber, (rung_id, name), evidence, compared)


def compare_roles(climber: Climber, evidence: Evidence, *roles: str) -> Comparison:
    """In the reference's order; an output that only one side shows (an LSTM's sequence) is left out."""
    left, right = climber.judged(evidence.left, *roles), climber.judged(evidence.right, *roles)
    order = [*(left, right)[climber.reference]]
    order = [one for one in order if one.role not in ("input", "output") or (one in left and one in right)]
    order += [one for one in (*left, *right) if one.role == "tap" and one not in order]
    return compare(left, right, evidence.moved, LIMITS[climber.dtype], order=order)


def loss(climber: Climber) -> TaskRung:
    """Compare the loss, with all that layers add to it."""
    evidence = climber.twice(messages.TaskGradients())
    climber.trained = evidence  # the next rung judges the gradients that came with it
    compared = compare_numbers(climber, evidence, "loss")
    rung = row(climber, ("5", "loss"), evidence, compared)
    if rung.verdict == "fail":
        rung.hints += loss_hints(climber, evidence)
    return rung


def compare_numbers(climber: Climber, evidence: Evidence, name: str) -> Comparison:
    tensor = Tensor("loss", name, "")
    one = [{tensor: np.array([side[name]])} for side in (*evidence.numbers, *evidence.moved_numbers)]
    return (
        Comparison()
        if climber.accepted(name)
        else compare(one[0], one[1], (one[2], one[3]), LIMITS[climber.dtype])
    )


def loss_hints(climber: Climber, evidence: Evidence) -> list[str]:
    left, right = (numbers["loss"] for numbers in evidence.numbers)
    penalty = evidence.numbers[0]["penalties"]
    hints = []
    if penalty and abs(left - penalty - right) <= 1e-9 * abs(left):
        hints.append(
            f"without model.losses, {penalty:.6g}, the two agree: torch's loss lacks what layers add"
        )
    elif penalty:
        hints.append(f"model.losses add {penalty:.6g} to tf's loss")
    size = next((one.input[0] for one, _ in climber.alignment.pairs if one.input), 0)
    if right and size and abs(left / right - size) < 1e-9 * size:
        hints.append(f"tf's is {size} times torch's: a sum over the batch against a mean")
    elif right and size and abs(right / left - size) < 1e-9 * size:
        hints.append(f"torch's is {size} times tf's: a sum over the batch against a mean")
    elif right:
        hints.append(f"tf {left:.9g}, torch {right:.9g}; the outputs agree, so look into loss()")
    return hints


def gradients(climber: Climber) -> TaskRung:
    """In the order of back-propagation. Central differences of its own loss say which side is wrong."""
    evidence = climber.trained
    assert evidence is not None
    left, right = (climber.judged(one, "gradient") for one in (evidence.left, evidence.right))
    order = [*reversed([*left, *(one for one in right if one not in left)])]
    compared = compare(left, right, evidence.moved, LIMITS[climber.dtype], order=order)
    climber.zeros = {(one.path, one.name) for one in compared.zeros}
    notes = [f"{len(climber.zeros)} gradients are zero within rounding"] if climber.zeros else []
    rung = row(climber, ("6", "gradients"), evidence, compared, notes)
    first = compared.first_failing
    if first is not None and first.detail is None:
        rung.hints.append(blame(climber, first, evidence))
    elif first is not None and (pair := climber.pair(first.tensor.path)):
        rung.hints += [f"not trained in tf: {', '.join(pair[0].frozen)}"] if pair[0].frozen else []
        rung.hints += [f"not trained in torch: {', '.join(pair[1].frozen)}"] if pair[1].frozen else []
    return rung


def blame(climber: Climber, one: Found, evidence: Evidence) -> str:
    """Which side's gradient is not the slope of its own loss."""
    shape = evidence.left[one.tensor].shape
    place = int(np.ravel_multi_index(one.index, shape)) if shape else 0
    climber.both(lambda side: side.load(climber.weights))
    slopes = climber.both(lambda side: side.slope(one.tensor, place))
    scale = max(largest(evidence.left[one.tensor]), largest(evidence.right[one.tensor]))
    wrong = [
        side.framework
        for side, slope, value in zip(climber.sides, slopes, one.values, strict=True)
        if abs(slope - value) > SLOPE * scale
    ]
    if len(wrong) == 1:
        return f"central differences of each side's own loss: {wrong[0]}'s gradient is wrong"
    if wrong:
        return "central differences agree with neither gradient: both pass through something not smooth"
    return "each gradient is the slope of its own loss: the losses depend on it in two ways"


def stress(climber: Climber) -> TaskRung:
    """Activations and gradients again, on inputs thirty times as large: clamps and saturation are reached."""
    rung = activations(climber, "S", training=True, scale=30.0)
    rung.name = "stress: inputs × 30"
    if rung.verdict == "pass":
        evidence = climber.twice(messages.TaskGradients(scale=30.0))
        left, right = (climber.judged(one, "gradient") for one in (evidence.left, evidence.right))
        order = [*reversed([*left, *(one for one in right if one not in left)])]
        compared = compare(left, right, evidence.moved, LIMITS[climber.dtype], order=order)
        more = row(climber, ("S", rung.name), evidence, compared)
        more.compared += rung.compared
        rung = more
    return rung
