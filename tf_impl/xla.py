"""Compiles the traced step by XLA: `tf.function(jit_compile=True)`."""

from __future__ import annotations

from tf_impl import graph


class Trainer(graph.Trainer):
    """`graph`, with operations fused and compiled for this processor at the first step of each shape."""

    jit_compile = True
