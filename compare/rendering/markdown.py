"""`report.md`: the verdicts, the tables and how they were measured, fit for a pull request or a wiki."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from compare.rendering import tables
from compare.results import Results


def report(results: Results) -> str:
    parts = ["# LeNet on MNIST: TensorFlow and PyTorch", *failures(results), *verdicts(results)]
    parts.append(table(*tables.verdict_table(results)))
    header, rows = tables.curve_table(results, results.config["spec"]["training"]["log_interval"])
    if rows:
        parts += [f"## Loss and batch accuracy, seed {results.config['first_seed']}", table(header, rows)]
    parts += warnings(results)
    parts += ["## How it was measured", table(["what", "value"], conditions(results))]
    return "\n\n".join(parts) + "\n"


def failures(results: Results) -> list[str]:
    lines = [
        f"- {tables.title(run.label)}, {run.device}, seed {run.seed}: **{run.status}**: {escape(run.reason or '')}"
        for run in results.runs
        if run.status != "ok"
    ]
    if results.parity is not None and not results.parity["passed"]:
        lines.insert(0, f"- **Parity failed**: {escape(results.parity['summary'])}")
    return ["\n".join(lines)] if lines else []


def verdicts(results: Results) -> list[str]:
    lines = [f"- {escape(comparison.sentence)}" for comparison in results.comparisons]
    return ["\n".join(lines)] if lines else []


def warnings(results: Results) -> list[str]:
    if not results.warnings:
        return []
    return ["## Warnings", "\n".join(f"- {escape(warning)}" for warning in results.warnings)]


def conditions(results: Results) -> list[list[str]]:
    config, environment = results.config, results.environment
    rows: list[tuple[str, Any]] = [
        ("processor", environment.get("cpu")),
        ("threads", config["threads"]),
        ("dtype", config["dtype"]),
        ("batch size", config["batch_size"]),
        ("steps, seeds", f"{config['steps']:,} × {config['seeds']}"),
        ("allocator", config["allocator"]),
        ("data", f"{config['data']['source']} ({config['data']['sha256'][:12]})"),
        ("system", f"{environment.get('system')} {environment.get('kernel')}, {environment.get('libc')}"),
        ("Python", environment.get("python")),
        ("code", environment.get("code_version")),
    ]
    for framework_versions in dict.fromkeys(
        ", ".join(f"{name} {number}" for name, number in run.versions.items() if number)
        for run in results.runs
        if run.versions
    ):
        rows.append(("versions", framework_versions))
    return [[name, str(value)] for name, value in rows]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(escape(cell) for cell in line) + " |" for line in lines)


def escape(text: str) -> str:
    """Text that Markdown shows as it stands, within one table cell."""
    for character in "\\`*_[]<>|":
        text = text.replace(character, "\\" + character)
    return " ".join(text.split())
