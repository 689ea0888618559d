"""Several ports on the ladder at once, and the gate of compare.run, through real workers."""

import sys
from pathlib import Path

import pytest

from compare.config import RunConfig, entrants
from compare.data import mnist
from compare.ladder.config import entrant_ports, plans
from compare.ladder.gate import gate
from compare.ladder.ladder import Ladder
from compare.ladder.plan import Port
from compare.records.parity import Climb
from tests.ladder.small import BATCH, small_config, write_small_mnist

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
PYTHONS = {"tf": Path(sys.executable), "torch": Path(sys.executable)}


def own_port(name: str) -> Port:
    """Return one of the example ports."""
    return Port(f"torch:{name}", "torch", str(EXAMPLES / f"{name}.py"), "Trainer", "cpu")


@pytest.fixture(scope="module")
def climbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Climb], Ladder]:
    """TensorFlow beside the examples' two ports and one that is not there."""
    directory = tmp_path_factory.mktemp("ladder")
    config = small_config(write_small_mnist(directory))
    dataset = mnist.load(config.data_dir)
    ladder = Ladder(plans(config, len(dataset.train_labels), lambda _: None)[:1], dataset, PYTHONS, directory)
    ports = [
        *entrant_ports(entrants(RunConfig()))[:1],
        *map(own_port, ("wrong_port", "absent", "mended_port")),
    ]
    return {climb.labels[1]: climb for climb in ladder.climb(ports)}, ladder


def test_the_first_is_held_against_each_other_port(climbed: tuple[dict[str, Climb], Ladder]) -> None:
    """One climb each, the baseline's answers asked for once."""
    climbs, _ = climbed
    assert list(climbs) == ["torch:wrong_port", "torch:mended_port"]
    assert all(climb.labels[0] == "tf:eager" for climb in climbs.values())


def test_the_examples_port_is_found_wrong_and_mended(climbed: tuple[dict[str, Climb], Ladder]) -> None:
    """docs/parity.md walks through both; a failed climb does not spoil the next one."""
    climbs, _ = climbed
    failing = climbs["torch:wrong_port"].failing
    assert failing is not None
    assert (failing.number, failing.first_failing, failing.wrong) == (4, "flat", ["torch:wrong_port"])
    assert "tf:eager agrees with it" in str(failing.reason)
    assert climbs["torch:mended_port"].failing is None


def test_a_port_that_is_not_there_is_left_out(climbed: tuple[dict[str, Climb], Ladder]) -> None:
    """With the reason; the others climb."""
    assert list(climbed[1].left_out) == ["torch:absent"]
    assert "absent.py" in climbed[1].left_out["torch:absent"]


@pytest.mark.parametrize("tf_there", [True, pytest.param(False, marks=pytest.mark.proof)])
def test_the_gate_climbs_with_what_is_there(tf_there: bool, tmp_path: Path) -> None:
    """Both frameworks against the oracle and each other; or one alone, and a note on the other."""
    config = RunConfig(
        data_dir=write_small_mnist(tmp_path),
        batch_size=BATCH,
        threads=(1,),
        dropout=True,
        tf_python=Path(sys.executable if tf_there else "/bin/false"),
    )
    found = gate(config, entrants(config), mnist.load(config.data_dir), tmp_path)
    assert found.passed
    assert [rung.verdict for rung in found.rungs] == ["pass"] * 12
    assert {climb.dtype for climb in found.climbs} == {"float64", "float32"}
    assert found.summary.startswith("12 of 12 rungs in float64 and float32 · float64 losses agree")
    assert list(found.left_out) == ([] if tf_there else ["tf:eager"])
    assert ("without tf:eager" in found.summary) is not tf_there
    assert found.climbs[0].dropout
