"""One rank of data-parallel training: TensorFlow's MultiWorkerMirroredStrategy. See torch_impl/ranks.py.

Each rank trains on its rows of the shared batch. TensorFlow's optimizers sum gradients over the ranks, and
torch's DistributedDataParallel averages them: so each rank weighs its loss by its share of the batch's rows.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from lenet_spec import LeNetSpec
from tf_impl import train


def join(*, rank: int, world_size: int, rendezvous: str, device: str, timeout_seconds: float) -> None:
    """Wait until every rank has joined. rendezvous: `host:port` of each rank, in order, with commas.

    Before any other use of TensorFlow: the strategy starts the server that the ranks meet on. It takes NCCL
    by itself where each rank has a card.
    """
    os.environ["TF_CONFIG"] = json.dumps(
        {"cluster": {"worker": rendezvous.split(",")}, "task": {"type": "worker", "index": rank}}
    )
    tf.distribute.experimental_set_strategy(tf.distribute.MultiWorkerMirroredStrategy())


class Trainer(train.Trainer):
    """`eager` on one rank. `step` returns the loss and the logits of this rank's rows."""

    def __init__(
        self, spec: LeNetSpec, weights: Mapping[str, np.ndarray], *, device: str, dtype: str
    ) -> None:
        self.strategy = tf.distribute.get_strategy()
        super().__init__(spec, weights, device=device, dtype=dtype)

    def train_step(self, *batch: tf.Tensor | None) -> tuple[tf.Tensor, tf.Tensor]:
        done = self.strategy.run(self.replica_step, args=batch)
        return tuple(self.strategy.experimental_local_results(one)[0] for one in done)

    def replica_step(
        self, images: tf.Tensor, labels: tf.Tensor, dropout_mask: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            loss, logits = self.forward(images, labels, dropout_mask)
            share = loss * self.weight(images)
        variables = list(self.variables.values())
        pairs = zip(tape.gradient(share, variables), variables, strict=True)
        self.optimizer.apply_gradients(pairs)  # sums over the ranks
        return loss, logits

    def weight(self, images: tf.Tensor) -> float:
        """Return the weight of these rows' mean in the batch's mean; 1 if the loss is a sum."""
        if self.spec.loss_reduction == "sum":
            return 1.0
        return images.shape[0] / self.spec.training.batch_size

    def summed_gradients(self, *batch: Any) -> dict[str, tf.Tensor]:
        with tf.GradientTape() as tape:
            loss, _ = self.forward(*batch)
            share = loss * self.weight(batch[0])
        context = tf.distribute.get_replica_context()
        return context.all_reduce(tf.distribute.ReduceOp.SUM, tape.gradient(share, self.variables))

    def gradients(
        self, images: np.ndarray, labels: np.ndarray, dropout_mask: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Return the gradients of the whole batch's loss, which are equal on every rank."""
        with tf.device(self.device):
            batch = self.to_device(images, labels, dropout_mask)
            summed = self.strategy.run(self.summed_gradients, args=batch)
        return {
            name: self.to_numpy(self.strategy.experimental_local_results(one)[0])
            for name, one in summed.items()
        }

    def phases(self, *batch: np.ndarray | None) -> Iterator[str]:
        """Yield nothing: the exchange of gradients runs inside the optimizer."""
        return iter(())

    def synchronize(self) -> None:
        """Wait for this rank's own device; `sync_devices` would ask the other ranks' devices too."""
        with tf.device(self.device):
            tf.raw_ops.SyncDevice()

    def barrier(self) -> None:
        """Wait until every rank is here."""
        one = tf.ones(())
        self.strategy.run(lambda: tf.distribute.get_replica_context().all_reduce("SUM", one))


class Graph(Trainer):
    """`graph` on one rank: the exchange of all gradients is one operation of the graph."""

    def __init__(
        self, spec: LeNetSpec, weights: Mapping[str, np.ndarray], *, device: str, dtype: str
    ) -> None:
        super().__init__(spec, weights, device=device, dtype=dtype)
        self.train_step = tf.function(super().train_step)  # type: ignore[method-assign]
