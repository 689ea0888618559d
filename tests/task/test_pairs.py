"""Small pairs of networks in real workers: correct ones pass every rung, wrong ones fail where they must."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from compare.data import task_file
from compare.errors import UserError
from compare.ladder.config import ParityConfig
from compare.records.task import TaskParity
from compare.task.climb import RUNGS
from compare.task.proof import Climbing, climb_task, climbing_sides
from compare.task.template import write_new_task
from tools.network_catalogue import MISTAKES, Mistake, keras, torch
from tools.network_mistakes import written

SHOWN = ("BatchNorm's epsilon", "a schedule one step off", "padding masked on one side")


@pytest.fixture(scope="module")
def climbing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Climbing]:
    """Yield a worker of each framework, which all pairs here share."""
    with climbing_sides(ParityConfig(threads=1), tmp_path_factory.mktemp("workers")) as ready:
        yield ready


def climbed(
    mistake: Mistake,
    climbing: Climbing,
    directory: Path,
    seed: int = 0,
    dtype: Literal["float64", "float32"] = "float64",
) -> TaskParity:
    """Put a pair, with a mistake in it or none, on the ladder."""
    tf, torch_file, task = written(mistake, directory)
    config = ParityConfig(task=task, threads=1, seed=seed, dtype=dtype)
    return climb_task(config, (task_file.read(task), task), (tf, torch_file), climbing, directory=directory)


@pytest.mark.proof
def test_one_worker_climbs_in_one_dtype_after_the_other(climbing: Climbing, tmp_path: Path) -> None:
    """A worker that climbed in float64 climbs in float32 next, with tolerances from float32's rounding."""
    parity = climbed(correct("branches"), climbing, tmp_path, dtype="float32")
    assert parity.summary.startswith(f"{len(RUNGS)} of {len(RUNGS)} rungs · 8 layers · float32")
    assert parity.exact is None


@pytest.mark.parametrize(
    ("name", "rung"), [("a branch detached", "6"), ("L2 with a factor of a half", "5"), ("another rate", "7")]
)
def test_float32_still_finds_a_mistake(name: str, rung: str, climbing: Climbing, tmp_path: Path) -> None:
    """Its limits for gradients and steps are wide, but not as wide as a mistake."""
    mistake = next(one for one in MISTAKES if one.name == name)
    failing = climbed(mistake, climbing, tmp_path, dtype="float32").failing
    assert failing is not None
    assert failing.id == rung


def correct(network: str, *edits: tuple[str, str, str]) -> Mistake:
    """Return a pair without a mistake, apart from edits of its files."""
    return Mistake("none", network, "", "", edits)


@pytest.mark.parametrize(
    "network", [pytest.param("lenet", marks=pytest.mark.proof), "cnn", "gru", "transformer", "adam"]
)
def test_a_correct_pair_passes_every_rung(network: str, climbing: Climbing, tmp_path: Path) -> None:
    """Pairs with convolutions, dropout, recurrent layers and attention agree in float64 on every rung."""
    parity = climbed(correct(network), climbing, tmp_path)
    assert parity.summary.startswith(f"{len(RUNGS)} of {len(RUNGS)} rungs")
    assert parity.passed
    assert parity.exact is not None


OWN_POSITIONS = (
    keras("layers.Embedding(7, 8)", 'self.add_weight(shape=(7, 8), name="positions")'),
    keras("self.positions(ops.arange(7))", "self.positions"),
    torch("nn.Embedding(7, 8)", "nn.Parameter(torch.randn(7, 8))"),
    torch("self.positions(torch.arange(7))", "self.positions"),
)


def test_a_variable_of_the_model_itself_is_compared(climbing: Climbing, tmp_path: Path) -> None:
    """Such as a table of positions; a mistake in a layer inside the model is still named by that layer."""
    parity = climbed(correct("transformer", *OWN_POSITIONS), climbing, tmp_path)
    assert parity.passed
    assert ("self", "self") in parity.pairs
    epsilon = torch("self.norm1 = nn.LayerNorm(8, eps=1e-5)", "self.norm1 = nn.LayerNorm(8, eps=1e-3)")
    failing = climbed(correct("transformer", *OWN_POSITIONS, epsilon), climbing, tmp_path).failing
    assert failing is not None
    assert (failing.id, failing.first_failing) == ("4a", "norm1 output")


