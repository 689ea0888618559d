"""Finding the four files, in the layouts and under the names that tools give them."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from compare.data.locations import STEMS, Files, find_files
from compare.data.mnist import load
from compare.errors import UserError
from tests.data.idx_files import SPEC, assert_tells, without_root, write_set

TRAIN_IMAGES = "train-images-idx3-ubyte"
DOTTED = "train-images.idx3-ubyte"


def touch(directory: Path, separator: str = "-", ending: str = "") -> Path:
    """Four empty files under the right names."""
    directory.mkdir(parents=True, exist_ok=True)
    for stem in STEMS.values():
        (directory / (separator.join(stem) + ending)).touch()
    return directory


@pytest.mark.parametrize("separator", ["-", "."])
@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("place", [".", "raw", "MNIST/raw", "FashionMNIST/raw", "KMNIST/raw"])
def test_every_layout_and_name_is_found(tmp_path: Path, separator: str, ending: str, place: str) -> None:
    """Flat or as torchvision lays them, as published or as unpackers rename them, packed or not."""
    directory = touch(tmp_path / place, separator, ending)
    files = find_files(tmp_path)
    assert files == Files(*(directory / (separator.join(stem) + ending) for stem in STEMS.values()))


@pytest.mark.parametrize("given", ["data", "data/MNIST", "data/MNIST/raw"])
def test_any_level_of_torchvisions_layout_may_be_named(tmp_path: Path, given: str) -> None:
    """`--data-dir` may be torchvision's root, the set's directory or its raw directory."""
    write_set(tmp_path / "data" / "MNIST" / "raw")
    dataset = load(tmp_path / given, SPEC)
    assert dataset.source == str(tmp_path / "data" / "MNIST" / "raw")


def test_a_plain_file_goes_before_gzip(tmp_path: Path) -> None:
    """torchvision leaves both; the plain one is what was unpacked, and needs no unpacking again."""
    touch(tmp_path, ending=".gz")
    touch(tmp_path)
    assert find_files(tmp_path).train_images == tmp_path / TRAIN_IMAGES


def test_the_directory_named_goes_before_those_in_it(tmp_path: Path) -> None:
    """Files lying right there are what the user meant."""
    touch(tmp_path / "MNIST" / "raw")
    touch(tmp_path)
    assert find_files(tmp_path).train_images.parent == tmp_path


def test_the_four_may_be_named_in_different_ways(tmp_path: Path) -> None:
    """Each file is looked for by itself."""
    touch(tmp_path)
    (tmp_path / TRAIN_IMAGES).rename(tmp_path / f"{DOTTED}.gz")
    assert find_files(tmp_path).train_images == tmp_path / f"{DOTTED}.gz"


def test_an_unpackers_directory_beside_the_file_is_passed_over(tmp_path: Path) -> None:
    """Some archives hold a directory under the one name and the file under the other."""
    touch(tmp_path, ".")
    (tmp_path / TRAIN_IMAGES).mkdir()
    assert find_files(tmp_path).train_images == tmp_path / DOTTED


def test_two_names_of_one_file_are_one(tmp_path: Path) -> None:
    """A link from one spelling to the other leaves nothing to choose."""
    touch(tmp_path)
    (tmp_path / DOTTED).symlink_to(TRAIN_IMAGES)
    assert find_files(tmp_path).train_images == tmp_path / TRAIN_IMAGES


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_two_files_of_one_kind_are_ambiguous(tmp_path: Path, ending: str) -> None:
    """Neither spelling is better than the other: the user decides."""
    touch(tmp_path, "-", ending)
    touch(tmp_path, ".", ending)
    with pytest.raises(UserError) as raised:
        find_files(tmp_path)
    candidates = f"{TRAIN_IMAGES}{ending}, {DOTTED}{ending}"
    assert_tells(raised, str(tmp_path), f"only one of these may be there: {candidates}", "Move all but one")


def test_two_sets_are_ambiguous(tmp_path: Path) -> None:
    """A directory with MNIST and Fashion-MNIST names both, and how to choose."""
    touch(tmp_path / "MNIST" / "raw")
    touch(tmp_path / "FashionMNIST" / "raw")
    with pytest.raises(UserError) as raised:
        find_files(tmp_path)
    assert_tells(raised, str(tmp_path), "FashionMNIST/raw, MNIST/raw", "Name one of them with --data-dir")


@pytest.mark.parametrize("role", STEMS)
def test_a_missing_file_is_named(tmp_path: Path, role: str) -> None:
    """Which of the four, under what names it was looked for, and how to get it."""
    touch(tmp_path)
    name = "-".join(STEMS[role])
    (tmp_path / name).unlink()
    with pytest.raises(UserError) as raised:
        find_files(tmp_path)
    assert_tells(raised, str(tmp_path), f"{role.replace('_', ' ')} are missing", name, ".gz", "--download")


def make_nothing(path: Path) -> None:
    """There is no such directory."""


def make_file(path: Path) -> None:
    """Put an empty file there."""
    path.write_bytes(b"")


def make_link_to_nothing(path: Path) -> None:
    """Put a link to nothing there."""
    path.symlink_to("gone")


def make_link_loop(path: Path) -> None:
    """Put a link to itself there."""
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (make_nothing, "there is no such directory"),
        (make_file, "must be a directory but is not"),
        (os.mkfifo, "must be a directory but is not"),
        (make_link_to_nothing, "is a link to gone, which is not there"),
        (make_link_loop, "Too many levels of symbolic links"),
        (Path.mkdir, f"holds none of {TRAIN_IMAGES}, "),
    ],
    ids=["missing", "file", "FIFO", "broken link", "link loop", "empty"],
)
def test_a_directory_that_is_none_is_refused(
    tmp_path: Path, make: Callable[[Path], object], problem: str
) -> None:
    """What is in the directory's place is named."""
    make(tmp_path / "data")
    with pytest.raises(UserError) as raised:
        find_files(tmp_path / "data")
    assert_tells(raised, str(tmp_path / "data"), problem)


