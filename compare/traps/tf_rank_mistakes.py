"""Mistakes of data-parallel training in TensorFlow. Loads in a rank's worker only."""

from __future__ import annotations

import tensorflow as tf

from tf_impl.ranks import Trainer


class OwnMeansSummed(Trainer):
    """torch's way: the mean over a rank's own rows. TensorFlow's optimizers sum it over the ranks."""

    def weight(self, images: tf.Tensor) -> float:
        return 1.0


class AveragedToo(Trainer):
    """The share of the whole batch's mean, divided by the number of ranks once more."""

    def weight(self, images: tf.Tensor) -> float:
        return super().weight(images) / int(self.strategy.num_replicas_in_sync)
