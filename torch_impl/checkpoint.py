"""Reads and writes LeNet's weights in PyTorch's own files. Read it beside tf_impl/checkpoint.py.

A file holds a state_dict, written by `torch.save(model.state_dict(), path)` or by safetensors. It holds no
code and no network: `torch_impl.model.LeNet` is its model.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch

from lenet_spec import LeNetSpec, Shape
from torch_impl import layout, wrappers
from torch_impl.model import LeNet, load
from torch_impl.wrappers import names_in_file, own_name, state_dict

Unreadable = wrappers.Unreadable
HOW_TO_SAVE = "Save it with torch.save(model.state_dict(), path)."


@contextmanager
def opened(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the file's tensors by their names; run no code in it. Raises Unreadable if it has no tensors."""
    try:
        if path.suffix.lower() == ".safetensors":
            content = safetensors.torch.load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)  # refuses files that run code
    except Exception as error:  # a broken or hostile file can raise anything in the unpickler
        raise Unreadable(why(error)) from error
    yield state_dict(content)


def why(error: Exception) -> str:
    """Return the reason without torch's advice: to load the refused file without any safety check."""
    if asked := re.search(r"GLOBAL (\S+)", str(error)):
        return f"it asks for {asked[1]} to be called, which is not done: it must hold tensors alone"
    if isinstance(error, pickle.UnpicklingError):
        return "it is not a file that torch.save wrote, or it holds more than tensors"
    return f"torch cannot load it: {str(error).partition('. ')[0]}"


def names(tensors: Mapping[str, Any], spec: LeNetSpec) -> dict[str, str]:
    """Return the name in the file of each parameter, by canonical name: conv1.weight for conv1/kernel."""
    found = names_in_file(tensors)
    return {name: found[own_name(name)] for name in spec.parameter_shapes()}


def shape(name: str, spec: LeNetSpec) -> Shape:
    """Return the shape in the file of the parameter with this canonical name."""
    kernel = spec.parameter_shapes()[name]
    if len(kernel) == 4:
        height, width, inputs, outputs = kernel
        return (outputs, inputs, height, width)  # OIHW
    return kernel[::-1]  # [out, in]


def described(tensor: Any) -> tuple[Shape, str]:
    """Return the shape and NumPy's name of the dtype. If it is no dense tensor, return what it is instead."""
    if not isinstance(tensor, torch.Tensor):
        return (), type(tensor).__name__
    kind = tensor.dtype if tensor.layout == torch.strided else tensor.layout
    return tuple(tensor.shape), "meta" if tensor.is_meta else str(kind).removeprefix("torch.")


def to_canonical(name: str, tensor: torch.Tensor, spec: LeNetSpec) -> np.ndarray:
    """Return the parameter as a NumPy array in its canonical layout, with the same dtype."""
    return layout.to_canonical(name, tensor.detach().numpy(), spec)


def write(path: Path, weights: Mapping[str, np.ndarray], spec: LeNetSpec) -> None:
    """Save a state_dict. `torch_impl.model.LeNet` can load it, and any module with its names and shapes."""
    model = LeNet(spec, getattr(torch, weights["conv1/kernel"].dtype.name))
    load(model, weights)
    torch.save(model.state_dict(), path)


def model(path: Path, spec: LeNetSpec, dtype: str) -> LeNet:
    """Return LeNet with the file's tensors, loaded as a user would load them."""
    lenet = LeNet(spec, getattr(torch, dtype))
    with opened(path) as tensors:
        lenet.load_state_dict({own_name(name): tensors[held] for name, held in names(tensors, spec).items()})
    return lenet.eval()


def logits(model: LeNet, images: np.ndarray) -> np.ndarray:
    """Return logits [N, 10] of images [N, 28, 28, 1]."""
    with torch.no_grad():
        return model(torch.from_numpy(images.transpose(0, 3, 1, 2).copy())).numpy()
