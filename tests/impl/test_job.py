"""Input pipelines and forms of inference through real workers: the same training, the same answers."""

from __future__ import annotations

import contextlib
import json
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from compare.config import RunConfig
from compare.data import mnist
from compare.data.weights import initial_weights
from compare.experiment.apart import AfterTraining, Apart, noting
from compare.experiment.experiment import recorded
from compare.experiment.inference import answer
from compare.experiment.inputs import Fed, differing_at, feed_in_turn
from compare.inference_forms import FORMS, FORMS_BY_NAME
from compare.pipelines import PIPELINES
from compare.processes.conditions import Conditions
from compare.processes.launcher import WorkerFailed, WorkerRefused
from compare.protocol import messages
from compare.records.environment import Environment
from compare.records.job import InferenceRun, InputsRun
from compare.records.results import Launch, Results
from tests.ladder.small import write_small_mnist

STEPS, TIMEOUT_SECONDS = 7, 300  # of 16 of 60 images: the order goes on into a second epoch
SLOW = ("torch:compiled", "torch:aot-inductor")  # a C++ compiler takes a minute: `make job` builds them


@pytest.mark.parametrize("framework", ["tf", "torch"])
def test_every_pipeline_trains_as_the_eager_step_does(framework: Any, tmp_path: Path) -> None:
    """To the last bit of every loss, across the end of an epoch; one worker for all of them."""
    weights = tmp_path / "weights.safetensors"
    config = RunConfig(batch_size=16, data_dir=write_small_mnist(tmp_path))
    safetensors.numpy.save_file(initial_weights(config.spec(), 0), weights)
    conditions = Conditions(threads=1)
    places = {"eager": f"{framework}_impl.train", "fed": f"{framework}_impl.inputs"}
    with conditions.launch(framework, tmp_path / "log") as worker:

        def set_up(module: str) -> None:
            request = conditions.set_up(
                framework, (module, "Trainer"), config.spec(), weights, data_dir=config.data_dir
            )
            worker.request(request, messages.Ready, TIMEOUT_SECONDS)

        set_up(places["eager"])
        losses = worker.request(messages.Train(STEPS), messages.Trained, TIMEOUT_SECONDS).losses
        eager = Launch(framework, "eager", "cpu", "float32", 0, f"{framework}:eager", losses=losses)
        for pipeline in (one for one in PIPELINES if one.framework == framework):
            set_up(places["fed"])
            run = InputsRun(framework=framework, label=pipeline.name, seed=0, device="cpu")
            for steps in (STEPS - 3, 3):
                request = messages.TrainFromInputs(pipeline.pipeline, STEPS, steps)
                reply = worker.request(request, messages.TrainedFromInputs, TIMEOUT_SECONDS)
                run.losses += reply.losses
                assert len(reply.losses) == len(reply.step_seconds) == steps
                assert (reply.first_batch_seconds is None) == (steps == 3)
                assert len(reply.alone_seconds) == (STEPS if steps == 3 else 0)
            assert differing_at(run, eager) is None, pipeline.name
            run.losses[5] = float(np.nextafter(run.losses[5], 9))
            assert differing_at(run, eager) == 5


def test_pipelines_of_a_seed_take_turns(tmp_path: Path) -> None:
    """Each row holds every step of its launch. A launch that cannot be judged, or fails, ends alone."""
    config = RunConfig(steps=STEPS, batch_size=16, threads=(1,), data_dir=write_small_mnist(tmp_path))
    dataset = mnist.load(config.data_dir, config.spec())
    weights = tmp_path / "initial-weights-seed0.safetensors"
    safetensors.numpy.save_file(initial_weights(config.spec(), 0), weights)
    results = Results(config=recorded(config, dataset), environment=Environment())
    after = AfterTraining(config, tmp_path, dataset, results, lambda _: None, lambda: None)
    conditions = config.conditions("cpu")
    eager = Apart(config, tmp_path, conditions, "torch", "eager", 0, "torch_impl.train", weights)
    with eager.worker("eager.log") as worker:
        losses = worker.request(messages.Train(STEPS), messages.Trained, TIMEOUT_SECONDS).losses
    results.runs = [
        Launch("torch", "eager", "cpu", "float32", 0, "torch:eager", status="ok", reason=None, losses=losses)
    ]
    gathered, loader, tf = feed_in_turn(after, ["torch:gathered", "torch:tensor-dataset", "tf:tutorial"], 0)
    assert tf.reason == "tf:eager of seed 0 did not finish: there are no losses to compare"
    epoch = math.ceil(len(dataset.train_labels) / config.batch_size)
    for run in (gathered, loader):
        assert (run.status, run.reason, run.losses) == ("ok", None, losses[:epoch])
        assert len(run.step_seconds) == len(run.alone_seconds) == epoch
        assert (run.first_batch_seconds or 0) > 0
        assert (run.cpu_seconds or 0) > 0
    results.runs[0].losses[2] += 1.0
    assert Fed(after, "torch:gathered", 0, epoch).judged().reason == "not started"
    assert judged_again(gathered, after, epoch) == (
        f"its batches are not those of torch:eager: the loss of step 2 is {gathered.losses[2]!r}, "
        f"not {losses[2]!r}"
    )


