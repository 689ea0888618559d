"""Two runs as one report: each keeps its verdicts, every row says whose it is, differences are marked."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from compare.numbers import count, format_ratio
from compare.records import queries
from compare.records.parity import Gate
from compare.records.results import Comparison, Results, Run
from compare.rendering import facts, tables
from compare.statistics.intervals import unpaired_ratio_interval

NAMES = ("A", "B")
# Conditions, by their names in the report, that can change the order of a sum, or what is summed.
MOVES_LOSSES = (
    "batch size",
    "threads",
    "deterministic operations",
    "TF32",
    "dropout",
    "data",
    "processor",
    "device",
    "versions of TensorFlow",
    "versions of PyTorch",
)


def merged(results: Sequence[Results], names: Sequence[str] = NAMES) -> Results:
    """One Results with all rows; a device becomes `cpu (A)`, so that no two runs share a group."""
    both = Results(config=results[0].config)
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


def merged_parity(found: Sequence[Gate | None], names: Sequence[str]) -> Gate | None:
    """Merge the verdicts on parity: it holds if it holds in both; None if neither checked it."""
    if not any(found):
        return None
    summaries = [
        f"{name}: {parity.summary if parity else 'not checked'}"
        for parity, name in zip(found, names, strict=True)
    ]
    return Gate(passed=all(parity is None or parity.passed for parity in found), summary="; ".join(summaries))


def step_rows(results: Sequence[Results]) -> list[list[str]]:
    """For each label and device that both ran: step time, accuracy and losses in A and B, and B ÷ A.

    Unpaired: launches of one seed in two runs were not interleaved, and share nothing but the seed.
    """
    first, second = results
    rows = []
    for label, device in queries.labels(first.runs):
        sides = [queries.runs_of(one.runs, label, device) for one in (first, second)]
        if not all(sides):
            continue
        medians = [[tables.median_seconds(run) for run in side if run.timed_seconds] for side in sides]
        ratio = format_ratio(unpaired_ratio_interval(medians[1], medians[0])) if all(medians) else ""
        cells = [tables.seconds_cell(side) for side in sides]
        rows.append(
            [
                f"{queries.title(label)}, {device}",
                *cells,
                ratio,
                *(tables.accuracy_cell(side) for side in sides),
                losses_cell(*sides),
            ]
        )
    return rows


def losses_cell(first: Sequence[Run], second: Sequence[Run]) -> str:
    """Whether the launches of one seed have the same losses in both runs, to the last bit."""
    other = {run.seed: run for run in second}
    pairs = [(run.losses, other[run.seed].losses) for run in first if run.seed in other]
    if not pairs:
        return ""
    if len({run.dtype for run in [*first, *second]}) > 1:
        return "of two dtypes"
    differing = [
        (step, abs(a - b))
        for one, two in pairs
        for step, (a, b) in enumerate(zip(one, two, strict=False))
        if a != b
    ]
    if not differing:
        steps = min(min(len(one), len(two)) for one, two in pairs)
        return f"identical over {steps:,} steps, {count(len(pairs), 'seed')}"
    first_step, largest = min(step for step, _ in differing), max(gap for _, gap in differing)
    return f"differ from step {first_step:,} on, by at most {largest:.1e}"


def why_losses_differ(rows: Sequence[Sequence[str]], found: Sequence[tuple[str, list[str], bool]]) -> str:
    """Return a sentence on what can have moved the losses; empty where none moved."""
    if not any(row[-1].startswith("differ ") for row in rows):
        return ""
    differing = [name for name, _, differs in found if differs and name in MOVES_LOSSES]
    if differing:
        return (
            "Where losses differ, sums were taken in another order. What differs between the runs and can "
            f"do that: {', '.join(differing)}."
        )
    return (
        "Where losses differ, though the runs share threads, processor and versions, threads took sums in "
        "another order: --deterministic fixes the order, where the framework can."
    )


def conditions(results: Sequence[Results]) -> list[tuple[str, list[str], bool]]:
    """Every fact of method and environment: its name, its value in each run, whether they differ."""
    told = [dict(facts.method(one) + facts.environment(one)) for one in results]
    names = dict.fromkeys(name for one in told for name in one)
    rows = [(name, [one.get(name, "") for one in told]) for name in names]
    return [(name, values, len(set(values)) > 1) for name, values in rows]
