"""See my_keras.py."""

import itertools
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.nn import functional


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 8)
        self.hidden = nn.Linear(8, 8)
        self.head = nn.Linear(8, 3)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.head(torch.tanh(self.hidden(self.embedding(tokens).mean(dim=1))))


def model() -> nn.Module:
    return Network()


def loss(outputs: Any, targets: Any) -> Any:
    return functional.cross_entropy(outputs, targets)


def clip(gradients: list[torch.Tensor], largest: float) -> None:
    """By the norm itself: clip_grad_norm_ adds 1e-6 to it."""
    norm = torch.nn.utils.get_total_norm(gradients)
    for one in gradients:
        one.mul_((largest / norm).clamp(max=1.0))


def optimizer(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """Adam with epsilon where Keras puts it: outside the bias correction."""
    own = list(parameters)
    adam = torch.optim.Adam(own, lr=0.01)
    steps = itertools.count(1)

    def before_step(optimizer: torch.optim.Optimizer, *_: Any) -> None:
        clip([one.grad for one in own if one.grad is not None], 0.5)
        step = next(steps)
        for group in optimizer.param_groups:
            group["eps"] = 1e-7 / (1 - group["betas"][1] ** step) ** 0.5

    adam.register_step_pre_hook(before_step)
    return adam
