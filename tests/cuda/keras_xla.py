"""`tf:keras` as it is on a card, where Keras has XLA compile the step by itself: a port for a worker."""

from __future__ import annotations

from typing import Any

from tf_impl import keras_fit


class Trainer(keras_fit.Trainer):
    """The same model, compiled by XLA on the CPU too."""

    def __init__(self, *arguments: Any, **where: Any) -> None:
        super().__init__(*arguments, **where)
        assert self.model.jit_compile is False, "on a CPU Keras leaves the compiler out"
        self.model.jit_compile = True
