"""Writes the first sentences of a report: failures, then step times, then test accuracies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from compare.findings.comparisons import Compared
from compare.findings.findings import Findings, contradictions
from compare.numbers import difference_parts, format_percent, format_seconds, ratio_parts
from compare.rendering.groups import Group, groups, pair
from compare.statistics.intervals import Interval
from compare.statistics.sample_size import MINIMUM_LAUNCHES
from compare.statistics.verdicts import SMALLEST_DIFFERENCE, WIDEST_REACH
from compare.statistics.wording import Kind

METRICS = ("step_seconds", "test_accuracy")


class Verdict(NamedTuple):
    """A comparison in a sentence, its estimate, and its interval with the unit. The last two may be empty."""

    sentence: str
    estimate: str
    interval: str


def written_otherwise(found: Sequence[Findings]) -> list[str]:
    """Return a sentence for each run whose file has verdicts that differ from those of its samples."""
    sentences = []
    for one in found:
        if others := contradictions(one):
            which = f"Run {one.name}" if one.name else "The file"
            listed = "; ".join(others[:4]) + ("; and more" if len(others) > 4 else "")
            sentences.append(
                f"{which} holds verdicts that do not follow from its samples ({listed}). This report "
                "computes the verdicts from the samples."
            )
    return sentences


def failures(found: Sequence[Findings]) -> list[str]:
    """Return failed parity first, then each kind of failed launch once, with its seeds."""
    return [line for one in found for line in [*failed_parity(one), *failed_launches(one)]]


def failed_parity(one: Findings) -> list[str]:
    if one.parity is None or one.parity.passed:
        return []
    whose = f" in {one.name}" if one.name else ""
    if not one.parity.climbs:
        return [f"Nothing is proved{whose}: {one.parity.summary}."]
    line = f"Parity failed{whose}: {one.parity.summary}."
    wrong = one.parity.wrong
    timed = [c for c in one.comparisons if c.metric == "step_seconds" and c.verdict.interval.launches]
    sides = dict.fromkeys(side for compared in timed for side in (compared.baseline, compared.other))
    unequal = [side.full_title for side in sides if side.climber in wrong]
    if unequal:
        line += f" The times of {' and '.join(unequal)} below compare unequal work."
    return [line]


def failed_launches(one: Findings) -> list[str]:
    seeds: dict[tuple[str, str, str], list[int]] = {}
    for run in one.results.runs:
        if run.status != "ok":
            title = run.full_label.of(one.name).full_title
            seeds.setdefault((title, run.status, run.reason or ""), []).append(run.seed)
    return [
        f"{title}, {seed_list(which)}: {status}: {reason}" for (title, status, reason), which in seeds.items()
    ]


def seed_list(seeds: Sequence[int]) -> str:
    """Return, for example, `seed 3`, `seeds 0–9` or `seeds 1, 4, 5`."""
    ordered = sorted(set(seeds))
    if len(ordered) == 1:
        return f"seed {ordered[0]}"
    if len(ordered) > 2 and ordered[-1] - ordered[0] == len(ordered) - 1:
        return f"seeds {ordered[0]}–{ordered[-1]}"
    return "seeds " + ", ".join(map(str, ordered))


def headlines(found: Sequence[Findings]) -> list[Verdict]:
    """Return the first comparison across the frameworks, for each run, device and metric."""
    return [verdict(compared, one) for one in found for compared in headline_comparisons(one)]


def others(found: Sequence[Findings]) -> list[Verdict]:
    """Return the comparisons that are not headlines."""
    return [
        verdict(compared, one)
        for one in found
        for compared in one.comparisons
        if compared not in headline_comparisons(one)
    ]


def headline_comparisons(one: Findings) -> list[Compared]:
    picked = []
    for device in dict.fromkeys(compared.other.device for compared in one.comparisons):
        for metric in METRICS:
            all_ = [c for c in one.comparisons if (c.other.device, c.metric) == (device, metric)]
            picked += ([c for c in all_ if c.across] or all_)[:1]
    return picked


def verdict(compared: Compared, one: Findings) -> Verdict:
    """Return the verdict in words. It names the run and the device if there are several."""
    several = len({run.device for run in one.results.runs}) > 1
    place = ", ".join(filter(None, (one.name, compared.other.device if several else "")))
    found = compared.verdict
    sentence = f"{place}: {found.sentence}" if place else found.sentence
    if compared.metric == "test_accuracy":
        return Verdict(sentence, *difference_parts(found.interval))
    return Verdict(sentence, *speed_up(found.kind, found.interval))


def speed_up(kind: Kind, times: Interval) -> tuple[str, str]:
    """Return the figure that a sentence begins with, and its interval. times: other ÷ baseline."""
    return ratio_parts(times.inverse() if kind == "faster" else times)


def fastest(found: Sequence[Findings]) -> list[str]:
    """Return a sentence per run and device on the fastest variants, if they are not the headline's."""
    sentences = []
    for one in found:
        timed = [group for group in groups([one]) if group.step_seconds is not None]
        for device in dict.fromkeys(group.label.device for group in timed):
            here = [group for group in timed if group.label.device == device]
            best = [quickest(here, name) for name in ("tf", "torch")]
            if None in best or [g.label for g in pair(here)] == [g.label for g in best if g]:
                continue
            ranked = sorted((group for group in best if group), key=lambda group: group.step_seconds or 0)
            facts = ", then ".join(
                f"{group.label.title} with {format_seconds(group.step_seconds or 0)}" for group in ranked
            )
            sentences.append(f"Each framework at its fastest on {device}: {facts} a step.")
    return sentences


