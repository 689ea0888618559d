"""Reasons to trust a figure from a card less, each with what to do next."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from compare.records.results import Results

BUSY_PERCENT = 5  # of the time, before the first worker starts


def card_cautions(results: Results) -> Iterable[str]:
    """Of a run on CUDA; nothing for another."""
    card = results.environment.get("card")
    if card:
        yield from other_processes(card)
        yield from slowed(card)
    yield from tf32_unasked(results)


def other_processes(card: dict[str, Any]) -> Iterable[str]:
    """Workers are not among them: these are the moments before the first and after the last."""
    moments = [card[name] for name in ("before", "after") if name in card]
    counts = [moment["other_processes"] or 0 for moment in moments]
    if counts and max(counts) > 0:
        number = f"{max(counts)} other {'program' if max(counts) == 1 else 'programs'}"
        yield f"{number} had the card open beside this run. Close what nvidia-smi lists, and run again."
        return
    busy = moments[0]["utilization_percent"] if moments else None  # containers hide processes, not their load
    if busy is not None and busy > BUSY_PERCENT:
        yield (
            f"The card was busy {busy} % of the time before the first worker started. Wait until it is idle, "
            "and run again."
        )


def slowed(card: dict[str, Any]) -> Iterable[str]:
    """Clocks held down by power or heat: as the driver counts it, else as it was seen between blocks."""
    causes = []
    if "before" in card and "after" in card:
        for cause, start in card["before"]["slowed_seconds"].items():
            end = card["after"]["slowed_seconds"][cause]
            if start is not None and end is not None and end > start:
                causes.append(f"{cause} (for {end - start:.1f} s)")
    if not causes:
        seen = [why for sample in card["samples"] for why in sample["slowed_by"] or []]
        causes = list(dict.fromkeys(seen))
    if causes:
        yield (
            f"The card's clock was held down by {' and '.join(causes)}. Cool it, raise its power limit, or "
            "fix its clock below the limit (nvidia-smi --lock-gpu-clocks), and run again."
        )


def tf32_unasked(results: Results) -> Iterable[str]:
    """Products that were rounded to TF32 where the run said float32: read back by computing them."""
    for run in results.runs:
        computed = run.runtime.get("tf32_computed") or {}
        if any(computed.values()) and not run.runtime.get("tf32"):
            names = " and ".join(name for name, rounded in computed.items() if rounded)
            yield (
                f"{run.label} on {run.device} rounded its {names} to TF32 though TF32 is off. "
                "Please report it, with results.json."
            )
            return
