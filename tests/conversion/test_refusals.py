"""What files of each kind are taken, what is refused, and in which words."""

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from compare.conversion.agreement import check_agreement
from compare.conversion.config import ConvertConfig
from compare.conversion.stored_models import StoredModel, read_canonical
from compare.data import mnist
from compare.errors import UserError
from tests.commands import command
from tests.conversion.commands import NOT_NEEDED, child, trained_alike
from tests.faults.recording import Fault

Outcomes = tuple[dict[str, str], Path]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with our own file of weights."""
    directory = tmp_path_factory.mktemp("refusals")
    safetensors.numpy.save_file(trained_alike(), directory / "start.safetensors")
    return directory


@pytest.fixture(scope="module")
def torch_outcomes(place: Path) -> Outcomes:
    """Return what came of reading each torch file, by case, and where the files lie."""
    directory = place / "torch"
    directory.mkdir()
    return json.loads(
        child("tests.conversion.torch_files", place / "start.safetensors", directory)
    ), directory


@pytest.fixture(scope="module")
def keras_outcomes(place: Path) -> Outcomes:
    """Return what came of reading each Keras file, by case, and where the files lie."""
    directory = place / "keras"
    directory.mkdir()
    said = child("tests.conversion.keras_files", place / "start.safetensors", directory)
    return json.loads(said.splitlines()[-1]), directory


TORCH = {
    "good": "same",
    "wrapped": "same",
    "parallel": "same",
    "safetensors": "same",
    **dict.fromkeys(
        [
            "compiled-parallel",
            "parallel-compiled",
            "three-deep",
            "layer-compiled",
            "fsdp",
            "averaged",
            "deepspeed",
            "lightning",
            "own-attribute",
            "deep-container",
            "listed",
            "with-average",
            "flat-average",
            "loose",
        ],
        "same",
    ),
    "two-models": "it holds 2 models, under teacher and student; it must hold one",
    "two-names": "it holds 2 models, under model and net; it must hold one",
    "a-layer-beside": "head.weight [10, 10] is not a tensor of LeNet. Its 8 tensors are model.conv1.weight",
    "a-layer-within": "module.head.weight [10, 10] is not a tensor of LeNet. Its 8 tensors are module.conv1.",
    "in-part": "_orig_mod.net.conv1.bias (conv1/bias) [32] is missing; the file holds _orig_mod.net.conv1.",
    "other-names": "conv1.weight (conv1/kernel) [32, 1, 5, 5] is missing; the file holds "
    "module.backbone.features.0.weight, module.backbone.features.3.weight, all under module.backbone.",
    "no-tensor": "it holds a dict; it must hold a state_dict",
    "missing": "conv1.bias (conv1/bias) [32] is missing; the file holds conv1.weight, conv2.weight",
    "extra": "dense3.weight [10, 10] is not a tensor of LeNet. Its 8 tensors are conv1.weight",
    "misshaped": "dense1.weight (dense1/kernel) has the shape [1024, 3136]; it must have [1024, 1024]",
    "transposed": "dense2.weight (dense2/kernel) has the shape [1024, 10]; it must have [10, 1024]",
    "half": "conv1.weight (conv1/kernel) is float16; it must be a tensor of float32 or float64",
    "bfloat16": "dense2.bias (dense2/bias) is bfloat16; it must be",
    "mixed": "conv1.weight is float32 but dense2.bias is float64; all tensors must have one dtype",
    "sparse": "dense2.weight (dense2/kernel) is sparse_coo; it must be",
    "number": "dense2.bias (dense2/bias) is int; it must be a tensor",
    "nan": "conv2.weight (conv2/kernel) holds 1 of 51200 values that are not finite, first nan at [1, 2, 3",
    "infinity": "dense2.bias (dense2/bias) holds 1 of 10 values that are not finite, first inf at [4]",
    "list": "it holds a list; it must hold a state_dict",
    "whole-model": "it asks for torch_impl.model.LeNet to be called, which is not done",
    "hostile": "it asks for posix.mkdir to be called, which is not done",
    "truncated": "torch cannot load it: PytorchStreamReader failed",
    "text": "it is not a file that torch.save wrote",
}
KERAS = {
    "users": "same",
    "good": "same",
    "subclassed": "same",
    **dict.fromkeys(
        [
            "whole",
            "keras2-metrics",
            "keras2-of-2.12",
            "keras2-nested",
            "keras2-subclassed",
            "keras2-legacy",
            "keras2-legacy-numbered",
            "keras2-whole",
            "keras2-functional",
        ],
        "same",
    ),
    "keras2-misshaped": "dense_9/dense_9/kernel:0 (dense1/kernel) has the shape [3136, 1024]; it must",
    "missing": "layers/conv2d/vars/1 (conv1/bias) [32] is missing; the file holds layers/conv2d/vars/0",
    "extra": "layers/dense_2/vars/0 [3, 4] is not a tensor of LeNet. Its 8 tensors are layers/conv2d/vars/0",
    "misshaped": "layers/dense/vars/0 (dense1/kernel) has the shape [3136, 1024]; it must have [1024, 1024]",
    "half": "layers/dense_1/vars/1 (dense2/bias) is float16; it must be a tensor of float32 or float64",
    "mixed": "layers/conv2d/vars/0 is float32 but layers/dense_1/vars/1 is float64",
    "nan": "layers/dense/vars/1 (dense1/bias) holds 1 of 1024 values that are not finite, first nan at [5]",
    "external": "layers/dense_1/vars/1 (dense2/bias) is a link to another file",
    "text": "it is not a HDF5 file: ",
    "no-weights": "it is not a .keras file: ",
}


FAULTS = "Checkpoints"
REFUSED = "everything: nothing is written; exit status 2"
ROWS = {
    "three-deep": "A model in wrappers: `module.`, `_forward_module.`, `_orig_mod.`, `model.`, `net.`",
    "layer-compiled": "A model whose layers are compiled one by one",
    "lightning": "A Lightning checkpoint, with a loss's weights and the optimizer's state",
    "with-average": "A model with its moving average",
    "two-models": "Two models in one file",
    "other-names": "Layers with other names",
    "a-layer-within": "An additional layer",
    "hostile": "A pickle that would run code",
    "keras2-metrics": "A file of Keras 2 with compiled metrics",
    "keras2-of-2.12": "The folders of Keras 2.12 to 2.14",
    "keras2-legacy": "A `.h5` file of weights, as Keras 2 wrote it",
    "keras2-functional": "A `.keras` file of Keras 2 with a functional model",
    "keras2-misshaped": "A `.h5` file of another network",
    "external": "A tensor that is in another file",
}


def record(case: str, outcome: str, fault: Fault) -> None:
    """Record the row of a case that has one."""
    if case in ROWS and outcome == "same":
        fault(ROWS[case], words="nothing: it is read", survives="the conversion")
    elif case in ROWS:
        fault(ROWS[case], seen=f"error: SOURCE: {outcome}", survives=REFUSED)


@pytest.mark.parametrize("case", TORCH)
def test_what_torch_files_are_taken_and_refused(torch_outcomes: Outcomes, case: str, fault: Fault) -> None:
    """Every refusal names the tensor or the file's fault, the rule, what was found, and what to do."""
    outcome = torch_outcomes[0][case]
    assert outcome.startswith(TORCH[case])
    assert outcome == "same" or len(outcome.splitlines()) == 2
    assert "weights_only" not in outcome  # torch's own advice is to load it with all safety off
    record(case, outcome, fault)


