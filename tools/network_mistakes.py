"""`python -m tools.network_mistakes [NAME ...]`: puts every known mistake of a port on the ladder.

Writes docs/results/network_mistakes.json. Each mistake changes a few lines of a pair that passes. The same
two workers serve all mistakes. Exit 1 if a mistake is not caught at its rung and tensor.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from compare.command_line import run_entry_point
from compare.data import task_file
from compare.errors import UserError
from compare.ladder.config import ParityConfig
from compare.records import machine
from compare.records.environment import Environment
from compare.records.files import write_json
from compare.task.proof import climb_task, climbing_sides
from tools.network_catalogue import MISTAKES, Mistake

ROOT = Path(__file__).resolve().parents[1]
NETWORKS = ROOT / "docs/examples/networks"
RESULT = ROOT / "docs/results/network_mistakes.json"


class Tried(msgspec.Struct):
    """One mistake on the ladder. found: the rung and tensor; hints: as the porter reads them."""

    name: str
    network: str
    hidden: bool
    rung: str
    tensor: str
    found_rung: str
    found_tensor: str
    caught: bool
    reason: str
    hints: list[str] = []


class Mistakes(msgspec.Struct):
    """The committed result."""

    environment: Environment
    tried: list[Tried]


def main(argv: Sequence[str]) -> int:
    """Try all mistakes, or those named by the arguments."""
    chosen = [one for one in MISTAKES if not argv or one.name in argv]
    if unknown := [name for name in argv if all(name != one.name for one in MISTAKES)]:
        raise UserError(f"there is no mistake {unknown[0]!r}; see tools/network_mistakes.py.")
    tried: list[Tried] = []
    environment = machine.describe()
    for one in tries(chosen):
        print(
            f"{'caught' if one.caught else 'MISSED'}  {one.name}: {one.found_rung} {one.found_tensor}",
            flush=True,
        )
        tried.append(one)
    if not argv:
        write_json(RESULT, Mistakes(environment, tried))
    caught, hidden = sum(one.caught for one in tried), sum(one.caught and one.hidden for one in tried)
    print(f"{caught} of {len(tried)} caught, {hidden} of them with equal outputs")
    return 0 if caught == len(tried) else 1


def tries(mistakes: Sequence[Mistake]) -> Iterator[Tried]:
    """Put each mistake on the ladder in turn, with the same two workers."""
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        config = ParityConfig(task=directory / "task.py", threads=1)
        with climbing_sides(config, directory) as climbing:
            for mistake in mistakes:
                files = written(mistake, directory)
                task = task_file.read(files[2])
                try:
                    parity = climb_task(config, (task, files[2]), files[:2], climbing, directory=directory)
                except UserError as refusal:
                    yield outcome(mistake, "refused", "", str(refusal), [])
                    continue
                rung = parity.failing
                if rung is None:
                    yield outcome(mistake, "none", "", "every rung passes", [])
                else:
                    yield outcome(mistake, rung.id, rung.first_failing or "", rung.reason or "", rung.hints)


def outcome(mistake: Mistake, rung: str, tensor: str, reason: str, hints: list[str]) -> Tried:
    """Return a record of the ladder's answer to a mistake."""
    return Tried(
        name=mistake.name,
        network=mistake.network,
        hidden=mistake.hidden,
        rung=mistake.rung,
        tensor=mistake.tensor,
        found_rung=rung,
        found_tensor=tensor,
        caught=(rung, tensor) == (mistake.rung, mistake.tensor),
        reason=reason,
        hints=[one for one in hints if "the layer alone" not in one],
    )


def written(mistake: Mistake, directory: Path) -> tuple[Path, Path, Path]:
    """Write the pair with the mistake in it. Raises UserError if a line to change is missing."""
    for name in ("my_keras.py", "my_torch.py", "task.py"):
        text = (NETWORKS / mistake.network / name).read_text()
        for file, old, new in mistake.edits:
            if file == name and old not in text:
                raise UserError(f"{mistake.name}: {name} has no {old!r}.")
            text = text.replace(old, new) if file == name else text
        (directory / name).write_text(text)
    return directory / "my_keras.py", directory / "my_torch.py", directory / "task.py"


if __name__ == "__main__":
    run_entry_point(main)
