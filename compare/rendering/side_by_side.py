"""Two runs as one report: each keeps its verdicts, every row says whose it is, differences are marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from compare.rendering import facts, tables
from compare.rendering.numbers import format_ratio
from compare.results import Comparison, Results, Run
from compare.statistics.intervals import unpaired_ratio_interval

NAMES = ("A", "B")


def merged(results: Sequence[Results], names: Sequence[str] = NAMES) -> Results:
    """One Results with all rows; a device becomes `cpu (A)`, so that no two runs share a group."""
    both = Results(config=merged_values([one.config for one in results], names))
    both.parity = merged_parity([one.parity for one in results], names)
    for one, name in zip(results, names, strict=True):
        both.runs += [named(run, name) for run in one.runs]
        both.comparisons += [of_run(comparison, name) for comparison in one.comparisons]
        both.warnings += [f"{name}: {warning}" for warning in one.warnings]
        both.batch_sweep += [
            msgspec.structs.replace(point, device=f"{point.device} ({name})") for point in one.batch_sweep
        ]
    return both


def named(run: Run, name: str) -> Run:
    return msgspec.structs.replace(run, device=f"{run.device} ({name})")


def of_run(comparison: Comparison, name: str) -> Comparison:
    return msgspec.structs.replace(comparison, device=f"{comparison.device} ({name})")


def merged_values(configs: Sequence[dict[str, Any]], names: Sequence[str]) -> dict[str, Any]:
    """A value that all share stays as it is; others become text that says whose is which."""
    keys = dict.fromkeys(key for config in configs for key in config)
    values = {}
    for key in keys:
        found = [config.get(key) for config in configs]
        same = all(value == found[0] for value in found)
        values[key] = found[0] if same else join(found, names)
    if isinstance(values.get("spec"), str):  # a mapping: the first stands for both where they differ
        values["spec"] = configs[0].get("spec")
    if isinstance(values.get("data"), str):
        values["data"] = {}
    return values


def join(found: Sequence[object], names: Sequence[str]) -> str:
    return ", ".join(f"{value} ({name})" for value, name in zip(found, names, strict=True))


def merged_parity(found: Sequence[dict[str, Any] | None], names: Sequence[str]) -> dict[str, Any] | None:
    """Holds where it holds in both; None where neither checked it."""
    if not any(found):
        return None
    summaries = [
        f"{name}: {parity.get('summary') if parity else 'not checked'}"
        for parity, name in zip(found, names, strict=True)
    ]
    return {"passed": all(p is None or p.get("passed") for p in found), "summary": "; ".join(summaries)}


def step_rows(results: Sequence[Results]) -> list[list[str]]:
    """For each label and device that both ran: step time and accuracy in A and B, and B ÷ A.

    Unpaired: launches of one seed in two runs were not interleaved, and share nothing but the seed.
    """
    first, second = results
    rows = []
    for label, device in tables.labels(first.runs):
        sides = [tables.runs_of(one.runs, label, device) for one in (first, second)]
        if not all(sides):
            continue
        medians = [[tables.median_seconds(run) for run in side if run.timed_seconds] for side in sides]
        ratio = format_ratio(unpaired_ratio_interval(medians[1], medians[0])) if all(medians) else ""
        cells = [tables.seconds_cell(side) for side in sides]
        rows.append(
            [
                f"{tables.title(label)}, {device}",
                *cells,
                ratio,
                *(tables.accuracy_cell(side) for side in sides),
            ]
        )
    return rows


def conditions(results: Sequence[Results]) -> list[tuple[str, list[str], bool]]:
    """Every fact of method and environment: its name, its value in each run, whether they differ."""
    told = [dict(facts.method(one) + facts.environment(one)) for one in results]
    names = dict.fromkeys(name for one in told for name in one)
    rows = [(name, [one.get(name, "") for one in told]) for name in names]
    return [(name, values, len(set(values)) > 1) for name, values in rows]
