"""Defines rungs 0 to 6 and S. Each is a function from the climber to the rung's row."""

from __future__ import annotations

import numpy as np

from compare.protocol import task_messages as messages
from compare.protocol.task_messages import Tensor
from compare.records.task import TaskRung
from compare.task.closeness import LIMITS, Comparison, Found, compare, largest, of_gradients
from compare.task.evidence import Climber, Evidence
from compare.task.modes import mode_notes
from compare.task.rows import failed, row
from compare.task.side import Arrays
from compare.task.words import tensor_in_words

SLOPE = 1e-4  # largest error of a right gradient against a central difference, relative to the largest


def dtypes(climber: Climber) -> TaskRung:
    """Check that every variable, activation, loss and slot of both sides has the dtype of the proof."""
    count = 0
    for side in climber.sides:
        count += len(side.manifest.dtypes)
        for name, dtype in side.manifest.dtypes.items():
            if dtype != climber.dtype:
                hint = "let the model take its dtype from the framework's default, and cast nothing inside it"
                reason = f"{name} of {side.framework} is {dtype}; everything must be {climber.dtype}"
                return failed("0", "dtypes", reason, name, [hint])
    return TaskRung("0", "dtypes", "pass", compared=count)


def batches(climber: Climber) -> TaskRung:
    """Check that both sides read the same batches, to the bit."""
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
    """Load the probing weights, and check that the models return them, to the bit."""
    climber.make_weights()
    read = climber.both(lambda side: side.load(climber.weights))
    for side, arrays in zip(climber.sides, read, strict=True):
        for tensor, given in climber.weights.items():
            if tensor in arrays and not np.array_equal(arrays[tensor], given):
                reason = f"{tensor_in_words(tensor)} of {side.framework} is not read back as it was loaded"
                return failed(
                    "3", "weights", reason, tensor_in_words(tensor), ["is one variable used under two names?"]
                )
    return TaskRung("3", "weights", "pass", f"{len(climber.weights)} tensors", 0.0, 0.0, len(climber.weights))


def activations(climber: Climber, rung_id: str, *, training: bool, scale: float = 1.0) -> TaskRung:
    evidence = climber.twice(messages.TaskForward(training=training, scale=scale))
    compared = compare_roles(climber, evidence, "input", "output", "tap")
    name = f"activations in {'training' if training else 'evaluation'}"
    rung = row(climber, (rung_id, name), evidence, compared)
    if rung_id == "4b" and climber.evaluated is not None:
        rung.notes += mode_notes(climber, climber.evaluated, evidence)
    climber.evaluated = None if training else evidence
    return rung


def compare_roles(climber: Climber, evidence: Evidence, *roles: str) -> Comparison:
    """Compare in the reference's order. Leave out an output that only one side shows (an LSTM's sequence)."""
    left, right = climber.judged(evidence.left, *roles), climber.judged(evidence.right, *roles)
    order = [*(left, right)[climber.reference]]
    order = [one for one in order if one.role not in ("input", "output") or (one in left and one in right)]
    order += [one for one in (*left, *right) if one.role == "tap" and one not in order]
    order = [one for one in order if not cropped_after(climber, one, left, right)]
    return compare(left, right, evidence.moved, LIMITS[climber.dtype], order=order)


def cropped_after(climber: Climber, one: Tensor, left: Arrays, right: Arrays) -> bool:
    """Whether one side crops a transposed convolution's output by itself: what follows is compared."""
    pair = climber.pair(one.path) if one.role == "output" else None
    return pair is not None and "transpose" in pair[0].kind and left[one].shape != right[one].shape


def loss(climber: Climber) -> TaskRung:
    """Compare the loss, including the penalties that layers add."""
    evidence = climber.twice(messages.TaskGradients())
    climber.trained = evidence  # the next rung judges the gradients in this reply
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
            f"without model.losses ({penalty:.6g}) the losses agree: torch's loss lacks what layers add"
        )
    elif penalty:
        hints.append(f"model.losses add {penalty:.6g} to tf's loss")
    size = climber.examples
    if right and size and abs(left / right - size) < 1e-9 * size:
        hints.append(f"tf's is {size} times torch's: one is a sum over the batch, the other a mean")
    elif right and size and abs(right / left - size) < 1e-9 * size:
        hints.append(f"torch's is {size} times tf's: one is a sum over the batch, the other a mean")
    elif right:
        hints.append(f"tf {left:.9g}, torch {right:.9g}; the outputs agree, so look into loss()")
    return hints


def gradients(climber: Climber) -> TaskRung:
    """Compare gradients in the order of back-propagation. Central differences show which side is wrong."""
    evidence = climber.trained
    assert evidence is not None
    left, right = (climber.judged(one, "gradient") for one in (evidence.left, evidence.right))
    order = [*reversed([*left, *(one for one in right if one not in left)])]
    limits = of_gradients(LIMITS[climber.dtype], climber.dtype, climber.examples)
    compared = compare(left, right, evidence.moved, limits, order=order)
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
    """Say which side's gradient is not the slope of its own loss."""
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
        return (
            "central differences agree with neither gradient: both pass through a function that is not smooth"
        )
    return "each gradient is right for its own loss: the two losses depend on this value in different ways"


def stress(climber: Climber) -> TaskRung:
    """Compare activations, loss and gradients on inputs 30 times as large, which reach clamps."""
    rung = activations(climber, "S", training=True, scale=30.0)
    title = "S", "stress: inputs × 30"
    rung.name = title[1]
    notes = not_reached(climber)
    if rung.verdict == "pass":
        evidence = climber.twice(messages.TaskGradients(scale=30.0))
        own = compare_numbers(climber, evidence, "loss")
        more = row(climber, title, evidence, own)
        if own.first_failing is None:
            left, right = (climber.judged(one, "gradient") for one in (evidence.left, evidence.right))
            order = [*reversed([*left, *(one for one in right if one not in left)])]
            limits = of_gradients(LIMITS[climber.dtype], climber.dtype, climber.examples)
            compared = compare(left, right, evidence.moved, limits, order=order)
            more = row(climber, title, evidence, compared)
        else:
            more.hints.append(
                "the outputs agree, so look into loss(): a loss on probabilities is clipped near 0 and 1, at "
                "other places in each framework; give both losses logits"
            )
        more.compared += rung.compared
        rung = more
    rung.notes += notes
    return rung


def not_reached(climber: Climber) -> list[str]:
    """Say which thresholds of torch's functions have all units on one side."""
    reached = climber.sides[1].numbers["thresholds"]
    missed = [name for name, both in reached.items() if not both]
    if not missed:
        return []
    more = f", and {len(missed) - 3} more" if len(missed) > 3 else ""
    return [f"all units are on one side of {', '.join(missed[:3])}{more}: the other side is not compared"]
