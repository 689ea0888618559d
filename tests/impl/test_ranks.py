"""Several ranks compute what one process does: gradients, one step, many steps, in float64."""

from __future__ import annotations

import dataclasses
import os
import signal
import threading
from itertools import islice
from pathlib import Path

import numpy as np
import psutil
import pytest
import safetensors.numpy

from compare.data import mnist
from compare.data.batches import batches, digest_of
from compare.data.shards import rows_of, shard
from compare.data.weights import initial_weights
from compare.ladder.oracle import Oracle
from compare.processes.conditions import Conditions
from compare.processes.group import Group
from compare.processes.launcher import WorkerFailed
from compare.protocol import messages
from compare.variants import VARIANTS_BY_NAME
from lenet_spec import LeNetSpec
from tools.ranks import proofs

DEFAULTS = LeNetSpec()
SPEC = dataclasses.replace(
    DEFAULTS,
    dropout=dataclasses.replace(DEFAULTS.dropout, active=True),
    training=dataclasses.replace(DEFAULTS.training, batch_size=10),  # of three ranks one has a row more
)
STEPS = 3
TIMEOUT_SECONDS = 300
FORMS = [
    ("tf:eager", 3),
    ("torch:eager", 3),
    pytest.param("tf:graph", 2, marks=pytest.mark.proof),
    pytest.param("torch:compiled", 2, marks=pytest.mark.proof),  # compiling takes two minutes
]


def started(variant: str, world_size: int, directory: Path, spec: LeNetSpec = SPEC) -> Group:
    """Start a group of ranks and set it up in float64."""
    own = VARIANTS_BY_NAME[variant]
    place = own.rank_place()
    assert place is not None
    weights_path = directory / "weights.safetensors"
    weights_path.write_bytes(safetensors.numpy.save(initial_weights(spec, 0)))
    conditions = Conditions(threads=1, share_cpus=True)
    group = conditions.launch_ranks(own.framework, world_size, directory / "log.log", name=variant)
    request = conditions.set_up(own.framework, place, spec, weights_path, dtype="float64")
    group.request(request, messages.Ready, TIMEOUT_SECONDS)
    return group


def arrays(group: Group, message: object) -> dict[str, np.ndarray]:
    """Return the arrays that a group answers with."""
    return safetensors.numpy.load(group.request(message, messages.Arrays, TIMEOUT_SECONDS).safetensors)


@pytest.mark.parametrize(("variant", "world_size"), FORMS)
def test_ranks_compute_what_one_process_does(variant: str, world_size: int, tmp_path: Path) -> None:
    """Unequal shares and dropout included; the oracle is the NumPy network on the whole batch."""
    dataset = mnist.load(None, SPEC)
    stream = list(islice(batches(dataset, SPEC, seed=0, dtype="float64"), STEPS))
    oracle = Oracle(SPEC, initial_weights(SPEC, 0))
    with started(variant, world_size, tmp_path) as group:
        activations = arrays(group, messages.Activations())
        gradients = arrays(group, messages.Gradients())
        trained = group.request(messages.Train(STEPS), messages.Trained, TIMEOUT_SECONDS)
        parameters = arrays(group, messages.Parameters())
    expected = oracle.activations(stream[0].images, stream[0].dropout_mask)
    np.testing.assert_allclose(activations["logits"], expected["logits"], atol=1e-13)
    for name, gradient in oracle.gradients(*stream[0]).items():
        np.testing.assert_allclose(gradients[name], gradient, atol=1e-13 * np.abs(gradient).max())
    losses = [oracle.step(*batch)[0] for batch in stream]
    np.testing.assert_allclose(trained.losses, losses, rtol=1e-13)
    for name, parameter in oracle.parameters().items():
        np.testing.assert_allclose(parameters[name], parameter, atol=1e-10)
    assert trained.batches_sha256 == digest_of(iter(stream), STEPS)
    for rank, sha256 in enumerate(trained.shards_sha256):
        assert sha256 == digest_of((shard(batch, rank, world_size) for batch in stream), STEPS)


@pytest.mark.parametrize("variant", ["tf:eager", "torch:eager"])
def test_a_rank_killed_while_it_trains_is_named(variant: str, tmp_path: Path) -> None:
    """The other rank waits for it inside the framework: the group ends all the same, and nothing is left."""
    with started(variant, 2, tmp_path, DEFAULTS) as group:
        pids = [worker.process.pid for worker in group.workers]
        threading.Timer(1.0, os.kill, (pids[1], signal.SIGKILL)).start()
        with pytest.raises(WorkerFailed, match=f"{variant} rank 1 was killed by SIGKILL"):
            group.request(messages.Train(100_000), messages.Trained, TIMEOUT_SECONDS)
    assert not any(psutil.pid_exists(pid) for pid in pids)


@pytest.mark.parametrize(("count", "world_size"), [(10, 3), (128, 2), (7, 7), (128, 5)])
def test_every_row_belongs_to_one_rank(count: int, world_size: int) -> None:
    """In order, and no rank has two rows more than another."""
    parts = [range(count)[rows_of(rank, world_size, count)] for rank in range(world_size)]
    assert [row for part in parts for row in part] == list(range(count))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize(
    ("variant", "ranks"), [("torch:eager", 2), pytest.param("tf:graph", 3, marks=pytest.mark.proof)]
)
def test_a_group_climbs_every_rung(variant: str, ranks: int) -> None:
    """The ladder of compare.parity, with a group in place of a worker: batches of other sizes included."""
    found = list(proofs.proofs([VARIANTS_BY_NAME[variant]], [ranks]))
    assert [(one.ranks, one.dropout, one.passed) for one in found] == [
        (ranks, False, True),
        (ranks, True, True),
    ]
    for proof in found:
        assert [rung.verdict for rung in proof.rungs] == ["pass"] * 13
        assert proof.rungs[5].tensor in LeNetSpec().parameter_shapes()  # gradients, one by one