@pytest.mark.parametrize("name", ["nul\0name", "n" * 300])
def test_a_name_that_no_directory_can_have_is_refused(tmp_path: Path, name: str) -> None:
    """NUL and excess length are no traceback."""
    with pytest.raises(UserError) as raised:
        find_files(tmp_path / name)
    assert_tells(raised, "cannot be read")


@pytest.mark.parametrize("closed", ["data", "data/raw", "data/MNIST/raw"])
def test_a_directory_without_permission_is_refused(closed: str) -> None:
    """Not being allowed to look is not the same as finding nothing."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        root.chmod(0o755)
        touch(root / closed).chmod(0)
        with without_root(), pytest.raises(UserError) as raised:
            find_files(root / "data")
        (root / closed).chmod(0o755)
    assert_tells(raised, str(root / closed), "cannot be read: Permission denied")


def test_a_closed_directory_beside_the_set_is_passed_over() -> None:
    """A disk's `lost+found` is nobody's data."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        root.chmod(0o755)
        touch(root / "MNIST" / "raw")
        (root / "lost+found").mkdir(mode=0)
        with without_root():
            files = find_files(root)
        assert files.train_images == root / "MNIST" / "raw" / TRAIN_IMAGES


def test_a_broken_link_is_named_when_it_is_read(tmp_path: Path) -> None:
    """It is not taken for a missing file, nor passed over for another."""
    path = write_set(tmp_path) / TRAIN_IMAGES
    path.unlink()
    path.symlink_to("gone")
    with pytest.raises(UserError) as raised:
        load(tmp_path, SPEC)
    assert_tells(raised, str(path), "is a link to gone, which is not there")


def test_a_directory_in_a_files_place_is_named(tmp_path: Path) -> None:
    """Where no file bears the name, the directory is reported."""
    path = write_set(tmp_path) / TRAIN_IMAGES
    path.unlink()
    path.mkdir()
    with pytest.raises(UserError) as raised:
        load(tmp_path, SPEC)
    assert_tells(raised, str(path), "must be a regular file but is a directory")
