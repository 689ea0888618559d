"""Reasons to trust a figure from a card less, each with what to do next."""

from __future__ import annotations

from collections.abc import Iterable

from compare.numbers import count
from compare.records.environment import Card
from compare.records.results import Results

BUSY_PERCENT = 5  # of the time, before the first worker starts
MOST_SLOWED = 0.01  # of the time that steps took on the card


def card_cautions(results: Results) -> Iterable[str]:
    """Of a run on CUDA; nothing for another."""
    card = results.environment.card
    if card is not None:
        yield from other_processes(card)
        yield from slowed(card, step_seconds_on_cards(results))
    yield from tf32_unasked(results)


def other_processes(card: Card) -> Iterable[str]:
    """Workers are not among them: these are the moments before the first and after the last."""
    moments = [moment for moment in (card.before, card.after) if moment is not None]
    others = max((moment.other_processes or 0 for moment in moments), default=0)
    if others > 0:
        yield (
            f"{count(others, 'other program')} had the card open beside this run. Close what nvidia-smi "
            "lists, and run again."
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
    """Clocks held down by power or heat: as the driver counts it, else as it was seen between blocks.

    The driver's count moves by some nanoseconds on any card, so it must be a share of the steps' time.
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
            f"The card's clock was held down by {' and '.join(causes)}. Cool it, raise its power limit, or "
            "fix its clock below the limit (nvidia-smi --lock-gpu-clocks), and run again."
        )


def tf32_unasked(results: Results) -> Iterable[str]:
    """Products that were rounded to TF32 though the run said float32: read back by computing them."""
    for run in results.runs:
        if run.rounded_to_tf32 and not run.runtime.get("tf32"):
            yield (
                f"{run.label} on {run.device} rounded its {' and '.join(run.rounded_to_tf32)} to TF32 though "
                "TF32 is off. Please report it, with results.json."
            )
            return
