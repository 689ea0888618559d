"""See my_keras.py."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from compare.tap import tap


class Scale(nn.Module):
    """A layer that no framework has; channels are torch's second axis."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(size))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.scale[:, None, None]


class Branches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 8, 3, stride=2)
        self.group = nn.GroupNorm(4, 8)
        self.grouped = nn.Conv2d(8, 8, 1, groups=2)
        self.scale = Scale(8)
        self.embedding = nn.Embedding(20, 4)
        self.wide = nn.Conv1d(4, 6, 3)
        self.label = nn.Linear(14, 3)
        self.value = nn.Linear(14, 1)

    def forward(self, images: torch.Tensor, tokens: torch.Tensor) -> dict[str, torch.Tensor]:
        x = functional.relu(self.group(self.conv(images)))
        x = tap("pooled", self.scale(self.grouped(x)).mean((2, 3)))
        y = self.wide(self.embedding(tokens).transpose(1, 2)).amax(2)
        both = torch.cat([x, y], dim=1)
        return {"label": self.label(both), "value": self.value(both)}


def model() -> nn.Module:
    return Branches()


def loss(outputs: Any, targets: Any) -> Any:
    classes = functional.cross_entropy(outputs["label"], targets["label"])
    return classes + functional.mse_loss(outputs["value"], targets["value"])


def optimizer(parameters: Iterable[nn.Parameter]) -> tuple[Any, Any]:
    made = torch.optim.SGD(parameters, lr=0.05)
    return made, torch.optim.lr_scheduler.ExponentialLR(made, 0.9)
