"""docs/distributed.md is written from a record of `tools.ranks`; each part can be run by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from compare.records.environment import Environment
from compare.records.files import write_json
from compare.records.parity import Climb, Rung
from compare.rendering.look import plain
from tools.ranks import __main__ as command
from tools.ranks import charts, hosts, pages, proofs
from tools.ranks.arms import ARMS, SHOWN, TOGETHER, TWO_THREADS
from tools.ranks.model import model, over_link, seconds_of
from tools.ranks.record import (
    ArmTime,
    Kill,
    Launch,
    Link,
    LongTraining,
    Proof,
    ProofRung,
    Record,
    TriedTrap,
    read,
)

MILLISECONDS = {"tf:eager": (80, 50, 60, 45, 55, 55), "torch:eager": (40, 24, 26, 23, 30, 30)}
PHASES = (0, 1, 0, 1, 2, 0)  # by arm: which launch was the slow one; no two that are compared share it
RIGHT, WRONG = ("pass", 2e-15, None), ("fail", 1.0, "torch:eager x2 differs in dense2/bias")


def launches() -> list[Launch]:
    """Return three launches of both frameworks; each arm is once as above, once 1 % faster, once slower."""
    return [
        Launch(variant, seed, 100, 128, [
            ArmTime(arm.name, ms * (1 + ((seed + phase) % 3 - 1) / 100) / 1000)
            for phase, arm, ms in zip(PHASES, ARMS, times, strict=True)
        ])
        for variant, times in MILLISECONDS.items()
        for seed in range(3)
    ]  # fmt: skip


def proof(verdict: str, relative: float, reason: str | None, *, dropout: bool) -> Proof:
    """Return a climb of six rungs, of which the last one is as given."""
    rungs = [ProofRung(number, "", "pass", "loss", 0.0, 1e-13) for number in range(1, 6)]
    rungs.append(ProofRung(6, "gradients", verdict, "dense2/bias", relative, 1e-13))  # type: ignore[arg-type]
    return Proof("torch:eager", 2, dropout, 32, 20, reason is None, rungs, reason)


def tried(name: str, *, declared: int, caught: int | None, accuracy: float) -> TriedTrap:
    """Return a mistake of two ranks, beside a right training that reaches 96 % or more."""
    return TriedTrap(
        name=name,
        mistake="in words",
        framework="torch",
        ranks=2,
        dropout=False,
        declared_rung=declared,
        caught_rung=caught,
        first_failing=None,
        reason=None,
        training_steps=300,
        test_accuracy=accuracy,
        lowest_unsuspected=0.96,
        accuracy_misses_it=accuracy >= 0.96,
    )


def whole_record() -> Record:
    """Return a record with every part."""
    environment = Environment(cpu="a processor", cpus_usable=2)
    return Record(
        environments=dict.fromkeys(command.PARTS, environment),
        proofs=[proof(*RIGHT, dropout=False), proof("pass", 3e-15, None, dropout=True)],
        losses=[LongTraining("tf:eager", 2, 1000, 128, 4e-15)],
        traps=[
            tried("own-means-summed", declared=6, caught=6, accuracy=0.9701),
            tried("rows-repeated", declared=5, caught=None, accuracy=0.5),
        ],
        arms=launches(),
        hosts=[
            Link("torch:eager", None, 20, 128, 4_000_000, 0.050, 1e-15),
            Link("torch:eager", 100, 20, 128, 4_000_000, 0.380, 1e-15),
        ],
        kills=[Kill("tf:eager", 1, 1.0, named_rightly=named, left_running=0) for named in (True, False)],
    )


def test_the_page_says_first_what_to_do() -> None:
    """Two processes against two threads, with the interval over launches; then each cost as a ratio."""
    section = pages.filled(whole_record())["ranks_arms"]
    first, second, *_ = section.splitlines()
    assert first.startswith("- TensorFlow eager in one process with two threads is 1.10× as fast")
    assert second.startswith("- PyTorch eager in one process with two threads is 1.25× as fast")
    assert "3 launches" in first
    row = next(line for line in section.splitlines() if line.startswith("| exchange of gradients"))
    assert row == "| exchange of gradients | 1.22× \\[1.17, 1.28\\] | 1.30× \\[1.25, 1.36\\] |"
    assert "A/A in words: TensorFlow eager: no difference; PyTorch eager: no difference." in section
    assert section.endswith("a processor, 2 CPUs.")


def test_a_record_is_read_back_from_its_file(tmp_path: Path) -> None:
    """In full, and the page is the same."""
    write_json(tmp_path / "ranks.json", whole_record())
    assert pages.filled(read(tmp_path / "ranks.json")) == pages.filled(whole_record())


def test_each_part_has_its_section() -> None:
    """Proofs with the larger difference, mistakes that slipped, the link beside the model, and kills."""
    found = pages.filled(whole_record())
    assert "| PyTorch eager | 2 | 6 of 6 rungs | 3.0e-15 |" in found["ranks_proofs"]
    assert "| TensorFlow eager | 2 | 1,000 | 4.0e-15 |" in found["ranks_losses"]
    assert "The ladder caught 1 of 2 at the declared rung." in found["ranks_traps"]
    assert "steps would have missed 1." in found["ranks_traps"]
    assert "| PyTorch eager | 100 Mbit/s | 380 ms | 370 ms | 1e-15 |" in found["ranks_hosts"]
    assert "2 times a random rank of three was killed" in found["ranks_kills"]
    assert ": 1 group ended" in found["ranks_kills"]


def test_a_proof_that_failed_says_why() -> None:
    """With the rung's own words, which name the tensor, the variant and the number of ranks."""
    climbed = [proof(*WRONG, dropout=False), proof(*RIGHT, dropout=True)]
    assert "| 2 | torch:eager x2 differs in dense2/bias | 1.0e+00 |" in pages.proofs_section(climbed)


