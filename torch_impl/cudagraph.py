"""Records forward and backward once as a CUDA graph and replays it: no launch cost per kernel. CUDA only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from lenet_spec import LeNetSpec
from torch_impl import train

WARMUP_REPLAYS = 3  # cuDNN and cuBLAS choose kernels and workspaces before the recording


@dataclass
class Recording:
    """A CUDA graph, and the tensors at fixed addresses that it reads and writes."""

    graph: torch.cuda.CUDAGraph
    batch: tuple[torch.Tensor | None, ...]
    loss: torch.Tensor
    logits: torch.Tensor
    gradients: dict[str, torch.Tensor]  # by canonical parameter name


class Trainer(train.Trainer):
    """The kernels of `eager`, launched as one graph. Adam stays outside: its epsilon changes every step."""

    def __init__(self, spec: LeNetSpec, weights: Mapping[str, np.ndarray], **where: Any) -> None:
        super().__init__(spec, weights, **where)
        self.recordings: dict[tuple[int, bool], Recording] = {}  # by (batch size, has a dropout mask)

    def value_and_gradients(
        self, images: torch.Tensor, labels: torch.Tensor, dropout_mask: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]]:
        key = len(images), dropout_mask is not None
        if key not in self.recordings:
            self.recordings[key] = self.record(images, labels, dropout_mask)
        recording = self.recordings[key]
        for fixed, given in zip(recording.batch, (images, labels, dropout_mask), strict=True):
            if fixed is not None and given is not None:
                fixed.copy_(given)
        recording.graph.replay()
        for name, gradient in recording.gradients.items():
            self.variables[name].grad = gradient  # another recording's gradient may be there
        # return clones: the next replay overwrites loss and logits
        return recording.loss.clone(), recording.logits.clone(), recording.gradients

    def phases(self, *batch: np.ndarray | None) -> Iterator[str]:
        """Yield nothing: forward and backward are one graph and have no phases."""
        return iter(())

    def record(self, *batch: torch.Tensor | None) -> Recording:
        """Run the step a few times on a side stream, then record it. Do not update the parameters."""
        fixed = tuple(None if tensor is None else tensor.clone() for tensor in batch)
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(WARMUP_REPLAYS):
                self.optimizer.zero_grad()
                self.forward(*fixed)[0].backward()
        torch.cuda.current_stream().wait_stream(aside)
        self.optimizer.zero_grad()  # sets them to None, so that the recorded backward adds to nothing
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            loss, logits = self.forward(*fixed)
            loss.backward()
        gradients = {name: variable.grad for name, variable in self.variables.items()}
        return Recording(graph, fixed, loss.detach(), logits.detach(), gradients)
