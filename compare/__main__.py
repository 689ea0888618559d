"""Runs any command: `lenet-compare COMMAND …`, or `python -m compare COMMAND …`."""

from __future__ import annotations

import sys
from importlib import import_module

from compare.command_line import run_entry_point

COMMANDS = {
    "run": "train both frameworks and compare them",
    "parity": "prove that implementations compute the same, or find the first tensor that differs",
    "report": "write the report of a run again, or set two runs side by side",
    "merge": "put runs of several machines together in one report",
    "convert": "convert trained weights from one framework to the other",
    "calibrate": "compare each framework with itself, to measure the harness",
}
USAGE = "\n".join(
    [
        "usage: lenet-compare COMMAND [OPTIONS]",
        "",
        *(f"  {name:<10} {words}" for name, words in COMMANDS.items()),
        "",
        "lenet-compare COMMAND --help lists the options of a command.",
    ]
)


def main() -> None:
    """Run the command that the first argument names. Exits with 2 if there is no such command."""
    name, *rest = sys.argv[1:] or ["--help"]
    if name in {"-h", "--help"}:
        print(USAGE)
        return
    if name not in COMMANDS:
        sys.exit(refuse_unknown_command(name))
    sys.argv = [f"{sys.argv[0]} {name}", *rest]
    run_entry_point(import_module(f"compare.{name}").main)


def refuse_unknown_command(name: str) -> int:
    print(f"error: {name!r} is not a command. Use one of: {', '.join(COMMANDS)}.", file=sys.stderr)
    return 2


if __name__ == "__main__":
    main()
