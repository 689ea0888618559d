"""Traces the operations of `tuned` into one graph: TensorFlow at its fastest on the CPU."""

from __future__ import annotations

from tf_impl import graph, tuned


class Trainer(graph.Trainer, tuned.Trainer):
    """`tuned`'s operations under `tf.function`, which takes pooling and its gradient from oneDNN."""
