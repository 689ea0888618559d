"""`python -m compare.run`, from the command line to the files it leaves."""

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import psutil
import pytest
import safetensors.numpy

from compare.config_rules import check
from compare.experiment.inference import chosen_forms
from compare.experiment.inputs import chosen_pipelines
from compare.run import parse_config
from lenet_spec import LeNetSpec
from tests.commands import ROOT, bare_python, command, results_of, small_run, wait_until
from tests.ladder.small import write_small_mnist
from tests.rendering.test_event_files import read_back

STEPS = 60


Quick = tuple[subprocess.CompletedProcess[str], Path]


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Quick:
    """Return a short run of the quick preset; its directory has a space and a letter outside ASCII."""
    out = tmp_path_factory.mktemp("run") / "ein Läufchen"
    options = (
        "--preset",
        "quick",
        "--steps",
        STEPS,
        "--batch-size",
        32,
        "--tensorboard",
        "--target-accuracy",
        50,
        "--out",
        out,
    )
    return command(*options), out


def test_the_quick_preset_ends_well(quick: Quick) -> None:
    """Exit 0, both frameworks in the table, the report named, nothing on standard error."""
    done, out = quick
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    for text in ("TensorFlow eager", "PyTorch eager", "tutorial 2017", f"{STEPS} steps × batch 32"):
        assert text in done.stdout
    assert str(out / "report") in done.stdout


def test_everything_a_run_promises_is_written(quick: Quick) -> None:
    """Results, curves, report, logs and weights, and no temporary file."""
    _, out = quick
    names = {path.name for path in out.iterdir()}
    assert {"results.json", "curves.csv", "report.md", "initial-weights-seed0.safetensors"} <= names
    for stem in ("tf-eager-cpu-seed0", "torch-eager-cpu-seed0"):
        assert {f"{stem}.log", f"{stem}.safetensors"} <= names
    assert not [name for name in names if name.startswith(".")]


def test_the_rows_hold_what_the_contract_names(quick: Quick) -> None:
    """Both launches are ok, with one entry a step and every figure of design section 6."""
    results = results_of(quick[1])
    assert [run["framework"] for run in results["runs"]] == ["tf", "torch"]
    for run in results["runs"]:
        assert (run["status"], run["reason"]) == ("ok", None)
        for name in ("losses", "train_accuracies", "step_seconds"):
            assert len(run[name]) == STEPS
        assert sum(run["block_sizes"]) == STEPS
        assert run["parameter_count"] == LeNetSpec().parameter_count
        assert run["threads"]["intra_op"] == results["config"]["threads"]
        assert run["import_seconds"] > 0
        assert run["first_step_seconds"] == run["step_seconds"][0]
        assert run["peak_rss_bytes"] > 100e6
        assert run["peak_device_bytes"] is None  # on the CPU there is no figure, and 0 is not one
        assert run["device_name"] is None
        assert run["worker_environment"]["MALLOC_TRIM_THRESHOLD_"]
        assert run["runtime"]["flush_denormals"] is True
        assert run["runtime"]["tf32"] is False


def test_both_train_on_the_same_bytes_and_learn_alike(quick: Quick) -> None:
    """Equal digests, equal first losses, and most digits right in the end."""
    tf, torch = results_of(quick[1])["runs"]
    for digest in ("batches_sha256", "initial_weights_sha256"):
        assert tf[digest] == torch[digest]
    assert tf["losses"][0] == pytest.approx(torch["losses"][0], abs=1e-6)
    for run in (tf, torch):
        assert run["test_accuracy"] > 0.8
        assert run["test_loss"] < 0.6


def test_the_curves_file_has_a_line_a_step(quick: Quick) -> None:
    """curves.csv holds the same losses, in full precision."""
    lines = (quick[1] / "curves.csv").read_text().splitlines()
    assert len(lines) == 1 + 2 * STEPS
    first = dict(zip(lines[0].split(","), lines[1].split(","), strict=True))
    assert float(first["loss"]) == results_of(quick[1])["runs"][0]["losses"][0]


def test_the_first_look_that_finds_the_target_is_the_last(quick: Quick) -> None:
    """Every 20 steps until half of the test images are right; the curves are not changed by it."""
    for run in results_of(quick[1])["runs"]:
        *before, last = run["evaluated_accuracies"]
        assert last >= 0.5 > max(before, default=0)
        assert run["evaluated_steps"] == [20 * (look + 1) for look in range(len(before) + 1)]
        assert len(run["step_cpu_seconds"]) == STEPS
    assert "time to 50 % from a cold start" in (quick[1] / "report.md").read_text()


def test_tensorboard_reads_the_curves(quick: Quick) -> None:
    """The event files of --tensorboard hold those of results.json, in float32."""
    for run, stem in zip(results_of(quick[1])["runs"], ("tf", "torch"), strict=True):
        found = read_back(quick[1] / "tensorboard" / f"{stem}-eager-cpu-seed0")
        assert [value for _, _, value in found["loss"]] == np.array(run["losses"], np.float32).tolist()


def test_final_weights_are_kept_in_canonical_shapes(quick: Quick) -> None:
    """Each launch's trained weights are there, and have moved from the initial ones."""
    initial = safetensors.numpy.load_file(quick[1] / "initial-weights-seed0.safetensors")
    for stem in ("tf-eager-cpu-seed0", "torch-eager-cpu-seed0"):
        final = safetensors.numpy.load_file(quick[1] / f"{stem}.safetensors")
        assert {name: array.shape for name, array in final.items()} == LeNetSpec().parameter_shapes()
        assert all(not np.array_equal(final[name], initial[name]) for name in final)