def test_a_side_that_all_stand_beside_has_one_proof() -> None:
    """As high as it came beside the best of the others; the one that is wrong is named, and it is not."""
    good = [Rung(1, "shapes", "pass"), Rung(2, "gradients", "pass")]
    reason = "torch:eager x2 differs from the oracle"
    bad = [good[0], Rung(2, "gradients", "fail", [], "dense2/bias", ["torch:eager x2"], reason)]
    shared = {"dtype": "float64", "dropout": False, "steps": 3, "judged_steps": 3, "oracle_steps": 3}
    climbs = [
        Climb(["tf:eager x2", other], rungs=rungs, **shared)  # type: ignore[arg-type]
        for other, rungs in (("torch:eager x2", bad), ("tf:graph x2", good))
    ]
    found = proofs.highest(climbs)
    assert [(one.variant, one.ranks, one.passed, proofs.height(one)) for one in found] == [
        ("tf:eager", 2, True, 2), ("torch:eager", 2, False, 1), ("tf:graph", 2, True, 2),
    ]  # fmt: skip
    assert "first in dense2/bias · torch:eager x2 is wrong" in str(found[1].reason)


def test_what_was_not_measured_says_so() -> None:
    """A page without a record has no figures."""
    assert set(pages.filled(Record()).values()) == {pages.NOTHING}


def test_the_model_passes_through_what_was_measured() -> None:
    """One process, and two with their exchange; more ranks share the work and send more."""
    found = model(seconds_of(launches(), "tf:eager"), 128)
    assert found.fixed_seconds == pytest.approx(0.010)
    assert found.step_seconds(1) == pytest.approx(0.080)
    assert found.step_seconds(2) == pytest.approx(0.055)
    assert found.step_seconds(4) == pytest.approx(0.010 + 0.070 / 4 + 1.5 * 0.010)
    assert over_link(0.05, 4_000_000, 100) == pytest.approx(0.05 + 0.32)


def test_the_charts_are_drawn() -> None:
    """Every arm has a row, a dot for each launch, and beyond two ranks the line is dashed."""
    arms, more = charts.arms_chart(launches()), charts.model_chart(launches())
    assert [name for name, _ in arms.numbers] == [arm.name for arm in SHOWN]
    assert all(arm.name in plain(arms.drawing) for arm in (TOGETHER, TWO_THREADS))
    bars, dots, *_ = arms.spec()["layer"]
    assert (len(bars["data"]["values"]), len(dots["data"]["values"])) == (len(SHOWN) * 2, len(SHOWN) * 6)
    solid, dashed, *_ = more.spec()["layer"]
    assert {point["ranks"] for point in solid["data"]["values"]} == {1, 2}
    assert min(point["ranks"] for point in dashed["data"]["values"]) == 2
    assert dashed["mark"]["strokeDash"]


def test_parts_run_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each alone; what another part measured stays in the record."""
    monkeypatch.setattr(command, "RESULT", tmp_path / "ranks.json")
    monkeypatch.setitem(command.PARTS, "arms", lambda: iter(launches()))
    monkeypatch.setitem(command.PARTS, "kills", lambda: iter(whole_record().kills))
    assert command.main(["arms"]) == 0
    assert command.main(["kills"]) == 0
    found = read(tmp_path / "ranks.json")
    assert (len(found.arms), len(found.kills)) == (6, 2)
    assert set(found.environments) == {"arms", "kills"}


def test_an_unknown_part_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is measured."""
    assert command.main(["arms", "speed"]) == 2
    assert capsys.readouterr().err == (
        "error: 'speed' is no part. Use some of: proofs, losses, traps, arms, hosts, kills.\n"
    )


@pytest.mark.parametrize("variant", ["tf:eager", "torch:eager"])
@pytest.mark.proof
def test_two_hosts_meet_over_the_link(variant: str) -> None:
    """They lose nothing but time: the losses are those of one process, and a slower link a slower step."""
    try:
        free, slow = hosts.hosts([variant], limits=(None, 50), steps=3)
    except hosts.NotPermitted as reason:
        pytest.skip(str(reason))
    assert free.largest_difference is not None
    assert free.largest_difference < 1e-13
    needed = 2 * slow.gradient_bytes / 2 * 8 / 50e6  # seconds that the bytes of a ring of two take
    assert slow.median_step_seconds > needed * 0.9
