"""Results, weights and checkpoints from others: validated before they are used, and never executed."""

from __future__ import annotations

import json
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from compare.conversion.config import ConvertConfig
from compare.convert import convert
from compare.errors import UserError
from compare.records.results import write_results
from compare.report import ReportConfig, report
from tests.commands import assert_refused, command
from tests.conversion.commands import NOT_NEEDED, trained_alike
from tests.faults.recording import Fault
from tests.rendering import synthetic

FAULTS = "Files from others"
REPORT = "the file, and the files next to it; nothing is written; exit status 2"
KEPT = "the file; no target is written; exit status 2"
Edit = Callable[[dict[str, Any]], Any]


def put(*keys: Any, value: Any) -> Edit:
    """Set one value deep in results.json."""

    def edit(results: dict[str, Any]) -> None:
        place: Any = results
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value

    return edit


RESULTS: dict[str, tuple[Edit, str]] = {
    "Results of a wrong type": (put("runs", 0, "losses", value="many"), "Expected `array`, got `str`"),
    "Results with a time below zero": (
        put("runs", 0, "step_seconds", 3, value=-1.0),
        "not a positive number",
    ),
    "Results with fewer times than losses": (put("runs", 0, "step_seconds", value=[0.1]), "must be equal"),
    "Results with an accuracy of 970 %": (put("runs", 0, "test_accuracy", value=9.7), "not between 0 and 1"),
    "Results with no step beyond the warm-up": (
        put("runs", 0, "warmup_steps", value=10**6),
        "after the warm-up",
    ),
    "Results whose config has a wrong type": (
        put("config", "batch_size", value=[]),
        "got `array` - at `$.config.batch_size`",
    ),
    "Results whose spec is another network": (
        put("config", "spec", "conv1", value=7),
        "at `$.config.spec.conv1`",
    ),
    "Results whose environment has a wrong type": (
        put("environment", "cpu_mhz", value="fast"),
        "at `$.environment.cpu_mhz`",
    ),
    "Results whose parity has a wrong type": (
        put("parity", value={"passed": "yes"}),
        "Expected `bool`, got `str` - at `$.parity.passed`",
    ),
    "Results of another version of this program": (put("schema_version", value=99), "this version reads 1"),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return sound results, as they stand in results.json."""
    directory = tmp_path_factory.mktemp("results")
    write_results(synthetic.results(seeds=1, steps=30), directory)
    found: dict[str, Any] = json.loads((directory / "results.json").read_text())
    return found


@pytest.mark.parametrize("what", RESULTS)
def test_results_that_break_a_rule(tmp_path: Path, results: dict[str, Any], what: str, fault: Fault) -> None:
    """The message names the file, the place in it, the rule and the value."""
    edit, said = RESULTS[what]
    changed = json.loads(json.dumps(results))
    edit(changed)
    (tmp_path / "results.json").write_text(json.dumps(changed))
    assert_report_refuses(tmp_path, what, said, fault)


def sparse(path: Path) -> None:
    """Write a file of 16 GiB that takes no room on the disk."""
    with path.open("wb") as file:
        file.truncate(1 << 34)


BYTES: dict[str, tuple[Callable[[Path], object], str]] = {
    "Results that are not JSON": (lambda path: path.write_bytes(b"\x80\x04pickle"), "is not a results file"),
    "Results cut in the middle": (lambda path: path.write_text('{"runs": [{'), "is not a results file"),
    "Results with NaN, which JSON does not have": (
        lambda path: path.write_text('{"runs": NaN}'),
        "not a results file",
    ),
    "Results with a number that is too large": (
        lambda path: path.write_text('{"schema_version": 1e999}'),
        "not a results",
    ),
    "Results nested a million deep": (
        lambda path: path.write_text('{"config": {"deep": ' + "[" * 10**6),
        "not a results",
    ),
    "Results of 16 GiB": (sparse, "the limit is 536,870,912"),
    "A pipe in place of the results": (os.mkfifo, "must be a regular file"),
    "A device in place of the results": (lambda path: path.symlink_to("/dev/zero"), "must be a regular file"),
}


@pytest.mark.parametrize("what", BYTES)
def test_what_is_no_results_file(tmp_path: Path, what: str, fault: Fault) -> None:
    """Such a file is refused without waiting, without reading it to its end, and without unpickling."""
    make, said = BYTES[what]
    make(tmp_path / "results.json")
    assert_report_refuses(tmp_path, what, said, fault)


def assert_report_refuses(directory: Path, what: str, said: str, fault: Fault) -> None:
    """Check that `compare.report` refuses a directory in two lines; record the row."""
    with pytest.raises(UserError) as raised:
        report(ReportConfig((directory,)))
    message = str(raised.value)
    assert said in message
    assert str(directory / "results.json") in message
    assert len(message.splitlines()) <= 2
    assert [path.name for path in directory.iterdir()] == ["results.json"]
    fault(what, seen=f"error: {message}", survives=REPORT)


def test_the_report_command_says_it(tmp_path: Path) -> None:
    """The command refuses such results in two lines, without a traceback."""
    (tmp_path / "results.json").write_text("[]")
    assert_refused(command(tmp_path, module="compare.report"), "is not a results file")


def raw(header: object, size: int | None = None) -> bytes:
    """Return a safetensors file of a header and no data; `size` is what it declares the header to have."""
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text


def weights(**changed: np.ndarray | None) -> bytes:
    """Return a file of weights; `conv1__bias=None` leaves that one out."""
    named = {**trained_alike(), **{name.replace("__", "/"): array for name, array in changed.items()}}
    return safetensors.numpy.save({name: array for name, array in named.items() if array is not None})


ENTRY = {"dtype": "F32", "shape": [1 << 40, 1 << 40], "data_offsets": [0, 16]}
WEIGHTS: dict[str, tuple[Callable[[], bytes], str]] = {
    "A header that declares exabytes": (lambda: raw({}, 1 << 62), "is not a safetensors file"),
    "A header that is not JSON": (lambda: struct.pack("<Q", 9) + b"not json!", "is not a safetensors file"),
    "A tensor larger than the file": (lambda: raw({"conv1/bias": ENTRY}), "is not a safetensors file"),
    "Weights cut in the middle": (lambda: weights()[:100_000], "is not a safetensors file"),
    "An empty file of weights": (lambda: b"", "is not a safetensors file"),
    "Weights that lack a tensor of LeNet": (lambda: weights(conv1__bias=None), "conv1/bias [32] is missing"),
    "Weights of another network": (
        lambda: weights(conv9__bias=np.zeros(3, np.float32)),
        "is not a tensor of LeNet",
    ),
    "Weights of another shape": (
        lambda: weights(dense2__bias=np.zeros(11, np.float32)),
        "has the shape [11]",
    ),
    "Weights of another dtype": (
        lambda: weights(dense2__bias=np.zeros(10, np.int32)),
        "it must be a tensor of",
    ),
    "Weights of NaN": (
        lambda: weights(dense2__bias=np.full(10, np.nan, np.float32)),
        "every value must be finite",
    ),
}


@pytest.mark.parametrize("what", WEIGHTS)
def test_weights_that_do_not_fit(tmp_path: Path, what: str, fault: Fault) -> None:
    """The message names the tensor or the fault and what to do; a false header allocates no memory."""
    make, said = WEIGHTS[what]
    source, target = tmp_path / "weights.safetensors", tmp_path / "out.safetensors"
    source.write_bytes(make())
    with pytest.raises(UserError) as raised:
        convert(ConvertConfig(source, target))
    message = str(raised.value)
    assert said in message
    assert str(source) in message
    assert len(message.splitlines()) <= 2
    assert not target.exists()
    fault(what, seen=f"error: {message}", survives=KEPT)


class Hostile:
    """An object whose unpickling makes a directory, for which the test looks."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.place),)


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path, fault: Fault) -> None:
    """The real command, with the real torch, refuses a pickle that calls a function."""
    (tmp_path / "hostile.pt").write_bytes(pickle.dumps({"conv1.bias": Hostile(tmp_path / "executed")}, 2))
    done = command(
        tmp_path / "hostile.pt",
        tmp_path / "out.safetensors",
        "--tf-python",
        NOT_NEEDED,
        module="compare.convert",
    )
    said = assert_refused(done, str(tmp_path / "hostile.pt"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hostile.pt"]
    fault("A checkpoint that runs code when it is unpickled", seen=said, survives=f"{KEPT}; nothing was run")


def test_markup_in_results_is_text(tmp_path: Path, results: dict[str, Any], fault: Fault) -> None:
    """The report escapes scripts, markup and control characters in all texts of the results."""
    changed = json.loads(json.dumps(results))
    text = "<script>alert(1)</script> [x](javascript:alert(1)) \x1b[31m"
    changed["runs"][0] |= {"status": "failed", "reason": text}
    changed["config"]["data"]["source"] = text
    changed["environment"]["cpu"] = text
    (tmp_path / "results.json").write_text(json.dumps(changed))
    done = command(tmp_path, module="compare.report")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    page = (tmp_path / "report.html").read_text()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page
    markdown = (tmp_path / "report.md").read_text()
    assert "[x](javascript" not in markdown
    assert "<script>" not in markdown.replace("\\<", "")
    fault("Scripts and markup in results from others", words="the unchanged text", survives="the report")
