"""What a report says first, in sentences: what failed, then who is faster, then whether both learn alike."""

from __future__ import annotations

from collections.abc import Sequence

from compare.numbers import format_difference, format_ratio
from compare.records import queries
from compare.records.results import Comparison, Results
from compare.rendering import tables
from compare.rendering.groups import Group, devices, groups, pair


def failures(results: Results) -> list[str]:
    """Failed parity first, then every kind of launch that is not ok, once, with its seeds."""
    lines = []
    if results.parity is not None and not results.parity.passed:
        lines.append(f"Parity failed: {results.parity.summary}. The times below compare unequal work.")
    seeds: dict[tuple[str, str, str, str], list[int]] = {}
    for run in results.runs:
        if run.status != "ok":
            seeds.setdefault((run.label, run.device, run.status, run.reason or ""), []).append(run.seed)
    for (label, device, status, reason), which in seeds.items():
        lines.append(f"{queries.title(label)}, {device}, {seed_list(which)}: {status}: {reason}")
    return lines


def seed_list(seeds: Sequence[int]) -> str:
    """`seed 3`, `seeds 0–9`, `seeds 1, 4, 5`."""
    ordered = sorted(set(seeds))
    if len(ordered) == 1:
        return f"seed {ordered[0]}"
    if len(ordered) > 2 and ordered[-1] - ordered[0] == len(ordered) - 1:
        return f"seeds {ordered[0]}–{ordered[-1]}"
    return "seeds " + ", ".join(map(str, ordered))


def headlines(results: Results) -> list[Comparison]:
    """For each device and metric what a reader came for: the first comparison across the frameworks."""
    chosen = []
    for device in dict.fromkeys(comparison.device for comparison in results.comparisons):
        for metric in ("step_seconds", "test_accuracy"):
            found = [c for c in results.comparisons if (c.device, c.metric) == (device, metric)]
            across = [c for c in found if framework(c.baseline) != framework(c.other)]
            chosen += (across or found)[:1]
    return chosen


def others(results: Results) -> list[Comparison]:
    """Return the comparisons that are no headline."""
    chosen = headlines(results)
    return [comparison for comparison in results.comparisons if comparison not in chosen]


def framework(label: str) -> str:
    return label.partition(":")[0]


def number(comparison: Comparison) -> tuple[str, str]:
    """Return the estimate, and what comes with it, unit and interval; either may be empty."""
    form = format_ratio if comparison.metric == "step_seconds" else format_difference
    estimate, _, rest = form(tables.interval(comparison)).partition(" ")
    return estimate, rest


def sentence(comparison: Comparison, several_devices: bool) -> str:
    """Return the comparison's sentence, with its device where there are several."""
    return f"{comparison.device}: {comparison.sentence}" if several_devices else comparison.sentence


def said(results: Results, comparisons: Sequence[Comparison]) -> list[tuple[str, str, str]]:
    """Each comparison's sentence, estimate and interval."""
    several = len(devices(results)) > 1
    return [(sentence(comparison, several), *number(comparison)) for comparison in comparisons]


def fastest(results: Results) -> list[str]:
    """Each framework's fastest variant, where it is not the headline's: one sentence a device."""
    sentences = []
    for device in devices(results):
        timed = [group for group in groups(results, device) if group.step_seconds is not None]
        best = [quickest(timed, name) for name in ("tf", "torch")]
        if None in best or [group.label for group in pair(timed)] == [group.label for group in best if group]:
            continue
        ranked = sorted((group for group in best if group), key=lambda group: group.step_seconds or 0)
        facts = ", then ".join(f"{group.title} with {tables.seconds_cell(group.runs)}" for group in ranked)
        sentences.append(f"Each framework at its fastest on {device}: {facts} a step.")
    return sentences


def quickest(timed: Sequence[Group], name: str) -> Group | None:
    mine = [group for group in timed if group.framework == name]
    return min(mine, key=lambda group: group.step_seconds or 0, default=None)
