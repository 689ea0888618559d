"""Formats the output of `compare.parity`: pure functions from records to rich renderables."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from compare.data.known_sets import set_name
from compare.numbers import count
from compare.records.parity import Climb, Difference, NoiseFloor, Parity, Rung, severity

WIDE = 100  # from this width in columns on, the absolute error and the two sides are shown too
STYLES = {"pass": "green", "fail": "bold red", "not judged": "dim"}


def report(parity: Parity, width: int) -> RenderableType:
    """Return a table per climb, the noise floor, and the verdict in one line."""
    parts: list[RenderableType] = [Text(conditions(parity))]
    for climb in parity.climbs:
        parts += [Text(), Text(heading(climb), style="bold"), climb_table(climb, width)]
        if climb.failing is not None:
            parts += [Text(), Text(f"{climb.failing.reason}.", style="red")]
    if parity.noise_floor is not None:
        parts += [Text(), *floor_lines(parity.noise_floor)]
    style = STYLES["pass" if parity.passed else "fail"]
    return Group(*parts, Text(), Text.assemble("parity    ", (parity.summary, style)))


def conditions(parity: Parity) -> str:
    config = parity.config
    parts = [
        f"LeNet parity on {set_name(config.data.sha256)}",
        f"{config.device}, {count(config.threads, 'thread')}",
        f"batch {config.batch_size}",
        f"seed {config.seed}",
    ]
    return " · ".join(parts)


def heading(climb: Climb) -> str:
    dropout = "active" if climb.dropout else "inactive"
    return f"{' and '.join(climb.labels)} · {climb.dtype} · dropout {dropout}"


def climb_table(climb: Climb, width: int) -> Table:
    """Return a row per rung, and two for the last rung: its losses and its parameters."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    wide = width >= WIDE
    names = ["rung", "largest error in", *(["absolute"] if wide else []), "relative", "allowed"]
    names += [*(["between"] if wide else []), "verdict"]
    for name in names:
        right = name in ("absolute", "relative", "allowed")
        table.add_column(name, justify="right" if right else "left", no_wrap=name != "between")
    for rung in climb.rungs:
        for row in rung_rows(rung, climb):
            cells = [cell for name, cell in row.items() if name in names]
            table.add_row(
                *(Text(cell, style=style_of(name, rung)) for name, cell in zip(names, cells, strict=True))
            )
    return table


def style_of(column: str, rung: Rung) -> str:
    return STYLES[rung.verdict] if column == "verdict" or rung.verdict == "not judged" else ""


def rung_rows(rung: Rung, climb: Climb) -> list[dict[str, str]]:
    if not rung.differences:
        return [row(f"{rung.number} {name_of(rung, climb)}", None, rung.verdict)]
    rows = []
    for place, difference in enumerate(worst_of_each_kind(rung)):
        title = f"{rung.number} {name_of(rung, climb)}" if place == 0 else ""
        rows.append(row(title, difference, "pass" if difference.passed else "fail"))
    return rows


def name_of(rung: Rung, climb: Climb) -> str:
    """Return the rung's name; for the last rung with its number of steps."""
    if rung.number != 8:
        return rung.name
    return count(climb.judged_steps, "step")


def worst_of_each_kind(rung: Rung) -> list[Difference]:
    """Return the worst difference; for the last rung, one of the losses and one of the parameters."""
    kinds: dict[bool, list[Difference]] = {}
    for difference in rung.differences:
        kinds.setdefault(rung.number == 8 and difference.tensor == "losses", []).append(difference)
    return [max(found, key=severity) for _, found in sorted(kinds.items(), reverse=True)]


def row(title: str, difference: Difference | None, verdict: str) -> dict[str, str]:
    shown = difference or Difference("", "", "", None, None, 0.0, passed=False)
    numbers = shown.relative is not None
    tensor = (shown.first_failing or shown.tensor) if not numbers else shown.tensor
    return {
        "rung": title,
        "largest error in": tensor,
        "absolute": number(shown.max_abs),
        "relative": number(shown.relative),
        "allowed": ("0" if shown.tolerance == 0 else f"{shown.tolerance:.0e}") if numbers else "",
        "between": " and ".join(filter(None, (shown.left, shown.right))),
        "verdict": verdict,
    }


def number(value: float | None) -> str:
    if value is None:
        return ""
    return "0" if value == 0 else f"{value:.1e}"


def floor_lines(floor: NoiseFloor) -> list[RenderableType]:
    """Return the float32 losses at a few steps: of the pair, then of each framework and itself."""
    header, rows = floor_rows(floor)
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for place, name in enumerate(header):
        table.add_column(name, justify="right" if place else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    style = STYLES["pass" if floor.passed else "fail"]
    return [
        Text("float32 against its noise floor", style="bold"),
        table,
        Text(),
        Text(f"{floor.sentence}.", style=style),
    ]


def floor_rows(floor: NoiseFloor) -> tuple[list[str], list[list[str]]]:
    """Return the largest loss difference up to a few steps: the pair, then each change of each framework."""
    steps = len(floor.pair_differences)
    shown = sorted({step for step in (1, 10, 100, 1000) if step <= steps} | {steps})
    header = ["largest loss difference by step", *(f"{step:,}" for step in shown)]
    apart = {f"{floor.labels[0]} and {floor.labels[1]}": floor.pair_differences}
    apart |= {f"{one.label} itself, {one.change}": one.loss_differences for one in floor.selves}
    rows = [
        [name, *(number(max((one or 0.0 for one in differences[:step]), default=0.0)) for step in shown)]
        for name, differences in apart.items()
    ]
    return header, rows
