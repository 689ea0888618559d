"""`python -m compare.parity` through the real command line: exit status, what it says, what it leaves."""

import json
import re
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from compare import parity
from compare.errors import UserError
from compare.records.parity import read
from tests.commands import LAST_WORDS, ROOT, command, interpreter, small_data, wait_until
from tests.known import known
from tests.ladder.small import BATCH, write_small_mnist

compare_parity = partial(command, module="compare.parity")
EXAMPLES = ROOT / "docs" / "examples"


def unwrapped(text: str) -> str:
    """Return the text on one line."""
    return " ".join(text.split())


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Return the options of a short climb on a small data set."""
    data = write_small_mnist(tmp_path_factory.mktemp("data"))
    return ("--data-dir", str(data), "--batch-size", str(BATCH), "--steps", "3", "--threads", "1")


@pytest.fixture(scope="module")
def proof(tmp_path_factory: pytest.TempPathFactory, small: tuple[str, ...]) -> tuple[Any, Path]:
    """Return how a climb with a noise floor ended, and its directory."""
    out = tmp_path_factory.mktemp("proof") / "out"
    return compare_parity(*small, "--noise-floor", "--out", out), out


@pytest.mark.proof
def test_the_eager_pair_climbs_every_rung(proof: tuple[Any, Path]) -> None:
    """In float64, dropout inactive and active: losses equal to rounding, exit 0."""
    done, out = proof
    assert done.stderr == ""
    found = read(out / "parity.json")
    assert [climb.dropout for climb in found.climbs] == [False, True]
    assert "14 of 14 rungs · float64 losses agree to" in found.summary
    for climb in found.climbs:
        assert climb.passed, climb.failing
        left, right = climb.losses.values()
        assert len(left) == 3
        assert all(abs(known(a) - known(b)) < 1e-13 for a, b in zip(left, right, strict=True))


@pytest.mark.proof
def test_the_exit_status_is_that_of_the_ladder_and_the_floor(proof: tuple[Any, Path]) -> None:
    """0 when all rungs and the noise floor hold, else 1."""
    done, out = proof
    assert done.returncode == (0 if read(out / "parity.json").passed else 1), done.stdout


@pytest.mark.proof
def test_the_terminal_shows_a_row_a_rung_within_80_columns(proof: tuple[Any, Path]) -> None:
    """Both states of dropout, the noise floor, the verdict and where the files are."""
    done, out = proof
    for text in ("1 names, shapes, count", "8 3 steps", "dropout active", "float32 against its noise floor"):
        assert text in done.stdout
    assert max(len(line) for line in done.stdout.splitlines() if str(out) not in line) <= 80
    assert str(out) in done.stdout


@pytest.mark.proof
def test_the_noise_floor_has_each_framework_against_itself(proof: tuple[Any, Path]) -> None:
    """Run again, weights moved and another thread count, for both; three steps each."""
    floor = read(proof[1] / "parity.json").noise_floor
    assert floor is not None
    assert {one.label for one in floor.selves} == {"tf:eager", "torch:eager"}
    assert len(floor.selves) in (4, 6)
    assert all(len(one.loss_differences) == 3 for one in floor.selves)
    assert floor.dtype == "float32"


@pytest.mark.proof
def test_the_chart_works_offline_and_names_its_series(proof: tuple[Any, Path]) -> None:
    """HTML without a script from elsewhere, and SVG."""
    html = (proof[1] / "divergence.html").read_text()
    assert "<script src" not in html
    assert "tf:eager and torch:eager, float64" in html
    svg = (proof[1] / "divergence.svg").read_text()
    assert svg.startswith("<svg")
    assert "largest loss difference so far" in svg


@pytest.mark.proof
def test_no_path_of_this_machine_is_in_the_record(proof: tuple[Any, Path]) -> None:
    """Records are for sharing, and strict JSON."""
    text = (proof[1] / "parity.json").read_text()
    assert str(ROOT) not in text
    json.loads(text, parse_constant=pytest.fail)


def test_a_wrong_port_exits_1(small: tuple[str, ...], tmp_path: Path) -> None:
    """The rung, the first tensor and who is wrong, in one line; the rungs above are not judged."""
    port = ("--variants", "torch:eager", "--torch-module", str(EXAMPLES / "wrong_port.py"))
    done = compare_parity(*small, "--dropout", "off", *port, "--out", tmp_path / "out")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "fails at rung 4 of 14, activations · first in flat · torch:wrong_port is wrong" in unwrapped(
        done.stdout
    )
    assert done.stdout.count("not judged") == 10


def test_the_examples_differ_in_one_line() -> None:
    """Apart from what each says of itself."""
    wrong, mended = (
        (EXAMPLES / f"{name}_port.py").read_text().splitlines()[1:] for name in ("wrong", "mended")
    )
    assert sum(a != b for a, b in zip(wrong, mended, strict=True)) == 1


PORTS = {
    "misspelt": "weights['fc1/kernel']",
    "misshapen": "weights['conv1/kernel'].reshape(3)",
}


@pytest.mark.parametrize(
    ("name", "said"),
    [("misspelt", "asked for fc1/kernel, which is not"), ("misshapen", "conv1/kernel [5, 5, 1, 32]")],
)
def test_a_port_that_does_not_fit_fails_the_first_rung(
    name: str, said: str, small: tuple[str, ...], tmp_path: Path
) -> None:
    """Not a crash: rung 1, with the parameter's name."""
    port = tmp_path / f"{name}.py"
    port.write_text(
        f"class Trainer:\n    def __init__(self, spec, weights, **where):\n        {PORTS[name]}\n"
    )
    out = tmp_path / "out"
    options = ("--dropout", "off", "--variants", "torch:eager", "--torch-module", port, "--out", out)
    done = compare_parity(*small, *options)
    assert done.returncode == 1, done.stderr
    failing = read(out / "parity.json").climbs[0].failing
    assert failing is not None
    assert failing.number == 1
    assert said in str(failing.reason)
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--trap", "none-such"), "'none-such' is not a trap. Use one of: same-padding"),
        (("--trap", "softmax-twice", "--traps"), "cannot be combined"),
        (("--variants", "tf:eagre"), "'tf:eagre' is not a variant"),
        (("--steps", "0"), "--steps is 0"),
        (("--seed", "-1"), "--seed is -1; it must be at least 0"),
        (("--torch-module", "/no/such/port.py"), "--torch-module: /no/such/port.py is not a file"),
        (("--out", str(ROOT)), "is not empty"),
    ],
)
def test_wrong_usage_is_named(options: tuple[str, ...], said: str) -> None:
    """The option, the rule and the value; nothing is started."""
    with pytest.raises(UserError, match=re.escape(said)):
        parity.main(options)


