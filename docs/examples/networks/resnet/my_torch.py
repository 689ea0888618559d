"""ResNet50 as torchvision ships it, version 1.5, with Keras's BatchNorm settings."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import torch
from torch.nn import functional
from torchvision.models import resnet50

NORM = partial(torch.nn.BatchNorm2d, eps=1.001e-5, momentum=0.01)


def model() -> torch.nn.Module:
    return resnet50(num_classes=10, norm_layer=NORM)


def loss(outputs: Any, targets: Any) -> Any:
    return functional.cross_entropy(outputs, targets)


def optimizer(parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=0.01)
