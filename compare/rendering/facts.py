"""Lists the method and the environment of a run as rows of name and value, for Markdown and the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from compare.data.known_sets import set_name
from compare.dtypes import arithmetic
from compare.findings.findings import Findings
from compare.findings.machines import describe
from compare.numbers import count, format_bytes
from compare.records.config import Config
from compare.records.environment import Card, CardMoment, Environment
from compare.records.results import Results
from compare.variants import FRAMEWORK_NAMES

Facts = list[tuple[str, str]]


def conditions(config: Config) -> str:
    """Return, for example, `3 seeds × 1,000 steps × batch 128 · cpu, 2 threads · float32`."""
    return " · ".join(
        [
            f"{count(config.seeds, 'seed')} × {count(config.steps, 'step')} × batch {config.batch_size}",
            f"{' and '.join(config.devices)}, {count(config.threads, 'thread')}",
            arithmetic(config.dtype, config.tf32),
        ]
    )


def headline(config: Config) -> str:
    """Return the terminal's first line: the network, the data, and the conditions of the training."""
    return f"{subject(config)} · {conditions(config)}"


def subject(config: Config) -> str:
    """Return the network and the data; for a porter's own network its files."""
    if config.task:
        return f"{' and '.join(config.task_modules)} on {config.task}"
    return f"LeNet on {set_name(config.data.sha256)}"


def title(found: Sequence[Findings]) -> str:
    subjects = list(dict.fromkeys(subject(one.results.config) for one in found))
    tail = [one.removeprefix("LeNet on ") if place else one for place, one in enumerate(subjects)]
    return f"{' and '.join(tail)}: TensorFlow and PyTorch, side by side"


def all_conditions(found: Sequence[Findings]) -> str:
    """Return the conditions and the machine, once if all runs share them, else for each run."""
    each = {one.name: f"{conditions(one.results.config)} · {machine(one.results)}" for one in found}
    if len(set(each.values())) == 1:
        return next(iter(each.values()))
    return "; ".join(f"{name}: {text}" for name, text in each.items())


def machine(results: Results) -> str:
    """Return the most important facts: `AMD EPYC, 2 CPUs · TensorFlow 2.21.0 · PyTorch 2.14.1`."""
    packages = {"tensorflow": "TensorFlow", "torch": "PyTorch"}
    named = {
        f"{packages[name]} {number}": None
        for run in results.runs
        for name, number in run.versions.items()
        if name in packages and number
    }
    return " · ".join([describe(results), *named])


def method(one: Findings) -> Facts:
    """Return the options that determine the meaning of the figures."""
    config = one.results.config
    warmup = sorted({run.warmup_steps for run in one.results.runs if run.step_seconds})
    rows: list[tuple[str, Any]] = [
        ("seeds, steps", f"{count(config.seeds, 'seed')} × {count(config.steps, 'step')}"),
        ("batch size", config.batch_size),
        ("dtype", arithmetic(config.dtype)),
        ("threads", config.threads),
        ("allocator", config.allocator),
        ("TF32", on_off(config.tf32)),
        ("deterministic operations", on_off(config.deterministic)),
        ("dropout", on_off(config.dropout)),
        ("warm-up steps, left out", ", ".join(map(str, warmup))),
        ("data", f"{config.task or set_name(config.data.sha256)} ({config.data.sha256[:12]})"),
        ("parity", one.parity.summary if one.parity else "not checked in this run"),
    ]
    return rows_with_a_value(rows)


def environment(results: Results) -> Facts:
    """Return the machine, the system and every version that the workers reported."""
    found = results.environment
    rows: list[tuple[str, Any]] = [
        ("processor", found.cpu),
        ("CPUs usable, total", cpus(found)),
        ("CPU quota", None if found.cpu_quota is None else f"{found.cpu_quota:g} CPUs"),
        ("clock at the start of each seed", clock(found)),
        ("frequency governor", found.cpu_governor),
        ("memory", None if found.memory_bytes is None else format_bytes(found.memory_bytes)),
        ("device", ", ".join(dict.fromkeys(run.device_name for run in results.runs if run.device_name))),
        *card_rows(found.card or Card()),
        ("numbers below 1e-38", denormals(results)),
        ("system", " ".join(filter(None, (found.system, found.kernel, found.libc)))),
        ("Python", found.python),
        ("code", found.code_version),
        (
            "load before the run",
            None if found.load_average_1min is None else f"{found.load_average_1min:.2f}",
        ),
        ("started", found.started),
    ]
    return rows_with_a_value(rows) + [
        ("versions of " + name, text) for name, text in versions(results).items()
    ]


def denormals(results: Results) -> str | None:
    """Return which sides flush denormals to zero, if they differ: TensorFlow does, torch only on a CPU."""
    found = {
        f"{FRAMEWORK_NAMES.get(run.framework, run.framework)} on {run.device}": run.runtime["flush_denormals"]
        for run in results.runs
        if "flush_denormals" in run.runtime
    }
    sides = [[name for name, flushes in found.items() if bool(flushes) == wanted] for wanted in (True, False)]
    if not all(sides):
        return None
    return f"zero in {' and '.join(sides[0])}, kept in {' and '.join(sides[1])}"


def cpus(found: Environment) -> str | None:
    if found.cpus_usable is None and found.cpus_total is None:
        return None
    return f"{found.cpus_usable or 'unknown'}, {found.cpus_total or 'unknown'}"


def clock(found: Environment) -> str | None:
    """Return the lowest and the highest clock that was seen, which are often equal."""
    seen = [f"{mhz:,.0f}" for mhz in sorted(mhz for mhz in found.cpu_mhz if mhz)]
    return f"{'–'.join(dict.fromkeys((seen[0], seen[-1])))} MHz" if seen else None


def card_rows(card: Card) -> list[tuple[str, Any]]:
    """Return the facts that NVML gave about the card before the run, or why it gave none."""
    before = card.before or CardMoment()
    watts, memory = before.power_limit_watts, before.memory_bytes
    return [
        ("NVIDIA driver", before.driver),
        ("memory of the card", None if memory is None else format_bytes(memory)),
        ("power limit of the card", None if watts is None else f"{watts:,.0f} W"),
        ("facts of the card", f"none: {card.absent}" if card.absent else None),
    ]


def versions(results: Results) -> dict[str, str]:
    """Return each framework's libraries and versions, including all versions if launches differ."""
    named: dict[str, list[str]] = {}
    for run in results.runs:
        text = ", ".join(f"{name} {number}" for name, number in run.versions.items() if number)
        texts = named.setdefault(FRAMEWORK_NAMES.get(run.framework, run.framework), [])
        if text and text not in texts:
            texts.append(text)
    return {name: "; ".join(texts) for name, texts in named.items() if texts}


def on_off(value: bool) -> str:
    return "on" if value else "off"


def rows_with_a_value(rows: list[tuple[str, Any]]) -> Facts:
    return [(name, str(value)) for name, value in rows if value not in (None, "")]