FROZEN_TORCH = (
    torch(
        "class Network",
        "class Fixed(nn.BatchNorm2d):\n"
        "    def train(self, mode=True):\n"
        "        return super().train(False)\n\n\n"
        "class Network",
    ),
    torch("nn.BatchNorm2d(", "Fixed("),
)
FROZEN_NORM = (
    keras('name="norm")', 'name="norm", trainable=False)'),
    *FROZEN_TORCH,
    torch("eps=1e-5)", "eps=1e-5).requires_grad_(False)"),
)
FIXED_NORM = (
    keras(
        "def model()",
        "class Fixed(layers.BatchNormalization):\n"
        "    def call(self, inputs, training=None, mask=None):\n"
        "        return super().call(inputs, training=False)\n\n\n"
        "def model()",
    ),
    keras("layers.BatchNormalization(", "Fixed("),
    *FROZEN_TORCH,
)
DOUBLED_HEAD = (
    keras(
        "def model()",
        "class Doubled(layers.Dense):\n"
        "    def call(self, inputs, training=False):\n"
        "        return super().call(inputs) * (2 if training else 1)\n\n\n"
        "def model()",
    ),
    keras("layers.Dense(3", "Doubled(3"),
    torch(
        "class Network",
        "class Doubled(nn.Linear):\n"
        "    def forward(self, x):\n"
        "        return super().forward(x) * (2 if self.training else 1)\n\n\n"
        "class Network",
    ),
    torch("nn.Linear(8, 3)", "Doubled(8, 3)"),
)


@pytest.mark.parametrize(
    ("network", "edits", "said"),
    [
        ("cnn", FIXED_NORM, "norm in {} is a BatchNorm"),
        ("adam", DOUBLED_HEAD, "head in {} is the first layer that computes differently in training"),
        ("cnn", FROZEN_NORM, None),
    ],
)
def test_a_note_says_what_both_sides_do_wrong_in_training(
    network: str,
    edits: tuple[tuple[str, str, str], ...],
    said: str | None,
    climbing: Climbing,
    tmp_path: Path,
) -> None:
    """The two sides agree, so every rung passes; the note names the layer of each."""
    parity = climbed(correct(network, *edits), climbing, tmp_path)
    assert parity.passed, parity.failing
    notes = next(rung.notes for rung in parity.rungs if rung.id == "4b")
    expected = [said.format(side) for side in ("tf", "torch")] if said else []
    assert len(notes) == len(expected)
    assert all(note.startswith(start) for note, start in zip(notes, expected, strict=True))


def test_a_bilinear_resize_is_proved_in_float64(climbing: Climbing, tmp_path: Path) -> None:
    """TensorFlow's own computes in float32, which no correct pair could pass."""
    own = (
        'layers.MaxPooling2D(2), layers.UpSampling2D(2, interpolation="bilinear"), layers.AveragePooling2D(2)'
    )
    resized = "functional.interpolate(functional.max_pool2d(x, 2), scale_factor=2, mode='bilinear')"
    edits = (
        keras("layers.MaxPooling2D(2)", own),
        torch("functional.max_pool2d(x, 2)", f"functional.avg_pool2d({resized}, 2)"),
    )
    assert climbed(correct("cnn", *edits), climbing, tmp_path).passed


def transposed(made: str, used: str = "self.up(x)") -> Mistake:
    """Return the pair with a transposed convolution that crops on the Keras side."""
    own = keras("(4, 2, strides=2, name", '(4, 3, strides=2, padding="same", name')
    return correct(
        "cnn", own, torch("nn.ConvTranspose2d(12, 4, 2, stride=2", made), torch("self.up(x)", used)
    )


def test_a_transposed_convolution_may_be_cropped_after_it(climbing: Climbing, tmp_path: Path) -> None:
    """torch's own padding cannot crop one side alone, as "same" does."""
    made = "nn.ConvTranspose2d(12, 4, 3, stride=2"
    assert climbed(transposed(made, "self.up(x)[:, :, :-1, :-1]"), climbing, tmp_path).passed
    failing = climbed(transposed(f"{made}, padding=1, output_padding=1"), climbing, tmp_path).failing
    assert failing is not None
    assert failing.first_failing == "up output"
    assert "padding [0, 1, 0, 1] in tf, [1, 0, 1, 0] in torch" in failing.hints
    failing = climbed(transposed(made, "self.up(x)[:, :, 1:, 1:]"), climbing, tmp_path).failing
    assert failing is not None
    assert failing.first_failing == "hidden input"


@pytest.mark.parametrize("name", SHOWN)
def test_a_mistake_fails_at_its_rung_and_tensor(name: str, climbing: Climbing, tmp_path: Path) -> None:
    """One mistake of each kind is caught; `make network-mistakes` tries the whole catalogue."""
    mistake = next(one for one in MISTAKES if one.name == name)
    failing = climbed(mistake, climbing, tmp_path).failing
    assert failing is not None
    assert (failing.id, failing.first_failing) == (mistake.rung, mistake.tensor)


def test_the_pair_of_a_new_task_passes(climbing: Climbing, tmp_path: Path) -> None:
    """And with losses on probabilities, which agree until one is as good as 0, fails under stress."""
    write_new_task(tmp_path)
    assert climbed_files(tmp_path, climbing).passed
    for name, old, new in (
        (
            "my_keras.py",
            "(from_logits=True)(targets, outputs)",
            "()(targets, keras.ops.softmax(outputs) * 1)",
        ),
        ("my_torch.py", "cross_entropy(outputs,", "nll_loss(torch.log(torch.softmax(outputs, 1)),"),
    ):
        (tmp_path / name).write_text((tmp_path / name).read_text().replace(old, new))
    failing = climbed_files(tmp_path, climbing).failing
    assert failing is not None
    assert (failing.id, failing.first_failing) == ("S", "loss")
    assert any("give both losses logits" in hint for hint in failing.hints)


