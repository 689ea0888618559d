"""This project's own LeNet as a task. See my_keras.py."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from lenet_spec import LeNetSpec
from torch_impl.model import LeNet
from torch_impl.train import Adam

SPEC = LeNetSpec()


def model() -> nn.Module:
    return LeNet(SPEC, torch.get_default_dtype())


def loss(outputs: Any, targets: Any) -> Any:
    return functional.cross_entropy(outputs, targets)


def optimizer(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    return Adam(parameters, SPEC.adam)
