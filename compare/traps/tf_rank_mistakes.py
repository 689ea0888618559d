"""Mistakes of data-parallel training in TensorFlow. Loads in a rank's worker only."""

from __future__ import annotations

import tensorflow as tf

from tf_impl.ranks import Trainer


class OwnMeansSummed(Trainer):
    """Uses the mean over a rank's own rows, as torch needs it, but TensorFlow's optimizers sum it."""

    def weight(self, images: tf.Tensor) -> float:
        return 1.0


class AveragedToo(Trainer):
    """Divides a rank's share of the batch's mean by the number of ranks again."""

    def weight(self, images: tf.Tensor) -> float:
        return super().weight(images) / int(self.strategy.num_replicas_in_sync)
