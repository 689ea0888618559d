"""See my_keras.py."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.nn import functional


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 8)
        self.first = nn.GRU(8, 6, batch_first=True, bidirectional=True)
        self.second = nn.GRU(12, 5, batch_first=True)
        self.head = nn.Linear(5, 3)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x, _ = self.first(self.embedding(tokens))
        x, _ = self.second(x)
        return self.head(x[:, -1])


def model() -> nn.Module:
    return Network()


def loss(outputs: Any, targets: Any) -> Any:
    return functional.cross_entropy(outputs, targets)


def optimizer(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=0.1)
