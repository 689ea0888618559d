"""Checks that each layer has its partner, with the same tensors (rung 1). Nothing is guessed."""

from __future__ import annotations

from collections.abc import Iterable

from compare.protocol.task_messages import Leaf
from compare.records.task import TaskRung
from compare.task import alignment as aligning
from compare.task.evidence import Climber, tensor_names
from compare.task.rows import failed


def names(climber: Climber) -> TaskRung:
    """Check that each layer has a partner with the same tensors, and each dropout and output too."""
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
    notes = [
        f"{one.path}: kernel rows reordered from {one.settings['rows']} to height, width, channel"
        for one in rows
    ]
    notes += [
        f"{one.path}: its kind is unknown, so it is compared without conversion"
        for one in leaves_of_unknown_kinds(found.pairs)
    ]
    return TaskRung("1", name, "pass", f"{len(found.pairs)} layers", compared=tensors, notes=notes)


def leaves_of_unknown_kinds(pairs: Iterable[aligning.Pair]) -> list[Leaf]:
    """Return leaves of unknown kinds. These are class names and start with a capital; known kinds do not."""
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
    """Return the tensors that one side of a pair lacks, or has with another shape."""
    found = []
    for name in tensor_names(left, right):
        whole = f"{left.path}/{name}"
        if climber.accepted(left.path, name):
            continue
        own, other = left.tensors.get(name), right.tensors.get(name)
        if own is None or other is None:
            side, lacking, shape = ("tf", right, own) if other is None else ("torch", left, other)
            has = [one for one in lacking.tensors if lacking.tensors[one] == shape]
            alone = [one for one in has if not (one in left.tensors and one in right.tensors)]
            action = f"a {alone[0]} of its shape: give both one name" if alone else f"no {name}"
            found.append((whole, f"{whole}: only {side} has it; {lacking.path} has {action}"))
        elif own != other:
            found.append((whole, f"{whole} is {own} in tf, {other} in torch ({right.path})"))
    return found


def to_accept(problems: list[tuple[str, str]]) -> list[str]:
    names = [name for name, text in problems if "only " in text and " has no " in text]
    if not names:
        return []
    return [f'to accept a difference, name it (or "*/bias") in the task: differs = {{"{names[0]}": "why"}}']


def unlike(climber: Climber) -> tuple[str, str] | None:
    """Return a reason and a tensor's name if the sides differ in their dropouts or outputs."""
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
