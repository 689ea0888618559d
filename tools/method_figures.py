"""Makes the figures of docs/methods.md and docs/checkpoints.md from records in their own formats."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from compare.findings.findings import Findings, find
from compare.labels import Label
from compare.numbers import count, format_percent, format_ratio, format_seconds
from compare.records.results import Results
from compare.rendering import tables, verdicts
from compare.rendering.charts.scaling import batch_costs, batch_points, thread_points
from compare.rendering.groups import groups
from compare.rendering.markdown import bullets, table
from compare.rendering.side_by_side import beside
from compare.statistics.intervals import ratio_interval
from compare.variants import FRAMEWORK_NAMES


def read(path: Path) -> dict[str, Any]:
    """Return a committed result."""
    record: dict[str, Any] = json.loads(path.read_text())
    return record


def work_sentence(results: Results) -> str:
    """Say how often and how long each variant of a run was trained."""
    config = results.config
    return (
        f"{count(config.seeds, 'launch')} of {count(config.steps, 'step')} each, with batches of "
        f"{config.batch_size}."
    )


def verdict_section() -> str:
    """Return the rule for each verdict on the step time, as the report's page shows it."""
    return table(["verdict", "when"], verdicts.rules())


def first_call_section(records: dict[str, Any]) -> str:
    """Return the sizes and times of a recorded first call, and a line of it from each phase."""
    one = records[".venv"]
    seconds = round(one["seconds"])
    shown: dict[str, tuple[float, str]] = {}
    for moment, line in one["lines"]:
        shown.setdefault(re.sub(r"^\s*\d+:\d+  | · .*", "", line).split(",")[0].strip(), (moment, line))
    block = [f"{moment:6.1f} s  {line.rstrip()}" for moment, line in shown.values()]
    sizes = f"{one['download_bytes'] / 1e9:.1f} GB fetched, {one['installed_bytes'] / 1e9:.1f} GB on disk"
    took = f"{seconds // 60} min {seconds % 60} s ({one['machine']}, with pip, {one['date']})"
    silence, second = one["longest_silence_seconds"], one["second_start_seconds"]
    facts = [
        f"{sizes}, in {took}.",
        f"The longest silence was {silence:.1f} s.",
        f"The first line of a later `make compare` came after {second:.1f} s.",
    ]
    return "\n".join([*(f"- {fact}" for fact in facts), "", "```", *block, "```"])


def tried_section(record: dict[str, Any]) -> str:
    """Return a row for each form: its step, and its ratio to its framework's first form, with an interval."""
    rows = []
    baseline: dict[str, Sequence[float]] = {}
    for form in record["forms"]:
        times = form["median_step_seconds"]
        first = baseline.setdefault(form["framework"], times)
        ratio = "1" if first is times else format_ratio(ratio_interval(times, first))
        name = f"{FRAMEWORK_NAMES[form['framework']]}: {form['name']}"
        rows.append([name, form["what"], format_seconds(median(times)), ratio])
    found = table(["form", "what", "step time", "÷ its eager"], rows)
    return f"{found}\n\n{record['launches']} launches. {record['environment']['cpu']}."


def settings_section(plain: Results, other: Results, names: tuple[str, str]) -> str:
    """Return a row for each variant: its step under two settings, unpaired, since runs do not interleave."""
    rows = [
        [
            row.first.label.of("").title,
            *(tables.seconds_cell(side.step_seconds) for side in (row.first, row.second)),
            format_ratio(row.ratio) if row.ratio else "",
        ]
        for row in beside([find(plain, "A"), find(other, "B")])
    ]
    found = table(["variant", *names, f"{names[1]} ÷ {names[0]}"], rows)
    return f"{found}\n\nEach way: {work_sentence(plain)}"


def growth_section(results: Results) -> str:
    """Return a row per variant: fixed cost, cost per image, error of the fit, fixed share, second thread."""
    found, batch = [find(results)], results.config.batch_size
    costs = batch_costs(batch_points(found))
    rows = [
        [
            group.title,
            format_seconds(cost.fixed_seconds),
            format_seconds(cost.seconds_per_image),
            format_percent(cost.largest_misfit, 0),
            format_percent(cost.fixed_share(batch), 0),
            thread_cell(found, group.label),
        ]
        for group in groups(found)
        if (cost := costs.get(group.label))
    ]
    header = ["variant", "fixed", "per image", "fit within", f"fixed share at {batch}", "1 → 2 threads"]
    sizes = ", ".join(sorted(results.config.batch_sizes.split(","), key=int))
    return f"{table(header, rows)}\n\nFitted over batches of {sizes}."