def judged_again(run: InputsRun, after: AfterTraining, steps: int) -> str | None:
    """Return what is said of a launch that ended as this one did."""
    fed = Fed(after, run.label, run.seed, steps)
    fed.run.losses, fed.run.alone_seconds = run.losses, run.alone_seconds
    return fed.judged().reason


class Ending:
    """A worker that ends in its second turn."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.turns = directory, 0

    @contextlib.contextmanager
    def awake(self) -> Iterator[None]:
        yield

    def request(self, request: messages.TrainFromInputs, *_: object) -> messages.TrainedFromInputs:
        self.turns += 1
        if self.turns == 2:
            raise WorkerFailed("torch:gathered was killed by SIGKILL", self.directory / "log")
        return messages.TrainedFromInputs([2.3] * request.block, [0.1] * request.block, 0.5, [], 1.0)


def test_a_launch_that_ends_in_its_turn_keeps_its_reason(tmp_path: Path) -> None:
    """It is asked for nothing more, and is not judged by the steps that it has done."""
    config = RunConfig(steps=STEPS, batch_size=16, threads=(1,), data_dir=write_small_mnist(tmp_path))
    dataset = mnist.load(config.data_dir, config.spec())
    results = Results(config=recorded(config, dataset), environment=Environment())
    results.runs = [
        Launch("torch", "eager", "cpu", "float32", 0, "torch:eager", status="ok", losses=[2.3] * STEPS)
    ]
    after = AfterTraining(config, tmp_path, dataset, results, lambda _: None, lambda: None)
    fed, worker = Fed(after, "torch:gathered", 0, 4), Ending(tmp_path)
    fed.worker = worker  # type: ignore[assignment]
    for _ in range(4):
        fed.attempt(lambda: fed.train(1))
    run = fed.judged()
    assert worker.turns == 2
    assert (run.status, run.losses) == ("failed", [2.3])
    assert run.reason == "torch:gathered was killed by SIGKILL; log: log"


@pytest.mark.parametrize("framework", [pytest.param("tf", marks=pytest.mark.proof), "torch"])
def test_a_form_is_held_against_the_trained_model(framework: Any, tmp_path: Path) -> None:
    """Each form is right, or says which packages to install; a wrong export of each fails."""
    config = RunConfig()
    dataset = mnist.load()
    weights = initial_weights(config.spec(), 0)
    right, wrong = tmp_path / "right.safetensors", tmp_path / "wrong.safetensors"
    safetensors.numpy.save_file(weights, right)
    safetensors.numpy.save_file(
        {name: (one * (1 + 1e-4)).astype(np.float32) for name, one in weights.items()}, wrong
    )
    conditions = Conditions(threads=1)
    with conditions.launch(framework, tmp_path / "log") as worker:
        for path in (right, wrong):
            request = conditions.set_up(
                framework, (f"{framework}_impl.train", "Trainer"), config.spec(), path
            )
            worker.request(request, messages.Ready, TIMEOUT_SECONDS)
            for form in FORMS:
                if form.framework == framework and form.name not in SLOW:
                    run = InferenceRun(framework=framework, label=form.name, seed=0, device="cpu", threads=1)
                    held = Apart(config, tmp_path, conditions, framework, form.name, 0, "", right)
                    noting(run, tmp_path, lambda: answer(run, held, form, dataset, worker, calls=2))  # noqa: B023
                    expected = "ok" if path == right else "failed"
                    if run.status == "unavailable":
                        assert "-m pip install" in str(run.reason)
                    else:
                        assert run.status == expected, (form.name, run.reason)
        unknown = messages.TimeInference("none", [1], 1)
        with pytest.raises(WorkerRefused):
            worker.request(unknown, messages.InferenceTimed, TIMEOUT_SECONDS)
    assert set(SLOW) < set(FORMS_BY_NAME)


@pytest.mark.proof
def test_the_ways_to_litert_that_leave_the_variables_out_give_wrong_logits() -> None:
    """Which ways are right is TensorFlow's, not ours: docs/job.md and tf_impl/inference.py speak of it."""
    command = [sys.executable, "-m", "tests.impl.litert_exports"]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(found.stdout.splitlines()[-1]) == {
        "from_keras_model": 10,
        "from_concrete_functions": 10,
        "from_concrete_functions, with the model": 0,
        "from_saved_model": 0,
    }
