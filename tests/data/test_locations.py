"""Finding the four files, in the layouts and under the names that tools give them."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from compare.data.locations import USUAL, Files, find_files
from compare.data.mnist import load
from compare.errors import UserError
from tests.data.idx_files import SPEC, assert_tells, without_root, write_set

TRAIN_IMAGES = "train-images-idx3-ubyte"
DOTTED = "train-images.idx3-ubyte"


def touch(directory: Path, separator: str = "-", ending: str = "") -> Path:
    """Four empty files under the right names."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in spelled(separator, ending):
        (directory / name).touch()
    return directory


def spelled(separator: str = "-", ending: str = "") -> list[str]:
    """Return the usual names, with another separator before idx, and an ending."""
    return [name.replace("-idx", f"{separator}idx") + ending for name in USUAL.values()]


@pytest.mark.parametrize("separator", ["-", "."])
@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("place", [".", "raw", "MNIST/raw", "FashionMNIST/raw", "KMNIST/raw"])
def test_every_layout_and_name_is_found(tmp_path: Path, separator: str, ending: str, place: str) -> None:
    """Flat or as torchvision lays them, as published or as unpackers rename them, packed or not."""
    directory = touch(tmp_path / place, separator, ending)
    files = find_files(tmp_path)
    assert files == Files(*(directory / name for name in spelled(separator, ending)))


OTHER_NAMES = {
    "test- for t10k-": "{train,test}-{images-idx3,labels-idx1}-ubyte.gz",
    "EMNIST": "emnist-digits-{train,test}-{images-idx3,labels-idx1}-ubyte",
    "QMNIST": "qmnist-{train,test}-{images-idx3-ubyte,labels-idx2-int}",
    "Kaggle": "{train,t10k}-{images.idx3,labels.idx1}-ubyte",
    "no type": "{train,test}-{images,labels}.gz",
    "no ubyte": "{train,t10k}-{images.idx3,labels.idx1}",
    "capitals": "MNIST_{TRAIN,TEST}_{IMAGES,LABELS}.IDX.GZ",
    "in directories of the split": "{train/train,test/t10k}-{images-idx3,labels-idx1}-ubyte",
    "in directories of the files": (
        "{train-images-idx3-ubyte/train-images,train-labels-idx1-ubyte/train-labels,"
        "t10k-images-idx3-ubyte/t10k-images,t10k-labels-idx1-ubyte/t10k-labels}"
    ),
    "torchvision's EMNIST": "EMNIST/raw/emnist-mnist-{train,test}-{images-idx3,labels-idx1}-ubyte",
}


def expanded(pattern: str) -> list[str]:
    """Expand braces as a shell does, in its order."""
    before, brace, rest = pattern.partition("{")
    inside, _, after = rest.partition("}")
    tails = expanded(after) if brace else [""]
    return [f"{before}{choice}{tail}" for choice in inside.split(",") for tail in tails]


@pytest.mark.parametrize("pattern", OTHER_NAMES.values(), ids=OTHER_NAMES)
@pytest.mark.parametrize(
    "beside", [(), ("readme.txt", "emnist-digits-mapping.txt", "mnist.npz", "train.csv")]
)
def test_names_that_other_tools_write_are_found(
    tmp_path: Path, pattern: str, beside: tuple[str, ...]
) -> None:
    """Whatever else lies beside them."""
    wanted = [tmp_path / name for name in expanded(pattern)]
    for path in [*wanted, *(wanted[0].parent / name for name in beside)]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert find_files(tmp_path) == Files(*wanted)


def test_one_of_several_sets_in_a_directory_may_be_named(tmp_path: Path) -> None:
    """EMNIST's six lie side by side: the beginning of the files' names chooses, as the refusal says."""
    for name in ("digits", "letters", "mnist"):
        for file in expanded("{train,test}-{images-idx3,labels-idx1}-ubyte"):
            (tmp_path / f"emnist-{name}-{file}").touch()
    with pytest.raises(UserError) as raised:
        find_files(tmp_path)
    assert_tells(raised, "only one", "emnist-digits, emnist-letters, emnist-mnist", "Name one of them")
    files = find_files(tmp_path / "emnist-digits")
    assert files.test_labels == tmp_path / "emnist-digits-test-labels-idx1-ubyte"
    with pytest.raises(UserError) as raised:
        find_files(tmp_path / "emnist-balanced")
    assert_tells(raised, "there is no such directory")


def test_a_complete_set_goes_before_a_part_of_another(tmp_path: Path) -> None:
    """A single file of another set, left over, makes nothing ambiguous."""
    touch(tmp_path / "MNIST" / "raw")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "emnist-letters-train-images-idx3-ubyte").touch()
    (tmp_path / "MNIST" / "raw" / "xnist-test-images-idx3-ubyte").touch()
    assert find_files(tmp_path).train_images == tmp_path / "MNIST" / "raw" / TRAIN_IMAGES


def test_a_refusal_names_what_is_there(tmp_path: Path) -> None:
    """A set in another format, or with one name misspelt, is seen in the message."""
    for name in ("mnist.npz", *"abcdefg"):
        (tmp_path / name).touch()
    with pytest.raises(UserError) as raised:
        find_files(tmp_path)
    assert_tells(raised, "the directory holds a, b, c, d, e, f and 2 more", "Put the four files there")
    touch(tmp_path / "data")
    (tmp_path / "data" / "t10k-labels-idx1-ubyte").rename(tmp_path / "data" / "t10k-lables-idx1-ubyte")
    with pytest.raises(UserError) as raised:
        find_files(tmp_path / "data")
    assert_tells(
        raised,
        "test labels are missing",
        "the directory holds t10k-images-idx3-ubyte, t10k-lables-idx1-ubyte",
    )


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
    assert_tells(
        raised, str(tmp_path), f"only one of these files may exist: {candidates}", "Move all but one"
    )


def test_two_sets_are_ambiguous(tmp_path: Path) -> None:
    """A directory with MNIST and Fashion-MNIST names both, and how to choose."""
    touch(tmp_path / "MNIST" / "raw")
    touch(tmp_path / "FashionMNIST" / "raw")
    with pytest.raises(UserError) as raised:
        find_files(tmp_path)
    assert_tells(raised, str(tmp_path), "FashionMNIST/raw, MNIST/raw", "Name one of them with --data-dir")


@pytest.mark.parametrize("role", USUAL)
def test_a_missing_file_is_named(tmp_path: Path, role: str) -> None:
    """Which of the four, under what names it was looked for, and how to get it."""
    touch(tmp_path)
    name = USUAL[role]
    (tmp_path / name).unlink()
    with pytest.raises(UserError) as raised:
        find_files(tmp_path)
    assert_tells(raised, str(tmp_path), f"{role.replace('_', ' ')} are missing", name, ".gz")


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
        (make_link_to_nothing, "is a link to gone, which does not exist"),
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
    assert_tells(raised, str(path), "is a link to gone, which does not exist")


def test_a_directory_in_a_files_place_is_named(tmp_path: Path) -> None:
    """Where no file bears the name, the directory is reported."""
    path = write_set(tmp_path) / TRAIN_IMAGES
    path.unlink()
    path.mkdir()
    with pytest.raises(UserError) as raised:
        load(tmp_path, SPEC)
    assert_tells(raised, str(path), "must be a regular file but is a directory")