def thread_cell(found: Sequence[Findings], label: Label) -> str:
    """Say how much faster the largest number of threads is than one thread."""
    times = {point.size: point.seconds for point in thread_points(found) if point.label == label}
    return f"{times[1] / times[max(times)]:.2f}× faster" if 1 in times and len(times) > 1 else ""


def harness_section(record: dict[str, Any]) -> str:
    """Return, for each framework, the ratio of the harness's median step to a bare loop's, over launches."""
    rows = []
    for framework, name in FRAMEWORK_NAMES.items():
        launches = [launch for launch in record["launches"] if launch["framework"] == framework]
        harness = [launch["harness_seconds"] for launch in launches]
        bare = [launch["bare_seconds"] for launch in launches]
        ratio = format_ratio(ratio_interval(harness, bare))
        rows.append([f"{name} eager", format_seconds(median(harness)), format_seconds(median(bare)), ratio])
    found = table(["", "in the harness", "bare loop", "ratio"], rows)
    launches_each = count(len(record["launches"]) // len(FRAMEWORK_NAMES), "launch")
    steps = count(record["steps"], "step")
    return f"{found}\n\n{launches_each} of {steps} each. {record['environment']['cpu']}."


def cluster_section(record: dict[str, Any]) -> str:
    """Return the step beside a running engine and beside a stopped one, their ratio, and an A/A."""
    rows = []
    for label, one in record["engine_running_over_stopped"].items():
        running, stopped = one["running_seconds"], one["stopped_seconds"]
        seconds = [format_seconds(median(each)) for each in (running, stopped)]
        rows.append([Label.read(label).title, *seconds, format_ratio(ratio_interval(running, stopped))])
    found = table(["", "engine running", "engine stopped", "ratio"], rows)
    launches = f"{count(record['seeds'], 'launch')} of {count(record['steps'], 'step')} each"
    cpus = count(record["environment"]["cpus_usable"], "CPU")
    busy = f"The engine's processes keep {record['engine_cpus_used']:.3f} of {cpus} busy."
    facts = bullets([busy, *record["same_variant_with_engine"]])
    return f"{found}\n\n{launches}. {record['environment']['cpu']}.\n\n{facts}"


def endurance_section(kills: dict[str, Any], soak: dict[str, Any]) -> str:
    """Say how killed runs ended, and how memory and step time changed in a long run."""
    killed = [kill for kill in kills["kills"] if kill["killed"]]  # a run may end before its kill
    counts = Counter(kill["workers"] for kill in killed)
    sound = sum(not kill["wrong"] for kill in killed)
    over = " and ".join(f"{count} over {workers}" for workers, count in counts.items())
    lines = [
        (
            f"{len(killed)} runs were killed at random moments, {over}, and taken up again: {sound} "
            "ended with the losses of the unbroken run, with no process and no temporary file left."
        )
    ]
    for launch in soak["launches"]:
        first, *_, last = launch["median_seconds_by_tenth"]
        sentence = (
            f"{Label.read(launch['label']).title} over {launch['steps']:,} steps: memory grew by at most "
            f"{format_percent(launch['memory_growth'], 2)} after the first 1,000; the median step was "
            f"{format_seconds(first)} in the first tenth and {format_seconds(last)} in the last"
        )
        if launch["slowing_to_others"] is not None:
            signed = format_percent(launch["slowing_to_others"], 1, signed=True)
            sentence += f", a change of {signed} against the launch that ran in turn with it"
        lines.append(sentence + ".")
    return "\n".join(f"- {line}" for line in lines)


def conversions_section(record: dict[str, Any]) -> str:
    """Return each conversion's command and its output."""
    shown = [
        f"$ python -m compare.convert {one['source']} {one['target']}\n{one['output'].strip()}"
        for one in record["conversions"]
    ]
    return "\n".join(["```", *shown, "```"])