@pytest.mark.parametrize("case", KERAS)
def test_what_keras_files_are_taken_and_refused(keras_outcomes: Outcomes, case: str, fault: Fault) -> None:
    """A user's own layer names, dropout and optimizer are taken; refusals as for torch."""
    outcome = keras_outcomes[0][case]
    assert outcome.startswith(KERAS[case])
    assert outcome == "same" or len(outcome.splitlines()) == 2
    record(case, outcome, fault)


def test_code_in_a_pickle_is_not_run(torch_outcomes: Outcomes, tmp_path: Path) -> None:
    """From the command line: exit 2, the file named, nothing written, nothing executed."""
    directory = torch_outcomes[1]
    done = command(
        directory / "hostile.pt",
        tmp_path / "out.safetensors",
        "--tf-python",
        NOT_NEEDED,
        module="compare.convert",
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {directory / 'hostile.pt'}: it asks for posix.mkdir")
    assert not (directory / "executed").exists()
    assert not list(tmp_path.iterdir())


def test_a_model_that_computes_otherwise_is_refused(keras_outcomes: Outcomes) -> None:
    """The same weights under tanh: LeNet's logits are others, and nothing is kept."""
    directory, labels, weights = keras_outcomes[1], mnist.load().test_labels, trained_alike()
    users, tanh = np.load(directory / "users.npy"), np.load(directory / "tanh.npy")
    config = ConvertConfig(Path("tanh.keras"), Path("out.pt"))
    with pytest.raises(UserError, match=r"tanh.keras: its model's logits differ from LeNet's .* by \d"):
        check_agreement(StoredModel(weights, tanh, labels), StoredModel(weights, users, labels), config)
    assert check_agreement(
        StoredModel(weights, users, labels), StoredModel(weights, users, labels), config
    ).holds


CANONICAL: dict[str, tuple[dict[str, np.ndarray | None], str]] = {
    "missing": ({"conv1/bias": None}, r"conv1/bias \[32\] is missing"),
    "extra": ({"dense3/bias": np.zeros(3, np.float32)}, r"dense3/bias \[3\] is not a tensor of LeNet"),
    "misshaped": ({"dense2/bias": np.zeros(11, np.float32)}, r"dense2/bias has the shape \[11\]"),
    "half": ({"dense2/bias": np.zeros(10, np.float16)}, "dense2/bias is float16"),
    "mixed": ({"dense2/bias": np.zeros(10, np.float64)}, "dense2/bias is float64; all tensors"),
    "nan": ({"dense2/bias": np.full(10, np.nan, np.float32)}, "dense2/bias holds 10 of 10 values"),
}


@pytest.mark.parametrize("case", CANONICAL)
def test_our_own_files_are_checked_alike(tmp_path: Path, case: str) -> None:
    """Names, shapes, dtypes and values of a canonical file."""
    change, said = CANONICAL[case]
    weights = {name: array for name, array in (trained_alike() | change).items() if array is not None}
    safetensors.numpy.save_file(weights, tmp_path / "bad.safetensors")
    with pytest.raises(UserError, match=said):
        read_canonical(tmp_path / "bad.safetensors")
