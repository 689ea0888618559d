"""Notes what the two sides do alike in training and in evaluation, but should not."""

from __future__ import annotations

import numpy as np

from compare.task.evidence import Climber, Evidence


def mode_notes(climber: Climber, evaluated: Evidence, trained: Evidence) -> list[str]:
    """Name each BatchNorm that ignores the mode, and a layer that depends on it without need.

    A difference between the two sides fails rung 4b; these notes are about what both sides do.
    """
    notes = []
    norms = [left for left, _ in climber.alignment.pairs if left.kind == "batch_norm"]
    for number, side in enumerate(climber.sides):
        before, after = ((one.left, one.right)[number] for one in (evaluated, trained))
        outputs = [one for one in after if one.role == "output" and one in before]
        changed = [one.path for one in outputs if not np.array_equal(before[one], after[one])]
        notes += [
            (
                f"{norm.path} in {side.framework} is a BatchNorm, but computes the same in training and in "
                "evaluation"
            )
            for norm in norms
            if norm.path not in changed and not norm.settings.get("frozen")
        ]
        explained = side.manifest.dropouts or not changed or any(changed[0] == norm.path for norm in norms)
        if not explained:
            notes.append(
                f"{changed[0]} in {side.framework} is the first layer that computes differently in training, "
                "and is neither BatchNorm nor dropout"
            )
    return notes
