"""A worker's environment and its first request come from one place."""

from __future__ import annotations

from pathlib import Path

from compare.config import RunConfig
from compare.ladder.gate import gate_plans
from compare.ladder.plan import Port
from compare.processes.conditions import Conditions
from lenet_spec import LeNetSpec


def test_the_environment_and_the_request_agree() -> None:
    """The threads that the pools are given are those that the framework is asked for."""
    conditions = Conditions(threads=3, allocator="system", deterministic=True)
    request = conditions.set_up("tf", ("module", "Trainer"), LeNetSpec(), Path("weights"), dtype="float64")
    assert conditions.environment()["OMP_NUM_THREADS"] == str(request.threads) == "3"
    assert (request.module, request.trainer, request.dtype) == ("module", "Trainer", "float64")
    assert request.deterministic
    assert request.weights_path == str(Path("weights").resolve())


def test_the_ladder_runs_under_the_conditions_of_the_run() -> None:
    """The same switches and threads; only its waiting threads sleep, since the oracle computes too."""
    config = RunConfig(device=("cuda",), tf32=True, deterministic=True, threads=(1,))
    run = config.conditions("cuda")
    for plan in gate_plans(config, 55_000, lambda _: None):
        ladder = plan.conditions(Port("tf:eager", "tf", "tf_impl.train", "Trainer", "cuda"))
        assert (ladder.tf32, ladder.deterministic, ladder.threads) == (True, True, 1)
        assert ladder.environment() == run.environment() | {"OMP_WAIT_POLICY": "PASSIVE"}
