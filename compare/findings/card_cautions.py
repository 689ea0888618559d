"""Finds reasons to trust a figure from a card less, each with the next action."""

from __future__ import annotations

from collections.abc import Iterable

from compare.numbers import count
from compare.records.environment import Card
from compare.records.results import Results

BUSY_PERCENT = 5  # percent of the time before the first worker starts
MOST_SLOWED = 0.01  # as a fraction of the time that steps took on the card


def card_cautions(results: Results) -> Iterable[str]:
    """Yield the cautions about the card of a run on CUDA; nothing for another run."""
    card = results.environment.card
    if card is not None:
        yield from other_processes(card)
        yield from slowed(card, step_seconds_on_cards(results))
    yield from tf32_unasked(results)


def other_processes(card: Card) -> Iterable[str]:
    """Yield a caution if other processes used the card before the first worker or after the last."""
    moments = [moment for moment in (card.before, card.after) if moment is not None]
    others = max((moment.other_processes or 0 for moment in moments), default=0)
    if others > 0:
        yield (
            f"{count(others, 'other program')} used the card during this run. Close the programs that "
            "nvidia-smi lists, and run again."
        )
        return
    busy = card.before.utilization_percent if card.before else None  # containers hide processes, not load
    if busy is not None and busy > BUSY_PERCENT:
        yield (
            f"The card was busy {busy} % of the time before the first worker started. Wait until it is idle, "
            "and run again."
        )


def step_seconds_on_cards(results: Results) -> float:
    return sum(sum(run.step_seconds) for run in results.runs if run.device == "cuda")


def slowed(card: Card, step_seconds: float) -> Iterable[str]:
    """Yield a caution if power or heat slowed the card's clock: by the driver's count, else by samples.

    The driver's counter increases by some nanoseconds on any card. So it counts only as a share of the steps'
    time.
    """
    causes = []
    if card.before is not None and card.after is not None:
        for cause, start in card.before.slowed_seconds.items():
            end = card.after.slowed_seconds.get(cause)
            if start is not None and end is not None and end - start > MOST_SLOWED * step_seconds:
                causes.append(f"{cause} (for {end - start:.1f} s)")
    if not causes:
        causes = list(dict.fromkeys(why for sample in card.samples for why in sample.slowed_by or []))
    if causes:
        yield (
            f"The card's clock was limited by {' and '.join(causes)}. Cool it, raise its power limit, or "
            "fix its clock below the limit (nvidia-smi --lock-gpu-clocks), and run again."
        )


def tf32_unasked(results: Results) -> Iterable[str]:
    """Yield a caution if a worker measured products rounded to TF32 although TF32 was off."""
    for run in results.runs:
        if run.rounded_to_tf32 and not run.runtime.get("tf32"):
            yield (
                f"{run.label} on {run.device} rounded its {' and '.join(run.rounded_to_tf32)} to TF32, but "
                "TF32 is off. Please report it, with results.json."
            )
            return
