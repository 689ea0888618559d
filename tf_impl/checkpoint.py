"""LeNet's weights in Keras's own files. Read it beside torch_impl/checkpoint.py.

A `.weights.h5` file holds weights alone; a `.keras` file is a zip archive of such a file and the model that
it belongs to. Written is a plain `keras.Sequential`, which loads without this project's code.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from lenet_spec import LeNetSpec, Shape
from tf_impl.model import LeNet, conv, dense, max_pool

# Keras files a layer of a Sequential or functional model under its class and number, whatever its name, and a
# layer of a subclassed model, such as tf_impl.model.LeNet, under the attribute that holds it.
FOLDERS = {
    "conv1": "layers/conv2d",
    "conv2": "layers/conv2d_1",
    "dense1": "layers/dense",
    "dense2": "layers/dense_1",
}
VARIABLES = {"kernel": "vars/0", "bias": "vars/1"}
LARGEST_WEIGHTS_BYTES = 1 << 28  # LeNet in float64 with Adam's moments takes a tenth: more is a zip bomb


HOW_TO_SAVE = "Save it with model.save('name.keras') or model.save_weights('name.weights.h5')."


class Unreadable(Exception):
    """Keras or HDF5 will not take the file; the message says why."""


@contextmanager
def opened(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the file's weights by their names in it, not yet read. Raises Unreadable for another file.

    The optimizer's variables and the random seeds of dropout are left out.
    """
    try:
        file = h5py.File(weights_file(path), "r")
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise Unreadable(f"it is not a {kind(path)} file: {error}") from error
    with file:
        found: dict[str, Any] = {}
        file.visititems(lambda name, item: found.update({name: item}) if is_weight(name, item) else None)
        yield found


def weights_file(path: Path) -> Path | io.BytesIO:
    if kind(path) == ".weights.h5":
        return path
    with zipfile.ZipFile(path) as archive:
        size = archive.getinfo("model.weights.h5").file_size
        if size > LARGEST_WEIGHTS_BYTES:
            raise ValueError(f"its model.weights.h5 unpacks to {size:,} bytes, which is no LeNet")
        return io.BytesIO(archive.read("model.weights.h5"))


def kind(path: Path) -> str:
    return ".keras" if path.suffix.lower() == ".keras" else ".weights.h5"


def is_weight(name: str, item: Any) -> bool:
    other = name.startswith("optimizer/") or "/seed_generator" in name
    return isinstance(item, h5py.Dataset) and not other


def names(tensors: Mapping[str, Any], spec: LeNetSpec) -> dict[str, str]:
    """Canonical name to the name in the file, which depends on how the model was made."""
    subclassed = any(name.startswith("conv1/") for name in tensors)
    named = {}
    for name in spec.parameter_shapes():
        layer, _, variable = name.partition("/")
        named[name] = f"{layer if subclassed else FOLDERS[layer]}/{VARIABLES[variable]}"
    return named


def shape(name: str, spec: LeNetSpec) -> Shape:
    """Return the shape in the file of the parameter of this canonical name: our layouts are Keras's."""
    return spec.parameter_shapes()[name]


def described(tensor: h5py.Dataset) -> tuple[Shape, str]:
    """Shape and dtype; a dataset that would read another file is not one."""
    if tensor.external or tensor.is_virtual:
        return tuple(tensor.shape), "a link to another file"
    return tuple(tensor.shape or ()), tensor.dtype.name


def to_canonical(name: str, tensor: h5py.Dataset, spec: LeNetSpec) -> np.ndarray:
    """Return the parameter as a NumPy array, same dtype."""
    return np.asarray(tensor[()])


def write(path: Path, weights: Mapping[str, np.ndarray], spec: LeNetSpec) -> None:
    """Save a plain Keras model, or its weights, which any Sequential or functional LeNet can load."""
    model = sequential(spec, weights["conv1/kernel"].dtype.name)
    for name, array in weights.items():
        layer, _, variable = name.partition("/")
        getattr(model.get_layer(layer), variable).assign(array)
    if kind(path) == ".keras":
        model.save(path)
    else:
        model.save_weights(path)


def sequential(spec: LeNetSpec, dtype: str) -> keras.Sequential:
    """LeNet without this project's classes.

    No dropout layer: `fit` would switch it on, which the tutorial never did.
    """
    layers = {
        "conv1": conv(spec.conv1, dtype),
        "pool1": max_pool(spec.pool1, dtype),
        "conv2": conv(spec.conv2, dtype),
        "pool2": max_pool(spec.pool2, dtype),
        "flatten": keras.layers.Flatten(data_format="channels_last", dtype=dtype),
        "dense1": dense(spec.dense1, dtype),
        "dense2": dense(spec.dense2, dtype),
    }
    for name, layer in layers.items():
        layer.name = name
    return keras.Sequential([keras.Input(spec.input.shape, dtype=dtype), *layers.values()], name="lenet")


def model(path: Path, spec: LeNetSpec, dtype: str) -> keras.Model:
    """Return the model of a .keras file; for weights alone LeNet, made the way that their names tell."""
    try:
        if kind(path) == ".keras":
            return keras.models.load_model(path, compile=False, safe_mode=True)  # runs no code in it
        with opened(path) as tensors:
            subclassed = any(name.startswith("conv1/") for name in tensors)
        lenet = LeNet(spec, dtype) if subclassed else sequential(spec, dtype)
        lenet.load_weights(path)
    except Exception as error:  # whatever a broken or hostile file makes of Keras
        raise Unreadable(f"Keras cannot load it: {error}") from error
    return lenet


def logits(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Logits [N, 10] of images [N, 28, 28, 1]. Raises Unreadable where the model takes no such images."""
    try:
        return np.asarray(model(images, training=False))
    except Exception as error:  # a model of the user's own
        raise Unreadable(f"its model does not take images {list(images.shape)}: {error}") from error
