"""Every form of a porter's network that is timed, held against what was proved, over the proof's steps."""

from __future__ import annotations

from collections.abc import Sequence

from compare.processes.launcher import WorkerFailed, WorkerRefused
from compare.protocol import messages
from compare.protocol import task_messages as task
from compare.task.evidence import Climber
from compare.task.side import TaskSide

# Relative to the first loss, in float64: 2e-15 was measured. A form that leaves out one update of a parameter
# is off by more than 1e-3 after a step.
TOLERANCE = 1e-9


def wrong_forms(climber: Climber, forms: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return why a form (framework, name) is not to be timed, for each that is not as proved.

    Both sides' workers must have climbed in float64. A network that drops out is trained here without that:
    its forms have masks of their own, so each is held against the first.
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
                f"it does not train as was proved: the loss of step {step} is {losses[step]:.12g}, not "
                f"{expected[framework][step]:.12g}"
            )
    return found


def losses_of(climber: Climber, side: TaskSide, form: str, *, training: bool) -> list[float]:
    side.load(climber.weights)
    side.worker.request(task.TimeTask(form, training), messages.Ready, side.timeout)
    steps = climber.task.steps
    return side.worker.request(messages.Train(steps), messages.Trained, side.timeout).losses


def differing_at(losses: Sequence[float], expected: Sequence[float]) -> int | None:
    """Return the first step whose loss is another, or is not there; None if all agree."""
    allowed = TOLERANCE * abs(expected[0])
    for step, (own, right) in enumerate(zip(losses, expected, strict=False)):
        if not abs(own - right) <= allowed:
            return step
    return None if len(losses) == len(expected) else len(losses) - 1