@pytest.mark.parametrize("options", [("--seed", "-1"), ("--dtype", "float16")])
def test_wrong_usage_exits_2(options: tuple[str, str]) -> None:
    """Whether our own rule or the parser finds it; the value is named, without a traceback."""
    done = compare_parity(*options)
    assert done.returncode == 2
    assert options[1] in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_a_module_that_cannot_be_loaded_exits_2(small: tuple[str, ...], tmp_path: Path) -> None:
    """A file without a Trainer cannot be put on the ladder; the error says what is missing."""
    (tmp_path / "empty.py").write_text("")
    options = ("--variants", "torch:eager", "--torch-module", tmp_path / "empty.py", "--out", tmp_path / "o")
    done = compare_parity(*small, *options)
    assert done.returncode == 2
    assert "torch:empty: empty.py has no class Trainer" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_interrupted_climb_ends_at_once_and_leaves_no_process(tmp_path: Path) -> None:
    """Ctrl-C in the middle of the last rung exits 130, without waiting for the workers."""
    python = interpreter(tmp_path / "python", {"*": {"at": "Train 1", "do": "hang"}})
    places = (
        "--data-dir",
        small_data(tmp_path / "data"),
        "--out",
        tmp_path / "out",
        "--torch-python",
        python,
    )
    options = ("--variants", "torch:eager", "--batch-size", "2", *map(str, places))
    process = subprocess.Popen(
        [sys.executable, "-m", "compare.parity", *options],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: LAST_WORDS in "".join(log.read_text() for log in tmp_path.glob("out/*.log")))
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in errors
    _, alive = psutil.wait_procs(children, timeout=5)
    assert not alive
