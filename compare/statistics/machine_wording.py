"""Writes a sentence about a ratio over several machines, with pure functions."""

from __future__ import annotations

from collections.abc import Mapping

from compare.numbers import count, format_ratio, ratio_parts
from compare.statistics.intervals import Interval
from compare.statistics.machines import FEWEST_MACHINES, Machines
from compare.statistics.sample_size import launches_needed
from compare.statistics.verdicts import ratio_kind


def machines_sentence(machines: Machines, other: str, baseline: str) -> str:
    """Return a sentence on the step times of two variants over all machines. Both names appear in it."""
    if machines.pooled is None or machines.prediction is None:
        return each_machine(machines.by_machine, other, baseline)
    number = len(machines.by_machine)
    lowest, highest = extremes(machines.by_machine)
    size = f"step time {format_ratio(machines.pooled)} on average, {lowest} to {highest} by machine"
    kind = ratio_kind(machines.pooled)
    if kind in ("faster", "slower"):
        where = (
            f"on all {number} machines" if machines.same_direction else f"on average over {number} machines"
        )
        swapped = kind == "slower"
        fast, slow = (baseline, other) if swapped else (other, baseline)
        times = machines.pooled if swapped else machines.pooled.inverse()
        verdict = f"{fast} is {ratio_parts(times)[0]} as fast as {slow} {where}"
    elif kind == "no_difference":
        verdict = f"No difference between {other} and {baseline} over {number} machines"
    else:
        verdict = f"Not enough machines to say which of {other} and {baseline} is faster in general"
    return f"{verdict}: {size}{plan(machines, kind)}. {expected(machines.prediction)}"


def each_machine(by_machine: Mapping[str, Interval], other: str, baseline: str) -> str:
    """Return a sentence for one or two machines: each machine's ratio, and no general statement."""
    ratios = " and ".join(f"{format_ratio(one)} on {name}" for name, one in by_machine.items())
    missing = FEWEST_MACHINES - len(by_machine)
    return (
        f"The step time of {other} is {ratios}, as a multiple of that of {baseline}. "
        f"Measure on {count(missing, 'more machine')} to estimate the ratio on another machine."
    )


def extremes(by_machine: Mapping[str, Interval]) -> tuple[str, str]:
    ordered = sorted(by_machine.values(), key=lambda one: one.estimate or 0.0)
    return ratio_parts(ordered[0])[0], ratio_parts(ordered[-1])[0]


def expected(prediction: tuple[float, float]) -> str:
    low, high = prediction
    return f"One more machine can be expected to give {low:.2f}× to {high:.2f}×."


def plan(machines: Machines, kind: str) -> str:
    """Return what would narrow the interval: more machines, or more launches on these machines."""
    if machines.pooled is None or kind != "not_enough":
        return ""
    if not machines.needs_machines:
        return "; more launches on these machines would narrow it"
    more = launches_needed(machines.pooled, max(machines.pooled.log_distance, 0.02))
    return f"; about {count(more, 'more machine')} would settle it" if more else ""
