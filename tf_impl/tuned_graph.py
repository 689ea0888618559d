"""The operations of `tuned` traced into one graph: TensorFlow at its fastest on the CPU."""

from __future__ import annotations

from tf_impl import graph, tuned


class Trainer(graph.Trainer, tuned.Trainer):
    """`tf.function` around `tuned`'s order of operations; pooling and its gradient are oneDNN's here."""
