"""How it was measured and where, as rows of name and value: one source for Markdown and for the page."""

from __future__ import annotations

from typing import Any

from compare.dtypes import arithmetic
from compare.numbers import format_bytes
from compare.records.results import Results
from compare.variants import FRAMEWORK_NAMES

Facts = list[tuple[str, str]]


def headline(results: Results) -> str:
    """`3 seeds × 1,000 steps × batch 128 · cpu, 2 threads · float32`, as far as the config tells."""
    config = results.config
    devices = " and ".join(str(config.get("device", "?")).split(","))
    return " · ".join(
        [
            count(config.get("seeds"), "seed")
            + f" × {count(config.get('steps'), 'step')} × batch {config.get('batch_size', '?')}",
            f"{devices}, {count(config.get('threads'), 'thread')}",
            arithmetic(str(config.get("dtype", "?")), config.get("tf32") is True),
        ]
    )


def count(number: Any, noun: str) -> str:
    """`1 seed`, `1,000 steps`; text, as in a report of two runs, stays as it is."""
    text = f"{number:,}" if isinstance(number, int) else str(number or "?")
    return f"{text} {noun}" + ("" if number == 1 else "s")


def method(results: Results) -> Facts:
    """The options that decide what the figures mean."""
    config = results.config
    data = config.get("data", {})
    warmup = sorted({run.warmup_steps for run in results.runs if run.step_seconds})
    rows: list[tuple[str, Any]] = [
        ("seeds, steps", f"{count(config.get('seeds'), 'seed')} × {count(config.get('steps'), 'step')}"),
        ("batch size", config.get("batch_size")),
        ("dtype", arithmetic(config["dtype"]) if "dtype" in config else None),
        ("threads", config.get("threads")),
        ("allocator", config.get("allocator")),
        ("TF32", on_off(config.get("tf32"))),
        ("deterministic operations", on_off(config.get("deterministic"))),
        ("dropout", on_off(config.get("dropout"))),
        ("warm-up steps, left out", ", ".join(map(str, warmup)) or None),
        ("data", f"{data.get('source')} ({str(data.get('sha256'))[:12]})" if data else None),
        ("parity", results.parity.get("summary") if results.parity else "not checked in this run"),
    ]
    return told(rows)


def environment(results: Results) -> Facts:
    """The machine, the system and every version that the workers reported."""
    found = results.environment
    memory = found.get("memory_bytes")
    rows: list[tuple[str, Any]] = [
        ("processor", found.get("cpu")),
        ("CPUs usable, total", f"{found.get('cpus_usable')}, {found.get('cpus_total')}"),
        ("memory", format_bytes(memory) if isinstance(memory, int) else None),
        ("device", ", ".join(dict.fromkeys(run.device_name for run in results.runs if run.device_name))),
        *card_rows(found.get("card") or {}),
        ("system", " ".join(str(found[key]) for key in ("system", "kernel", "libc") if found.get(key))),
        ("Python", found.get("python")),
        ("code", found.get("code_version")),
        ("load before the run", found.get("load_average_1min")),
    ]
    return told(rows) + [("versions of " + name, text) for name, text in versions(results).items()]


def card_rows(card: dict[str, Any]) -> list[tuple[str, Any]]:
    """What NVML told of the card before the run; why there is nothing, where it told nothing."""
    before = card.get("before") or {}
    watts, memory = before.get("power_limit_watts"), before.get("memory_bytes")
    return [
        ("NVIDIA driver", before.get("driver")),
        ("memory of the card", format_bytes(memory) if isinstance(memory, int) else None),
        ("power limit of the card", f"{watts:,.0f} W" if watts is not None else None),
        ("facts of the card", f"none: {card['absent']}" if "absent" in card else None),
    ]


def versions(results: Results) -> dict[str, str]:
    """Each framework's libraries; launches that differ are all named."""
    named: dict[str, list[str]] = {}
    for run in results.runs:
        text = ", ".join(f"{name} {number}" for name, number in run.versions.items() if number)
        texts = named.setdefault(FRAMEWORK_NAMES.get(run.framework, run.framework), [])
        if text and text not in texts:
            texts.append(text)
    return {name: "; ".join(texts) for name, texts in named.items() if texts}


def on_off(value: Any) -> str | None:
    return None if value is None else ("on" if value else "off")


def told(rows: list[tuple[str, Any]]) -> Facts:
    return [(name, str(value)) for name, value in rows if value not in (None, "")]