def test_no_path_of_this_machine_is_in_the_results(quick: Quick) -> None:
    """Results are for sharing."""
    assert str(ROOT) not in (quick[1] / "results.json").read_text()


@pytest.mark.proof
def test_in_float64_the_curves_agree(tmp_path: Path) -> None:
    """Two workers, two frameworks, dropout on: losses and parameters equal to rounding."""
    small = ("--seeds", 1, "--steps", 6, "--batch-size", 8, "--data-dir", write_small_mnist(tmp_path))
    done = command(*small, "--dtype", "float64", "--dropout", "--out", tmp_path / "run")
    assert done.returncode == 0, done.stdout + done.stderr
    tf, torch = results_of(tmp_path / "run")["runs"]
    np.testing.assert_allclose(tf["losses"], torch["losses"], rtol=0, atol=1e-14)
    left, right = (
        safetensors.numpy.load_file(tmp_path / "run" / f"{name}-eager-cpu-seed0.safetensors")
        for name in ("tf", "torch")
    )
    for name in left:
        assert left[name].dtype == np.float64
        np.testing.assert_allclose(left[name], right[name], rtol=0, atol=1e-12, err_msg=name)


def test_cuda_where_there_is_none_is_refused_at_once(tmp_path: Path) -> None:
    """Exit 2, a line for each framework that says why, and nothing left behind."""
    hidden = os.environ | {"CUDA_VISIBLE_DEVICES": "-1"}
    done = command("--device", "cuda", "--out", tmp_path / "run", env=hidden)
    assert done.returncode == 2
    assert "TensorFlow: " in done.stderr
    assert "PyTorch: " in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_framework_that_is_missing_keeps_its_row(tmp_path: Path) -> None:
    """The other framework runs to its end; the missing one says why; exit 1."""
    out = tmp_path / "out"
    done = command(*small_run(tmp_path, tf=bare_python(tmp_path / "env")))
    assert done.returncode == 1, done.stdout + done.stderr
    tf, torch = results_of(out)["runs"]
    assert tf["status"] == "unavailable"
    assert "tensorflow" in tf["reason"]
    assert torch["status"] == "ok"
    assert len(torch["losses"]) == 2
    assert "unavailable" in done.stdout
    assert "unavailable" in (out / "report.md").read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--steps", "many"), "many"),
        (("--batch-size", "-3"), "--batch-size"),
        (("--batch-sizes", "1,,8"), "'' is not a whole number"),
        (("--preset", "fast"), "fast"),
    ],
)
def test_wrong_usage_is_named_and_exits_2(options: tuple[str, ...], said: str) -> None:
    """The option, the rule and the value, without a traceback."""
    done = command(*options)
    assert done.returncode == 2
    assert said in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_options_win_over_the_preset() -> None:
    """A preset is a set of defaults."""
    config = parse_config(["--preset", "quick", "--steps", "7"])
    assert (config.seeds, config.steps, config.preset) == (1, 7, "quick")
    assert parse_config(["--preset=rigorous"]).seeds == 10


def test_a_preset_leaves_out_what_another_option_rules_out() -> None:
    """Pipelines have no dropout masks; asked for by name they are refused, not left out."""
    config = parse_config(["--preset", "rigorous", "--dropout"])
    assert (config.inputs, config.inference, config.target_accuracy) == ((), ("all",), 98.0)
    assert parse_config(["--preset", "rigorous", "--dropout", "--inputs=all"]).inputs == ("all",)
    config = parse_config(["--preset", "rigorous", "--variants", "tf:eager"])
    check(config)
    assert {one.framework for one in chosen_pipelines(config)} == {"tf"}
    assert {one.framework for one in chosen_forms(config)} == {"tf"}
    config = parse_config(["--preset", "rigorous", "--variants", "tf:graph"])
    assert (config.inputs, config.inference) == ((), ())


@pytest.mark.parametrize("moment", ["starting", "training"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("real", [False, pytest.param(True, marks=pytest.mark.proof)])
def test_an_interrupted_run_leaves_no_process_and_keeps_what_it_had(
    tmp_path: Path, moment: str, number: signal.Signals, real: bool
) -> None:
    """Ctrl-C exits 130 (SIGTERM 143); results.json is whole and says where each launch was cut off."""
    out = tmp_path / "out"
    python = Path(sys.executable) if real else None
    options = small_run(tmp_path, tf=python, torch=python)
    with (
        subprocess.Popen(
            [sys.executable, "-m", "compare.run", *map(str, options), "--steps", "5000"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
        ExitStack() as stack,
    ):
        stack.callback(process.kill)
        wait_until(lambda: (out / "results.json").exists() and (moment == "starting" or trained(out)))
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 128 + number
        assert "Traceback" not in errors
        assert f"--resume {out}" in errors
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive
    for run in results_of(out)["runs"]:
        assert run["status"] == "failed"
        assert "interrupted" in run["reason"] or run["reason"] == "not started"
    assert not list(out.glob(".*"))


def trained(out: Path) -> bool:
    """Return whether a run has written a launch's row."""
    runs = results_of(out)["runs"]
    return bool(runs) and all(run["losses"] for run in runs)
