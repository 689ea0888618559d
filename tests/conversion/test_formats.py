"""What a source is, is told by its content; what cannot be one is refused at once."""

import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from compare.conversion.config import ConvertConfig
from compare.conversion.files import check_paths
from compare.conversion.formats import HDF5, format_of_source, format_of_target
from compare.errors import UserError


def zipped(*names: str) -> Callable[[Path], None]:
    """Return a function that writes a zip archive with these members."""

    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, "")

    return write


def named(name: str) -> Callable[[Path], None]:
    """Return a function that writes a safetensors file with one tensor of this name."""
    return lambda path: safetensors.numpy.save_file({name: np.zeros(1, np.float32)}, path)


CONTENTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "torch": (zipped("archive/data.pkl", "archive/data/0"), "torch"),
    "torch before 1.6": (lambda path: path.write_bytes(pickle.dumps({}, 2)), "torch"),
    "keras": (zipped("metadata.json", "config.json", "model.weights.h5"), "tf"),
    "HDF5": (lambda path: path.write_bytes(HDF5 + bytes(99)), "tf"),
    "ours": (named("conv1/kernel"), "canonical"),
    "torch in safetensors": (named("conv1.weight"), "torch"),
}


@pytest.mark.parametrize(
    "name", ["a.pt", "a.pth.tar", "a.bin", "a.ckpt", "a", "a.h5", "A.KERAS", "a.hdf5", "epoch=3-step=9.ckpt"]
)
@pytest.mark.parametrize(("write", "kind"), CONTENTS.values(), ids=CONTENTS)
def test_a_source_is_known_by_its_content(
    tmp_path: Path, name: str, write: Callable[[Path], object], kind: str
) -> None:
    """Whatever its name."""
    write(tmp_path / name)
    assert format_of_source(tmp_path / name) == kind


@pytest.mark.parametrize(("name", "kind"), [("a.pt", "torch"), ("a.keras", "tf"), ("A.Weights.H5", "tf")])
def test_a_broken_source_is_known_by_its_suffix(tmp_path: Path, name: str, kind: str) -> None:
    """So that its framework says what is wrong with it."""
    (tmp_path / name).write_bytes(b"PK\x03\x04 cut short")
    assert format_of_source(tmp_path / name) == kind


def test_a_source_of_no_known_kind_is_refused(tmp_path: Path) -> None:
    """A TensorFlow checkpoint's index, for example."""
    (tmp_path / "model.ckpt.index").write_bytes(b"\x00\x00\x01\x02" * 9)
    with pytest.raises(UserError, match="is not a file of torch, of Keras or of safetensors"):
        format_of_source(tmp_path / "model.ckpt.index")


@pytest.mark.parametrize("name", ["name.h5", "name.hdf5"])
def test_keras_2s_suffix_is_read_only(name: str) -> None:
    """And the names to write instead."""
    with pytest.raises(UserError, match=r"read, but not written\.\nName it \.keras or \.weights\.h5"):
        format_of_target(Path(name))


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda _: None, "cannot be read: No such file"),
        (Path.mkdir, "must be a regular file but is a directory"),
        (os.mkfifo, "must be a regular file but is a pipe"),
        (lambda path: path.symlink_to("/dev/zero"), "must be a regular file but is a device"),
    ],
    ids=["missing", "directory", "pipe", "device"],
)
def test_what_is_no_file_is_refused_without_waiting(
    tmp_path: Path, make: Callable[[Path], object], problem: str
) -> None:
    """Nobody may ever write to a pipe."""
    make(tmp_path / "a.pt")
    with pytest.raises(UserError, match=problem):
        check_paths(ConvertConfig(tmp_path / "a.pt", tmp_path / "b.keras"))


def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    """No message could carry it."""
    path = tmp_path / os.fsdecode(b"a\xff.pt")
    path.touch()
    with pytest.raises(UserError, match=r"SOURCE: .* is not UTF-8 at character"):
        check_paths(ConvertConfig(path, tmp_path / "b.keras"))