def quickest(timed: Sequence[Group], name: str) -> Group | None:
    mine = [group for group in timed if group.framework == name]
    return min(mine, key=lambda group: group.step_seconds or 0, default=None)


def checks(found: Sequence[Findings]) -> list[tuple[str, str]]:
    """Return for each run whether parity holds or was not checked, and whether nothing warns.

    Each is a pair: the words to stress, and the rest.
    """
    return [*parity_lines(found), *unwarned_lines(found)]


def unwarned_lines(found: Sequence[Findings]) -> list[tuple[str, str]]:
    """Return, for each run without a warning, what was watched: a reader cannot know it otherwise."""
    lines = []
    for one in found:
        timed = [run for run in one.results.runs if run.timed_seconds]
        if one.warnings or not timed:
            continue
        watched = ["drift and spread of the steps"]
        if any(run.foreign_cpu_seconds for run in timed):
            watched.append("other programs")
        if any(one.results.environment.cpu_mhz):
            watched.append("the processor's clock")
        whose = f" in {one.name}" if one.name else ""
        lines.append((f"No warning{whose}:", f"{listed(watched)} put no figure in doubt."))
    return lines


def listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def rules() -> list[tuple[str, str]]:
    """Return each verdict on a time, and when it is given, with the thresholds in the code."""
    smallest = format_percent(SMALLEST_DIFFERENCE, 0)
    reach = format_percent(WIDEST_REACH * SMALLEST_DIFFERENCE, 0)
    return [
        ("faster, slower", f"the estimate is {smallest} or more, and the interval excludes 1"),
        ("no difference", f"the estimate is below {smallest}; the interval reaches no further than {reach}"),
        ("not enough launches to say", f"everything else, and always below {MINIMUM_LAUNCHES} launches"),
    ]


def parity_lines(found: Sequence[Findings]) -> list[tuple[str, str]]:
    """Return for each run whether parity holds or was not checked."""
    lines = []
    for one in found:
        whose = f" in {one.name}" if one.name else ""
        if one.parity is None:
            lines.append(
                (
                    f"Parity was not checked{whose}.",
                    "This report does not show that both sides compute the same.",
                )
            )
        elif one.parity.passed:
            lines.append((f"Parity holds{whose}:", f"{one.parity.summary}."))
    return lines


def warnings(found: Sequence[Findings]) -> list[str]:
    """Return the warnings of each run, with its name if there are two runs."""
    return [f"{one.name}: {text}" if one.name else text for one in found for text in one.warnings]
