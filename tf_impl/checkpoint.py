"""Reads and writes LeNet's weights in Keras's own files. Read it beside torch_impl/checkpoint.py.

A `.weights.h5` file holds weights alone. A `.keras` file is a zip archive of such a file and its model. A
`.h5` file of Keras 2 holds weights, with or without the model. This module writes a plain
`keras.Sequential`, which loads without this project's code.
"""

from __future__ import annotations

import io
import re
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from lenet_spec import LeNetSpec, Shape
from tf_impl.model import conv, dense, max_pool

# In a Sequential or functional model, a layer's folder has its class and number, not its name.
FOLDERS = {
    "conv1": "layers/conv2d/vars",
    "conv2": "layers/conv2d_1/vars",
    "dense1": "layers/dense/vars",
    "dense2": "layers/dense_1/vars",
}
VARIABLES = {"0": "kernel", "1": "bias"}  # Keras 3 numbers the variables; Keras 2 wrote their names: kernel:0
# A path with one of these parts belongs to no layer. The spelling depends on Keras's version.
BOOKKEEPING = re.compile(r"optimizer(_weights)?|_?(compile_)?(metrics|loss(_tracker)?)|seed_generator(_\d+)?")
LARGEST_WEIGHTS_BYTES = 1 << 28  # ten times LeNet in float64 with Adam's moments; more is a zip bomb


HOW_TO_SAVE = "Save it with model.save('name.keras') or model.save_weights('name.weights.h5')."


class Unreadable(Exception):
    """Keras or HDF5 cannot read the file; the message says why."""


