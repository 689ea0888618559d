"""Describes tensors and verdicts in words."""

from __future__ import annotations

from compare.protocol.task_messages import Tensor
from compare.task.closeness import Comparison, Found, pattern
from compare.task.evidence import Climber, Evidence
from compare.task.hints import look_between, settings_that_differ


def tensor_in_words(tensor: Tensor) -> str:
    """Return `conv1/kernel`, `conv1 output` or `gradient of conv1/kernel`."""
    call = f", call {tensor.call + 1}" if tensor.call and tensor.role in ("input", "output") else ""
    match tensor.role:
        case "tap":
            return "the model's output" if tensor.path == "output" else tensor.path
        case "input" | "output":
            return f"{tensor.path} {tensor.name if tensor.name != 'input' else tensor.role}{call}"
        case "gradient":
            return f"gradient of {tensor.path}/{tensor.name}"
        case "slot":
            return f"optimizer's {tensor.name} of {tensor.path}"
        case _:
            return f"{tensor.path}/{tensor.name}" if tensor.name else tensor.path


def placed(climber: Climber, path: str) -> str:
    """Return a layer by both its paths: `Conv1 (features.0.0 in torch)`."""
    pair = climber.pair(path)
    return path if pair is None or pair[1].path == path else f"{path} ({pair[1].path} in torch)"


def difference(climber: Climber, one: Found) -> str:
    """Return by how much one tensor differs, in which element, and which side is different."""
    where = f" · {placed(climber, one.tensor.path)}" if climber.pair(one.tensor.path) else ""
    if one.detail is not None:
        return f"{tensor_in_words(one.tensor)}: {one.detail}{where}"
    other, reference = ("torch", "tf") if climber.reference == 0 else ("tf", "torch")
    left, right = one.values
    return (
        f"{tensor_in_words(one.tensor)}: {other} differs from {reference}, the declared reference, "
        f"by {one.relative:.1e} ({one.tolerance:.0e} is allowed), most at {list(one.index)}: "
        f"tf {left:.9g}, torch {right:.9g}{where}"
    )


def hints_for(climber: Climber, one: Found, evidence: Evidence, compared: Comparison) -> list[str]:
    """Return settings that differ; for an input, what runs before it; and the pattern of the difference."""
    pair = climber.pair(one.tensor.path)
    hints: list[str] = []
    if one.tensor.role == "input" and pair is not None:
        before = [other for other in compared.found if other.tensor.role == "output"]
        earlier = compared.found[: compared.found.index(one)]
        agreeing = [other for other in earlier if other in before]
        last = tensor_in_words(agreeing[-1].tensor) if agreeing else "the model's input"
        hints.append(f"{last} agrees: look between it and {placed(climber, one.tensor.path)}")
        manifests = (climber.sides[0].manifest, climber.sides[1].manifest)
        hints += look_between(*manifests, (pair[0].path, pair[1].path))
    elif pair is not None:
        hints += settings_that_differ(*pair)
    left, right = evidence.left.get(one.tensor), evidence.right.get(one.tensor)
    if left is not None and right is not None and (form := pattern(left, right, one.tolerance)):
        hints.append(form)
    return hints
