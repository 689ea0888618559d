"""Defines the input pipelines that PyTorch's users write. Read it beside tf_impl/inputs.py.

The shared order of images replaces the framework's order, and nothing else: the framework itself fetches,
scales and collates. images: [count, 28, 28] uint8; labels: [count] uint8; order: [steps, N] indices. Each
pipeline yields images [N, 1, 28, 28] of `dtype`, and labels [N] int64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

from torch_impl import train

Batches = Iterator[tuple[torch.Tensor, torch.Tensor]]


class Trainer(train.Trainer):
    """The eager step on the batches that a pipeline yields."""

    def to_device(self, *tensors: Any) -> tuple[torch.Tensor | None, ...]:
        return tuple(None if tensor is None else tensor.to(self.device) for tensor in tensors)


def tutorial(images: np.ndarray, labels: np.ndarray, order: np.ndarray, dtype: str) -> Batches:
    """Read torchvision's MNIST with transforms: make a picture and a tensor of each image, then collate."""
    from torchvision.datasets import MNIST
    from torchvision.transforms import v2

    class SharedMNIST(MNIST):
        """torchvision's data set with the run's images instead of files."""

        def _check_exists(self) -> bool:
            return True

        def _load_data(self) -> tuple[torch.Tensor, torch.Tensor]:
            return torch.from_numpy(images), torch.from_numpy(labels)

    # v2 multiplies by 1/255; v1's ToTensor divides by 255, which changes the last bit of 126 of 256 values
    transform = v2.Compose(
        [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.ToDtype(getattr(torch, dtype))]
    )
    return iter(DataLoader(SharedMNIST(root="", transform=transform), batch_sampler=order.tolist()))


def tensor_dataset(images: np.ndarray, labels: np.ndarray, order: np.ndarray, dtype: str) -> Batches:
    """Scale all images once; the loader still fetches and collates image by image."""
    return iter(DataLoader(TensorDataset(*scaled(images, labels, dtype)), batch_sampler=order.tolist()))


def gathered(images: np.ndarray, labels: np.ndarray, order: np.ndarray, dtype: str) -> Batches:
    """Scale all images once, and gather each batch in one operation, without a loader."""
    all_images, all_labels = scaled(images, labels, dtype)
    for index in torch.from_numpy(order):
        yield all_images[index], all_labels[index]


def scaled(images: np.ndarray, labels: np.ndarray, dtype: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Return all images [count, 1, 28, 28] in [0, 1], scaled in float32, and all labels as int64."""
    in_float32 = torch.from_numpy(images).unsqueeze(1).to(torch.float32) * (1 / 255)
    return in_float32.to(getattr(torch, dtype)), torch.from_numpy(labels).to(torch.int64)


PIPELINES: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray, str], Batches]] = {
    "tutorial": tutorial,
    "tensor-dataset": tensor_dataset,
    "gathered": gathered,
}
