"""Downloading through torchvision in a child process, and every way in which that fails."""

import socket
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

from compare.data import torchvision_child
from compare.data.download import LONGEST_REASON, download
from compare.data.mnist import load
from compare.errors import UserError
from tests.data.idx_files import SPEC, assert_tells, write_set

THIS_PYTHON = Path(sys.executable)
needs_torchvision = pytest.mark.skipif(find_spec("torchvision") is None, reason="needs torchvision")


def interpreter(directory: Path, script: str) -> Path:
    """Return a program in Python's place that runs `script` in a shell."""
    path = directory / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_the_child_is_told_what_and_where(tmp_path: Path) -> None:
    """A directory's name arrives whole, spaces and umlauts too; the set's own directory is returned."""
    python = interpreter(tmp_path, f'printf "%s|" "$@" > "{tmp_path}/arguments"')
    target = tmp_path / "meine Datensätze"
    assert download("FashionMNIST", target, python) == target / "FashionMNIST"
    arguments = (tmp_path / "arguments").read_text().split("|")
    assert arguments == ["-E", "-P", torchvision_child.__file__, "FashionMNIST", str(target), ""]


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo Traceback >&2; echo 'OSError: [Errno 28] No space left' >&2; echo >&2; exit 1", "[Errno 28]"),
        ("printf '10%%\\r20%%\\rURLError: no route\\r' >&2; exit 1", "URLError: no route"),
        ("printf 'bad \\033[31mcolour\\n' >&2; exit 1", "bad [31mcolour"),
        ("printf '\\377\\n' >&2; exit 1", "\N{REPLACEMENT CHARACTER}"),
        ("exit 7", "it ended with status 7 and printed nothing."),
        ("kill -KILL $$", "it was ended by SIGKILL."),
    ],
    ids=["traceback", "progress bar", "colour", "not UTF-8", "silent", "killed"],
)
def test_the_childs_last_line_is_the_reason(tmp_path: Path, script: str, reason: str) -> None:
    """Whatever ends the child, the user sees one line of why, and what to do."""
    with pytest.raises(UserError) as raised:
        download("MNIST", tmp_path / "data", interpreter(tmp_path, script))
    assert_tells(
        raised, f"could not download MNIST into {tmp_path / 'data'}: ", reason, "Check network and disk"
    )
    assert str(raised.value).replace("\n", "").isprintable()


def test_a_flood_on_standard_error_is_cut(tmp_path: Path) -> None:
    """A last line of any length stays readable."""
    script = "head -c 1000000 /dev/zero | tr '\\0' x >&2; exit 1"
    with pytest.raises(UserError) as raised:
        download("MNIST", tmp_path, interpreter(tmp_path, script))
    assert len(str(raised.value)) < LONGEST_REASON + 500


def test_a_download_that_hangs_is_ended(tmp_path: Path) -> None:
    """After the time-out the child is gone and the user is told."""
    with pytest.raises(UserError) as raised:
        download("MNIST", tmp_path, interpreter(tmp_path, "exec sleep 60"), timeout_seconds=0.2)
    assert_tells(raised, "within 0.2 s")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda _: None, "No such file or directory"),
        (Path.mkdir, "Permission denied"),
        (lambda path: path.touch(0o644), "Permission denied"),
        (lambda path: (path.write_bytes(b"\0"), path.chmod(0o755)), "Exec format error"),
    ],
    ids=["missing", "directory", "not executable", "not a program"],
)
def test_what_is_no_interpreter_is_named(tmp_path: Path, make: Callable[[Path], object], reason: str) -> None:
    """The message names the path and the option that mends it."""
    python = tmp_path / "python"
    make(python)
    with pytest.raises(UserError) as raised:
        download("MNIST", tmp_path, python)
    assert_tells(raised, str(python), reason, "--torch-python")


def test_an_unknown_set_is_refused(tmp_path: Path) -> None:
    """Only sets whose files have MNIST's names are offered."""
    with pytest.raises(UserError) as raised:
        download("CIFAR10", tmp_path, THIS_PYTHON)
    assert_tells(raised, "'CIFAR10'", "MNIST, FashionMNIST, KMNIST")


def test_an_interpreter_without_torchvision_is_told_apart(tmp_path: Path) -> None:
    """The way on is then to install it, not to look at the network."""
    python = interpreter(tmp_path, f'exec "{sys.executable}" -S "$@"')  # -S: without installed packages
    with pytest.raises(UserError) as raised:
        download("MNIST", tmp_path, python)
    assert_tells(raised, "No module named 'torchvision'", f"Install torchvision for {python}")


def test_the_child_calls_torchvision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It downloads the set of that name, and no socket waits for ever."""
    calls = []

    def record(root: str, *, download: bool) -> None:
        calls.append((root, download, socket.getdefaulttimeout()))

    monkeypatch.setitem(sys.modules, "torchvision", SimpleNamespace(datasets=SimpleNamespace(KMNIST=record)))
    before = socket.getdefaulttimeout()
    try:
        assert torchvision_child.main(["KMNIST", str(tmp_path)]) == 0
    finally:
        socket.setdefaulttimeout(before)
    assert calls == [(str(tmp_path), True, torchvision_child.SOCKET_TIMEOUT_SECONDS)]


@needs_torchvision
def test_what_torchvision_has_is_kept_and_can_be_loaded(tmp_path: Path) -> None:
    """With the real torchvision: files that are there already are not fetched, and `load` finds them."""
    raw = write_set(tmp_path / "MNIST" / "raw")
    assert load(download("MNIST", tmp_path, THIS_PYTHON), SPEC).source == str(raw)


@needs_torchvision
def test_a_network_that_is_closed_is_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the real torchvision, behind a proxy that refuses: its last word and the way on."""
    with socket.socket() as closed:  # bound and not listening: every connection is refused
        closed.bind(("127.0.0.1", 0))
        proxy = f"http://127.0.0.1:{closed.getsockname()[1]}"
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        with pytest.raises(UserError) as raised:
            download("MNIST", tmp_path, THIS_PYTHON)
    assert_tells(
        raised, "could not download MNIST", "Connection refused", "put the four files there yourself"
    )
