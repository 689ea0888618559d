"""Compares every timed form of a porter's network with the proved one, over the steps of the proof."""

from __future__ import annotations

from collections.abc import Sequence

from compare.processes.launcher import WorkerFailed, WorkerRefused
from compare.protocol import messages
from compare.protocol import task_messages as task
from compare.task.evidence import Climber
from compare.task.side import TaskSide

# Relative to the first loss, in float64; measured: 2e-15. If a form leaves out one update of a parameter, its
# loss is wrong by more than 1e-3 after one step.
TOLERANCE = 1e-9


def wrong_forms(climber: Climber, forms: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return, for each form (framework, name) that is not as proved, why it must not be timed.

    Both sides' workers must have climbed in float64. A network with dropout is trained here without dropout,
    because each form has its own masks. Each form is then compared with the first form.
    """
    drops = any(side.manifest.dropouts for side in climber.sides)
    assert climber.trained is not None
    expected = {
        side.framework: list(numbers["losses"])
        for side, numbers in zip(climber.sides, climber.trained.numbers, strict=True)
    }
    if drops:
        first = losses_of(climber, climber.sides[0], "eager", training=False)
        expected = {side.framework: first for side in climber.sides}
    found: dict[tuple[str, str], str] = {}
    for framework, form in forms:
        (side,) = [side for side in climber.sides if side.framework == framework]
        try:
            losses = losses_of(climber, side, form, training=not drops)
        except (WorkerRefused, WorkerFailed) as failure:
            found[framework, form] = str(failure)
            continue
        if (step := differing_at(losses, expected[framework])) is not None:
            found[framework, form] = (
                f"it does not train as proved: the loss of step {step} is {losses[step]:.12g}, not "
                f"{expected[framework][step]:.12g}"
            )
    return found


def losses_of(climber: Climber, side: TaskSide, form: str, *, training: bool) -> list[float]:
    side.load(climber.weights)
    side.worker.request(task.TimeTask(form, training), messages.Ready, side.timeout)
    steps = climber.task.steps
    return side.worker.request(messages.Train(steps), messages.Trained, side.timeout).losses


def differing_at(losses: Sequence[float], expected: Sequence[float]) -> int | None:
    """Return the first step whose loss differs or is missing; None if all losses agree."""
    allowed = TOLERANCE * abs(expected[0])
    for step, (own, right) in enumerate(zip(losses, expected, strict=False)):
        if not abs(own - right) <= allowed:
            return step
    return None if len(losses) == len(expected) else len(losses) - 1