@contextmanager
def opened(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the file's weights by their names in it, not yet read. Raises Unreadable if it is no such file.

    Leave out the variables of the optimizer and the metrics, and dropout's random seeds.
    """
    with hdf5(path) as file:
        found: dict[str, Any] = {}
        file.visititems(lambda name, item: found.update({name: item}) if is_weight(name, item) else None)
        yield {name: found[name] for name in sorted(found, key=by_number)}


@contextmanager
def hdf5(path: Path) -> Iterator[h5py.File]:
    try:
        file = h5py.File(weights_file(path), "r")
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise Unreadable(f"it is not a {'.keras' if is_archive(path) else 'HDF5'} file: {error}") from error
    with file:
        yield file


def weights_file(path: Path) -> Path | io.BytesIO:
    if not is_archive(path):
        return path
    with zipfile.ZipFile(path) as archive:
        size = archive.getinfo("model.weights.h5").file_size
        if size > LARGEST_WEIGHTS_BYTES:
            raise ValueError(f"its model.weights.h5 unpacks to {size:,} bytes, which is no LeNet")
        return io.BytesIO(archive.read("model.weights.h5"))


def is_archive(path: Path) -> bool:
    return path.suffix.lower() == ".keras" or zipfile.is_zipfile(path)


def is_weight(name: str, item: Any) -> bool:
    return isinstance(item, h5py.Dataset) and not any(map(BOOKKEEPING.fullmatch, name.split("/")))


def by_number(name: str) -> list[tuple[str, int]]:
    """Return a key that sorts conv2d_9 before conv2d_10."""
    return [(word, int(number or 0)) for word, number in re.findall(r"(\D+)(\d*)", name)]


def names(tensors: Mapping[str, Any], spec: LeNetSpec) -> dict[str, str]:
    """Return the name in the file of each parameter, by canonical name.

    The name depends on Keras's version and on how the model was made: nested, subclassed, or with its own
    layer names. So a layer is found by its kernel's shape, because no two layers of LeNet share a shape. A
    layer with a wrong shape is found by its place among the convolutions, or among the dense layers.
    """
    folders: dict[str, dict[str, str]] = defaultdict(dict)
    for name in tensors:
        folder, _, variable = name.rpartition("/")
        folders[folder][VARIABLES.get(variable, variable.partition(":")[0])] = name
    kernels = {
        folder: described(tensors[held["kernel"]])[0] for folder, held in folders.items() if "kernel" in held
    }
    named = {}
    for layer, folder in folders_of_layers(kernels, spec).items():
        usual = ("0", "1") if folder.endswith("vars") else ("kernel:0", "bias:0")
        for variable, default in zip(("kernel", "bias"), usual, strict=True):
            named[f"{layer}/{variable}"] = folders[folder].get(variable, f"{folder}/{default}")
    return named


def folders_of_layers(kernels: Mapping[str, Shape], spec: LeNetSpec) -> dict[str, str]:
    """Return the folder of each layer. kernels: the kernel's shape in each folder, in the file's order."""
    wanted = {
        name.partition("/")[0]: shape for name, shape in spec.parameter_shapes().items() if "kernel" in name
    }
    found = {layer: next((one for one in kernels if kernels[one] == wanted[layer]), "") for layer in wanted}
    for layer, shape in wanted.items():
        left = (one for one in kernels if one not in found.values() and len(kernels[one]) == len(shape))
        found[layer] = found[layer] or next(left, FOLDERS[layer])
    return found


def shape(name: str, spec: LeNetSpec) -> Shape:
    """Return the shape in the file of the parameter with this canonical name: our layouts are Keras's."""
    return spec.parameter_shapes()[name]


def described(tensor: h5py.Dataset) -> tuple[Shape, str]:
    """Return a dataset's shape and dtype. A dataset that would read another file counts as no tensor."""
    if tensor.external or tensor.is_virtual:
        return tuple(tensor.shape), "a link to another file"
    return tuple(tensor.shape or ()), tensor.dtype.name


def to_canonical(name: str, tensor: h5py.Dataset, spec: LeNetSpec) -> np.ndarray:
    """Return the parameter as a NumPy array with the same dtype."""
    return np.asarray(tensor[()])


def write(path: Path, weights: Mapping[str, np.ndarray], spec: LeNetSpec) -> None:
    """Save a plain Keras model, or its weights. Any Sequential or functional LeNet can load these weights."""
    model = filled(spec, weights)
    lower = path.with_name(path.name.lower())  # Keras accepts no upper-case suffix
    if lower.suffix == ".keras":
        model.save(lower)
    else:
        model.save_weights(lower)
    lower.replace(path)


def filled(spec: LeNetSpec, weights: Mapping[str, np.ndarray]) -> keras.Sequential:
    """Return LeNet with these canonical arrays, in their dtype."""
    model = sequential(spec, weights["conv1/kernel"].dtype.name)
    for name, array in weights.items():
        layer, _, variable = name.partition("/")
        getattr(model.get_layer(layer), variable).assign(array)
    return model


def sequential(spec: LeNetSpec, dtype: str) -> keras.Sequential:
    """Return LeNet without this project's classes.

    It has no dropout layer: `fit` would switch it on, which the tutorial never did.
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
    """Return the model in the file. If the file holds only weights, return LeNet with these weights."""
    with hdf5(path) as file:
        config = file.attrs.get("model_config")
    if config is not None or is_archive(path):
        return whole_model(path, str(config))
    with opened(path) as tensors:
        named = names(tensors, spec)
        return filled(spec, {name: to_canonical(name, tensors[named[name]], spec) for name in named})


def whole_model(path: Path, config: str) -> keras.Model:
    """Return the model in the file. Run no code from it: older versions of Keras 3 would, for `.h5` files."""
    if re.search(r'"class_name": *"Lambda"', config):
        raise Unreadable("its model has a Lambda layer, which is code of its own, and is not run")
    with tempfile.TemporaryDirectory() as directory:
        named = Path(directory, "model.keras" if is_archive(path) else "model.h5")  # Keras reads the suffix
        named.symlink_to(path.resolve())
        try:
            # Keras 2 wrote the module of its class Functional. In Keras 3 this class is in another module.
            classes = {"Functional": keras.Model}
            return keras.models.load_model(named, custom_objects=classes, compile=False, safe_mode=True)
        except Exception as error:  # a broken or hostile file can raise anything in Keras
            raise Unreadable(f"Keras cannot load it: {why(error)}") from error


def why(error: Exception) -> str:
    said = str(error).partition(". ")[0]
    if found := re.match(r"Could not locate class (\S+)", said):
        return f"the code of its class {found[1]} is not in the file; save_weights saves what can be read"
    return said


def logits(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Return logits [N, 10] of images [N, 28, 28, 1]. Raises Unreadable if the model takes no such images."""
    try:
        return np.asarray(model(images, training=False))
    except Exception as error:  # the user's own model can raise anything
        raise Unreadable(f"its model does not take images {list(images.shape)}: {error}") from error
