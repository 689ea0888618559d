"""`python -m compare.parity`: proves that two implementations compute the same, or reports the difference."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from compare.command_line import parse, run_entry_point

if TYPE_CHECKING:
    from rich.console import Console

    from compare.ladder.config import ParityConfig
    from compare.records.parity import Parity


def main(argv: Sequence[str]) -> int:
    from compare.ladder.config import ParityConfig

    return run(parse(ParityConfig, argv, program="compare.parity"))


def run(config: ParityConfig) -> int:
    """Climb and print the results. Returns 0 if each rung holds and each trap is caught, else 1."""
    from rich.console import Console

    from compare.ladder.proof import prepare, prove
    from compare.rendering import parity_terminal, trap_terminal
    from compare.traps.catalogue import check_trap

    console = Console(highlight=False)
    if config.new_task is not None:
        from compare.task.template import write_new_task

        command = write_new_task(config.new_task)
        console.print(f"written   {config.new_task}\nprove it  {command}", markup=False, soft_wrap=True)
        return 0
    if config.task is not None:
        return run_task(config, console)
    if config.trap is not None:
        check_trap(config.trap)
    dataset, place = prepare(config)
    with place, console.status("starting the workers") as status:
        if config.trap or config.traps:
            from compare.traps.trial import try_traps

            with place.refusable():
                trials = try_traps(config, dataset, place.path, status.update)
            shown, passed = trap_terminal.report(trials, console.width), trials.passed
        else:
            with place.refusable():
                parity = prove(config, dataset, place.path, status.update)
            draw_divergence(parity, place.path)
            shown, passed = parity_terminal.report(parity, console.width), parity.passed
    console.print(shown)
    console.print(f"written   {place.path}", markup=False, soft_wrap=True)
    return 0 if passed else 1


def run_task(config: ParityConfig, console: Console) -> int:
    """Climb with a network of the porter's own and print the result. Returns 0 if each rung holds, else 1."""
    from compare.rendering import task_terminal
    from compare.task.proof import prepare, prove

    task, files, place = prepare(config)
    with place, place.refusable(), console.status("starting the workers") as status:
        parity = prove(config, task, files, place.path, status.update)
    console.print(task_terminal.report(parity))
    console.print(f"written   {place.path}", markup=False, soft_wrap=True)
    return 0 if parity.passed else 1


def draw_divergence(parity: Parity, directory: Path) -> None:
    """Draw the chart. Imports Altair only here, because the import takes half a second."""
    from compare.rendering import divergence

    divergence.write(parity, directory)


if __name__ == "__main__":
    run_entry_point(main)
