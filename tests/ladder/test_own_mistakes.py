"""Mistakes made in torch_impl/model.py itself, none of them in the catalogue: caught, and named right."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from compare.ladder.climb import ascend, beside
from compare.ladder.climber import Climber
from compare.ladder.ladder import kinds_of
from compare.ladder.plan import Port
from compare.processes.group import Group
from compare.processes.launcher import Worker
from compare.records.parity import Rung
from compare.traps.trial import Setting
from tests.ladder.small import worker_and_setting

ROOT = Path(__file__).parents[2]
MODEL = (ROOT / "torch_impl" / "model.py").read_text()
TRAINER = """
import {model} as mutant
import torch_impl.train as right

class Trainer(right.Trainer):
    def build_model(self):
        right.load, right.parameters = mutant.load, mutant.parameters
        return mutant.LeNet(self.spec, self.dtype).to(self.device)
"""


class Mistake(NamedTuple):
    """A line of the model, the same line with a mistake in it, and where that is caught."""

    stands: str
    written: str
    rung: int
    named: str  # the first tensor, or a part of the reason
    dropout: bool = False


LOOP = "for name, parameter in parameters(model).items():\n            "
MISTAKES = {
    "leaky_relu": Mistake("torch.relu(units)", "nn.functional.leaky_relu(units)", 4, "conv1"),
    "flattened_across": Mistake("self.flatten(pool2)", "self.flatten(pool2.mT)", 4, "flat"),
    "dropout_unused": Mistake("self.dense2(dropped)", "self.dense2(dense1)", 4, "logits", dropout=True),
    "activation_forgotten": Mistake(
        "activate(self.conv2(pool1), self.spec.conv2)", "self.conv2(pool1)", 4, "conv2"
    ),
    "logits_rectified": Mistake(
        "activate(self.dense2(dropped), self.spec.dense2)", "torch.relu(self.dense2(dropped))", 4, "logits"
    ),
    "first_layer_frozen": Mistake("self.pool1(conv1)", "self.pool1(conv1.detach())", 6, "conv1/bias"),
    "bias_left_out": Mistake("layer.units, dtype", "layer.units, bias=False, dtype", 1, "dense1/bias"),
    "pool_too_dense": Mistake("layer.size, layer.stride)", "layer.size, 1)", 4, "cannot be multiplied"),
    "kernel_not_loaded": Mistake(LOOP, f"{LOOP}if name != 'conv2/kernel': ", 3, "conv2/kernel"),
}


@pytest.fixture(scope="module")
def ladder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Worker | Group, Setting]]:
    """Yield a torch worker and what it climbs."""
    with worker_and_setting("torch", tmp_path_factory.mktemp("own")) as ready:
        yield ready


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_the_model_is_caught_and_named(
    name: str, ladder: tuple[Worker | Group, Setting]
) -> None:
    """The first rung and tensor that it spoils; a crash is a failed rung with its reason."""
    mistake = MISTAKES[name]
    assert MODEL.count(mistake.stands) == 1
    model = MODEL.replace(mistake.stands, mistake.written)
    failing = put_on_ladder(name, model, *ladder, dropout=mistake.dropout)
    assert failing is not None
    assert failing.number == mistake.rung, failing.reason
    assert mistake.named in (failing.first_failing or str(failing.reason))


def test_the_model_as_it_stands_climbs_to_the_top(ladder: tuple[Worker | Group, Setting]) -> None:
    """What catches the mistakes is not the copying."""
    assert put_on_ladder("unchanged", MODEL, *ladder, dropout=False) is None


def put_on_ladder(
    name: str, model: str, worker: Worker | Group, setting: Setting, *, dropout: bool
) -> Rung | None:
    """Return the failing rung of a port whose model is `model`."""
    directory = setting.directory
    (directory / f"{name}_model.py").write_text(model)
    port_path = directory / f"{name}.py"
    port_path.write_text(TRAINER.format(model=f"{name}_model"))
    reference = setting.reference(dropout)
    port = Port(name, "torch", str(port_path), "Trainer", "cpu")
    climber = Climber(port, reference.plan, worker, reference.inputs, directory)
    return beside([ascend(climber, reference, kinds_of(reference.plan))], reference).failing
