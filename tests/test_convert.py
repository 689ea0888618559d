"""`python -m compare.convert`: both frameworks' files, there and back, and what is refused."""

import subprocess
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from compare.data import mnist
from compare.ladder.oracle import Oracle
from lenet_spec import LeNetSpec
from tests.commands import bare_python, command
from tests.conversion.commands import NOT_NEEDED, child, trained_alike
from torch_impl.layout import from_canonical

SPEC = LeNetSpec()
Chain = dict[str, subprocess.CompletedProcess[str]]
convert = partial(command, module="compare.convert")


def logits_line(done: subprocess.CompletedProcess[str]) -> str:
    """Check that a conversion ended well, and return its first line."""
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout.splitlines()[0]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with the canonical weights; its name has a space and a letter outside ASCII."""
    directory = tmp_path_factory.mktemp("convert") / "mes poids é"
    directory.mkdir()
    safetensors.numpy.save_file(trained_alike(), directory / "start.safetensors")
    return directory


@pytest.fixture(scope="module")
def chain(place: Path) -> Chain:
    """Canonical to Keras to torch to Keras to canonical: every format is written once and read once."""
    steps = [
        ("start.safetensors", "a.weights.h5", "--torch-python", NOT_NEEDED),
        ("a.weights.h5", "b.pt"),
        ("b.pt", "c.keras"),
        ("c.keras", "end.safetensors", "--torch-python", NOT_NEEDED),
    ]
    return {target: convert(place / source, place / target, *options) for source, target, *options in steps}


@pytest.mark.proof
def test_each_conversion_gives_the_same_predictions(
    chain: Chain,
) -> None:
    """Ten thousand equal predictions at each step, and one line that says so."""
    for done in chain.values():
        line = logits_line(done)
        assert line.startswith("logits    10,000 of 10,000 predictions equal · largest difference ")
        assert len(done.stdout.splitlines()) == 2


@pytest.mark.proof
def test_there_and_back_no_bit_is_lost(chain: Chain, place: Path) -> None:
    """After Keras, torch and Keras again the canonical arrays are the first ones, bit for bit."""
    assert chain["end.safetensors"].returncode == 0
    end = safetensors.numpy.load_file(place / "end.safetensors")
    assert set(end) == set(SPEC.parameter_shapes())
    for name, array in trained_alike().items():
        assert end[name].dtype == array.dtype
        assert end[name].tobytes() == array.tobytes(), name


@pytest.mark.proof
def test_a_user_without_this_project_loads_both_keras_files(chain: Chain, place: Path) -> None:
    """Plain Keras gives the ten thousand predictions that the oracle gives."""
    assert chain["c.keras"].returncode == 0
    images = mnist.scale(mnist.load().test_images, SPEC)
    np.save(place / "images.npy", images)
    child("tests.conversion.plain_keras", place / "c.keras", place / "a.weights.h5", place / "images.npy",
          place / "predictions.npy")  # fmt: skip
    loaded, built = np.load(place / "predictions.npy")
    np.testing.assert_array_equal(loaded, built)
    oracle = Oracle(SPEC, trained_alike()).logits(images[:500]).argmax(axis=1)
    np.testing.assert_array_equal(loaded[:500], oracle)
    assert len(np.unique(oracle)) > 2  # predictions that tell something


@pytest.mark.proof
@pytest.mark.usefixtures("chain")
def test_nothing_else_is_left_beside_the_files(place: Path) -> None:
    """No temporary directory, no log."""
    assert not list(place.glob(".*"))


def test_a_target_that_is_there_is_not_replaced(place: Path, tmp_path: Path) -> None:
    """Exit 2 before any framework is started; --overwrite is named."""
    target = tmp_path / "out.pt"
    target.write_bytes(b"precious")
    done = convert(place / "start.safetensors", target, "--torch-python", NOT_NEEDED)
    assert (done.returncode, done.stdout) == (2, "")
    assert "already exists, and is not replaced" in done.stderr
    assert "--overwrite" in done.stderr
    assert target.read_bytes() == b"precious"


def test_a_framework_that_is_missing(tmp_path: Path) -> None:
    """Exit 2, with the option that names another interpreter."""
    (tmp_path / "some.keras").write_bytes(b"")
    bare = bare_python(tmp_path / "bare")
    done = convert(tmp_path / "some.keras", tmp_path / "out.pt", "--tf-python", bare)
    assert done.returncode == 2
    assert f"TensorFlow is needed here: tensorflow is not installed for {bare}; install it" in done.stderr
    assert done.stderr.count("--tf-python") == 1


def test_a_source_that_is_not_there(tmp_path: Path) -> None:
    """One line, exit 2."""
    done = convert(tmp_path / "none.pt", tmp_path / "out.keras")
    assert done.returncode == 2
    assert done.stderr.endswith(
        "none.pt: cannot be read: No such file or directory.\nName a file that this user can read.\n"
    )


@pytest.mark.parametrize("name", SPEC.parameter_shapes())
def test_the_page_tells_the_names_and_layouts(name: str) -> None:
    """docs/checkpoints.md holds each parameter's name and shape in both layouts."""
    shape = SPEC.parameter_shapes()[name]
    theirs = from_canonical(name, np.zeros(shape, np.float32), SPEC).shape
    lines = (Path(__file__).parents[1] / "docs" / "checkpoints.md").read_text().splitlines()
    (row,) = [line for line in lines if line.startswith(f"| `{name}` |")]
    cells = [cell.strip().partition(" (")[0] for cell in row.strip("|").split("|")]
    torch_name = name.replace("/kernel", ".weight").replace("/bias", ".bias")
    assert cells[1] == ", ".join(map(str, shape))
    assert cells[3:] == [f"`{torch_name}`", ", ".join(map(str, theirs))]
