"""Compiles forward and backward by `torch.compile`. See tf_impl/graph.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from lenet_spec import LeNetSpec
from torch_impl import train


class Trainer(train.Trainer):
    """The same Python as `eager`, traced and compiled. Adam stays eager: it is one fused kernel already."""

    def __init__(self, spec: LeNetSpec, weights: Mapping[str, np.ndarray], **where: Any) -> None:
        super().__init__(spec, weights, **where)
        # compile once for each batch size, as tf.function does: a symbolic size makes slower code
        self.compiled_forward = torch.compile(super().forward, dynamic=False)

    def forward(self, *batch: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        return self.compiled_forward(*batch)
