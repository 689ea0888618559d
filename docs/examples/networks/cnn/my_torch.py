"""See my_keras.py."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.nn import functional


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding="same")
        self.norm = nn.BatchNorm2d(8, momentum=0.1, eps=1e-5)
        self.depthwise = nn.Conv2d(8, 8, 3, groups=8, bias=False)
        self.pointwise = nn.Conv2d(8, 12, 1)
        self.slope = nn.PReLU(12)
        self.up = nn.ConvTranspose2d(12, 4, 2, stride=2)
        self.hidden = nn.Linear(10 * 8 * 4, 16)
        self.head = nn.Linear(16, 5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.norm(functional.relu(self.conv(images)))
        x = self.slope(self.pointwise(self.depthwise(x)))
        x = functional.max_pool2d(x, 2)
        x = functional.dropout(x, 0.25, self.training)
        x = functional.leaky_relu(self.up(x), 0.1)
        x = torch.tanh(self.hidden(torch.flatten(x, 1)))
        return self.head(functional.dropout(x, 0.5, self.training))


def model() -> nn.Module:
    return Network()


def loss(outputs: Any, targets: Any) -> Any:
    return functional.cross_entropy(outputs, targets)


def optimizer(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=0.05, momentum=0.9, nesterov=True)
