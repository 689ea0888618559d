"""MobileNetV2 as torchvision ships it, a third as wide, with Keras's BatchNorm settings."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import torch
from torch.nn import functional
from torchvision.models import MobileNetV2

NORM = partial(torch.nn.BatchNorm2d, eps=1e-3, momentum=1e-3)


def model() -> torch.nn.Module:
    return MobileNetV2(num_classes=10, width_mult=0.35, dropout=0.0, norm_layer=NORM)


def loss(outputs: Any, targets: Any) -> Any:
    return functional.cross_entropy(outputs, targets)


def optimizer(parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=0.01, momentum=0.9)
