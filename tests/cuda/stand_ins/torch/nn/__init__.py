"""`torch.nn.functional`, as far as it is asked for."""

from types import SimpleNamespace

from torch import Tensor

functional = SimpleNamespace(conv2d=lambda images, kernel: Tensor())
