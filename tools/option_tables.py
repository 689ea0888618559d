"""Makes the tables of docs/options.md: every option of every command, from the dataclasses that hold them."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import textwrap
from itertools import pairwise
from typing import Any, get_args, get_type_hints

from compare.calibration.config import CalibrationConfig
from compare.config import PRESETS, RunConfig, option_as_typed
from compare.conversion.config import ConvertConfig
from compare.ladder.config import ParityConfig
from compare.merge import MergeConfig
from compare.rendering.markdown import table
from compare.report import ReportConfig

CONFIGS: dict[str, type] = {
    "run": RunConfig,
    "parity": ParityConfig,
    "report": ReportConfig,
    "merge": MergeConfig,
    "convert": ConvertConfig,
    "calibrate": CalibrationConfig,
}


def sections() -> dict[str, str]:
    """Return the table of each command, by the name of its marker, and that of the presets."""
    tables = {f"options_{command}": option_table(config) for command, config in CONFIGS.items()}
    return tables | {"presets": preset_table()}


def option_table(config: type) -> str:
    """Return a row for each field: the option, its default, and the words that `--help` prints."""
    words, hints = field_docstrings(config), get_type_hints(config, include_extras=True)
    rows = [
        [option(field, hints[field.name]), default(field), words[field.name]]
        for field in dataclasses.fields(config)
    ]
    return table(["option", "default", "meaning"], rows)


def option(field: dataclasses.Field[Any], hint: Any) -> str:
    """Return `--batch-size`, `--dtype float32|float64`, or `SOURCE` for a positional argument."""
    marks = "".join(map(str, getattr(hint, "__metadata__", ())))
    if "Positional" in marks:
        return field.name.upper()
    return "--" + field.name.replace("_", "-") + choices(hint)


def choices(hint: Any) -> str:
    """Return ` a|b` if the type allows only these strings, else an empty string."""
    values = [value for part in (hint, *get_args(hint)) for value in get_args(part) if isinstance(value, str)]
    return " " + "|".join(values) if values else ""


def default(field: dataclasses.Field[Any]) -> str:
    """Return the default as a user would type it. Empty if there is none, or if it depends on the machine."""
    value = option_as_typed(field.default)
    if value is dataclasses.MISSING or value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def field_docstrings(config: type) -> dict[str, str]:
    """Return the string literal below each field of a dataclass. Raises KeyError if a field has none."""
    body = ast.parse(textwrap.dedent(inspect.getsource(config))).body[0]
    found = {}
    statements = body.body if isinstance(body, ast.ClassDef) else []
    for field, below in pairwise(statements):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            if not (isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)):
                raise KeyError(f"{config.__name__}.{field.target.id} has no docstring")
            found[field.target.id] = str(below.value.value)
    return found


def preset_table() -> str:
    """Return what each preset changes."""
    plain = RunConfig()
    rows = []
    for name, preset in PRESETS.items():
        changed = [
            f"--{field.name.replace('_', '-')} {option_as_typed(getattr(preset, field.name))}"
            for field in dataclasses.fields(RunConfig)
            if field.name != "preset" and getattr(preset, field.name) != getattr(plain, field.name)
        ]
        rows.append([name, ", ".join(changed) or "nothing: these are the defaults"])
    return table(["preset", "what it sets"], rows)