def climbed_files(directory: Path, climbing: Climbing) -> TaskParity:
    """Put a directory's three files on the ladder."""
    task, tf, torch_file = (directory / name for name in ("task.py", "my_keras.py", "my_torch.py"))
    config = ParityConfig(task=task, threads=1)
    return climb_task(config, (task_file.read(task), task), (tf, torch_file), climbing, directory=directory)


def test_a_threshold_that_no_unit_reaches_is_named(climbing: Climbing, tmp_path: Path) -> None:
    """The pair passes, and the report says what it did not compare."""
    clamped = torch("functional.relu(self.conv(images))", "self.conv(images).clamp(0.0, 1e9)")
    rungs = {rung.id: rung for rung in climbed(correct("cnn", clamped), climbing, tmp_path).rungs}
    assert rungs["S"].verdict == "pass"
    assert rungs["S"].notes == [
        "all units are on one side of clamp at 1e+09 after conv: the other side is not compared"
    ]


def test_what_is_computed_in_another_dtype_is_named(climbing: Climbing, tmp_path: Path) -> None:
    """Its variables alone are not enough."""
    narrow = torch(
        "return self.head(functional.dropout(x, 0.5, self.training))", "return self.head(x).float()"
    )
    failing = climbed(correct("cnn", narrow), climbing, tmp_path).failing
    assert failing is not None
    assert (failing.id, failing.reason) == ("0", "loss of torch is float32; everything must be float64")


def test_an_lstms_two_biases_are_named(climbing: Climbing, tmp_path: Path) -> None:
    """An LSTM's two biases pass until rung 7, because their sum trains twice as fast."""
    failing = climbed(correct("lstm"), climbing, tmp_path).failing
    assert failing is not None
    assert failing.id == "7"
    assert any("bias_ih and bias_hh" in hint for hint in failing.hints)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (
            keras("[tf.convert_to_tensor(one) for one in grads]", "grads"),
            "a token that occurs twice has two gradients in tf",
        ),
        (
            torch(
                "clip([one.grad for one in own if one.grad is not None], 0.5)",
                "nn.utils.clip_grad_norm_(own, 0.5)",
            ),
            "clip_grad_norm_ adds 1e-6 to the norm",
        ),
        (torch('group["eps"] = 1e-7 / ', 'group["eps"] = 1e-6 / '), "under Optimizers that differ"),
        (
            torch("torch.optim.Adam(own", "torch.optim.Adam(own[:3]"),
            "torch's optimizer does not hold head/kernel",
        ),
        (keras("Adam(0.01, epsilon=1e-7", "keras.optimizers.Adagrad(0.01"), "accumulator 0.1"),
    ],
)
def test_the_hints_of_an_optimizer_name_its_difference(
    edit: tuple[str, str, str], words: str, climbing: Climbing, tmp_path: Path
) -> None:
    """Each is one of those that the correct pair in docs/examples/networks/adam makes the same."""
    failing = climbed(correct("adam", edit), climbing, tmp_path).failing
    assert failing is not None
    assert failing.id == "7"
    assert any(words in hint for hint in failing.hints)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (torch("def model()", "def other()"), "my_torch.py has no function model"),
        (torch("return Network()", "return 3"), "it must return a torch.nn.Module"),
        (torch("    def forward", "    def other"), "NotImplementedError"),
        (torch("x = torch.tanh(", "x = torch.rand(16) + torch.tanh("), "differ, before head"),
        (torch("ropy(outputs, targets)", "ropy(outputs, targets, reduction='none')"), "tensor of shape [6]"),
        (torch("torch.optim.SGD(parameters,", "dict("), "optimizer() returns dict; it must return"),
        (
            torch("nn.Linear(16, 5)", "nn.utils.parametrizations.weight_norm(nn.Linear(16, 5))"),
            "no layer shows head.parametrizations.weight.original0",
        ),
        (keras('"""See', 'import sys\nsys.exit(3)\n"""See'), "ends the program"),
        (keras("        ]\n", 'layers.GaussianNoise(0.1, name="noise")]'), "noise (GaussianNoise)"),
    ],
)  # fmt: skip
def test_what_cannot_be_proved_is_refused_by_name(
    edit: tuple[str, str, str], words: str, climbing: Climbing, tmp_path: Path
) -> None:
    """The refusal names the file, the layer or the rule in one sentence, and the workers continue."""
    with pytest.raises(UserError) as refusal:
        climbed(correct("cnn", edit), climbing, tmp_path)
    assert words in str(refusal.value)


def test_a_path_that_depends_on_data_is_refused(climbing: Climbing, tmp_path: Path) -> None:
    """A model whose path depends on the batch is refused."""
    branch = torch(
        "return self.head(",
        "x = x + 0 * self.head(x).sum() if images[0, 0, 0, 0] > 0 else x\n        return self.head(",
    )
    with pytest.raises(UserError, match="uses other layers for another batch"):
        climbed(correct("cnn", branch), climbing, tmp_path, seed=1)  # its first two batches differ in sign
