"""Run every TensorFlow variant on a card that is not there, and look for the kernels that it would need.

    python -m tests.cuda.tf_kernels [--deterministic] [--dtypes float32 ...]

TensorFlow splits the processor into two devices. The trainers are built for "cuda", and what they call /GPU:0
is the second of the two, so an operation that is left on the first shows. Every operation, run by itself or
traced into a function, is recorded with its types. The wheel is a CUDA build and registers its kernels on
every machine, so each record can be held against the registry. A program of its own, since it imports
TensorFlow; prints JSON.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

os.environ |= {"TF_ENABLE_ONEDNN_OPTS": "0"}  # its operations replace TensorFlow's on a processor only
os.environ |= {"CUDA_VISIBLE_DEVICES": "-1", "KERAS_BACKEND": "tensorflow", "KERAS_HOME": os.devnull}
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import attr_value_pb2
from tensorflow.python.eager import context
from tensorflow.python.framework import kernels, op_callbacks, op_def_registry

from compare.data.weights import initial_weights
from compare.variants import VARIANTS, Variant
from lenet_spec import Dropout, LeNetSpec
from tf_impl import runtime

SECOND = "/CPU:1"  # what a trainer calls /GPU:0
ROWS = 2
ON_CARD = ("GPU", "DEFAULT")  # kernels of DEFAULT serve every device
WRAPPED = "__wrapped__"  # begins the name of the function that TensorFlow makes of a single operation
COMPILED = ("XLA_GPU_JIT", "DEFAULT")  # what XLA compiles for a card
real_device, real_function = tf.device, tf.function


class Operation(NamedTuple):
    """An operation and its types, as `T=float32` or `Tin=float32+int64`. compiled: by XLA, for a card."""

    name: str
    types: tuple[str, ...]
    compiled: bool = False


class Recorder:
    """Collects the operations of one way of running after the other."""

    def __init__(self) -> None:
        self.found: set[Operation] = set()
        self.functions: set[str] = set()
        op_callbacks.add_op_callback(self.see_eager)

    def see_eager(
        self, name: str | bytes, _inputs: Any, attributes: Sequence[Any], _outputs: Any, *_: Any, **__: Any
    ) -> None:
        """Record an operation that runs by itself; called by TensorFlow after each."""
        name = name.decode() if isinstance(name, bytes) else name
        if op_def_registry.get(name) is not None:  # not a function
            pairs = dict(zip(attributes[::2], attributes[1::2], strict=True))
            self.found.add(Operation(name, type_names(name, pairs)))

    def see_functions(self, *, compiled: bool) -> None:
        """Record the operations of every function that was traced since the last call."""
        for name in set(context.context().list_function_names()) - self.functions:
            self.functions.add(name)
            for node in context.context().get_function_def(name).node_def:
                by_itself = name.startswith(WRAPPED)
                self.found.add(Operation(node.op, type_names(node.op, node.attr), compiled and not by_itself))


def type_names(name: str, attributes: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the operation's types by the names of its attributes, in their order."""
    found = []
    for definition in op_def_registry.get(name).attr:
        if definition.type in ("type", "list(type)") and definition.name in attributes:
            names = [tf.as_dtype(one).name for one in type_numbers(attributes[definition.name]) if one]
            found.append(f"{definition.name}={'+'.join(names)}")
    return tuple(found)


def type_numbers(value: Any) -> list[Any]:
    """Return the types of an attribute, which TensorFlow writes as a number, a list or an AttrValue."""
    if isinstance(value, attr_value_pb2.AttrValue):
        return list(value.list.type) if value.WhichOneof("value") == "list" else [value.type]
    return list(value) if isinstance(value, list | tuple) else [value]


def has_kernel(operation: Operation) -> bool:
    """Whether a kernel for a card is registered whose constraints admit every type."""
    types = {
        name: set(values.split("+")) - {""} for name, values in (one.split("=") for one in operation.types)
    }
    devices = COMPILED if operation.compiled else ON_CARD
    return any(
        kernel.device_type in devices
        and all(
            types.get(constraint.name, set())
            <= {tf.as_dtype(one).name for one in constraint.allowed_values.list.type}
            for constraint in kernel.constraint
        )
        for kernel in kernels.get_registered_kernels_for_op(operation.name).kernel
    )


def run(variant: Variant, dtype: str) -> dict[str, str]:
    """Train, inspect and evaluate. Return the device of every tensor that the harness can see, by name."""
    module, name = variant.place(dtype)
    trainer_class = getattr(importlib.import_module(module), name)
    trainer_class.device_of = lambda _self, tensor: tensor.device  # its whole name, not the kind alone
    spec = dataclasses.replace(LeNetSpec(), dropout=Dropout(active=True))
    trainer = trainer_class(spec, initial_weights(spec, 0), device="cuda", dtype=dtype)
    images, labels, mask = batch(spec, dtype)
    devices: dict[str, str] = {}
    for mask_or_none in (mask, None):
        devices |= trainer.devices(images, labels, mask_or_none)
        loss, logits = trainer.step(images, labels, mask_or_none)
        if isinstance(loss, tf.Tensor):  # Keras brings them to the host
            devices |= {"step's loss": loss.device, "step's logits": logits.device}
        float(loss)
        trainer.to_numpy(logits)
        list(trainer.phases(images, labels, mask_or_none))
        trainer.gradients(images, labels, mask_or_none)
        trainer.activations(images, mask_or_none)
    trainer.logits(images)
    trainer.parameters()
    return devices


def batch(spec: LeNetSpec, dtype: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return images, labels and a dropout mask of ROWS rows."""
    host = "float32" if dtype == "bfloat16" else dtype
    images = np.random.default_rng(0).random((ROWS, *spec.input.shape)).astype(host)
    return images, np.arange(ROWS), np.ones((ROWS, spec.dense1.units), host)


def run_settings(dtype: str) -> None:
    """Compute what `describe` and the explanation of a step compute on a card."""
    runtime.tf32_computed()
    runtime.flushes_denormals("cuda")
    for width in (np.float32, np.float64):
        arrays = [np.ones(shape, width) for shape in ((2, 2), (2, 2), (1, 4, 4, 1), (3, 3, 1, 2))]
        runtime.product_and_convolution(*arrays, device="cuda")
    runtime.matmul_seconds(device="cuda", dtype=dtype, size=4, repeats=1)


def ways(dtypes: Sequence[str]) -> Iterator[tuple[Variant, str]]:
    """Yield every TensorFlow variant in every arithmetic that it takes."""
    for variant in VARIANTS:
        for dtype in dtypes:
            if variant.framework == "tf" and variant.takes(dtype):
                yield variant, dtype


def compiled_on_card(variant: Variant, *, deterministic: bool) -> bool:
    """Whether XLA compiles the variant's functions: Keras asks for it on a card, unless deterministic."""
    return variant.variant == "xla" or (variant.variant == "keras" and not deterministic)


def pretend() -> None:
    """Two devices, of which the second is the card; and no compiler, whose kernels are looked up only."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    real_function(lambda x: x + 1, jit_compile=True)(1.0)  # registers XLA's kernels
    tf.device = lambda name: real_device(SECOND if name == "/GPU:0" else name)
    tf.function = lambda function=None, **options: real_function(function, **options | {"jit_compile": None})
    tf.config.experimental.reset_memory_stats = lambda _device: None


def main() -> None:
    """Print every way's operations and devices as a line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--deterministic", action="store_true")
    parser.add_argument("--dtypes", nargs="+", default=["float64", "float32", "bfloat16"])
    options = parser.parse_args()
    deterministic = options.deterministic
    runtime.configure(device="cpu", threads=1, tf32=False, deterministic=deterministic)
    pretend()
    recorder, record, devices = Recorder(), {}, {}
    for variant, dtype in ways(options.dtypes):
        recorder.found = set()
        devices[f"{variant.name} {dtype}"] = run(variant, dtype)
        run_settings(dtype)
        recorder.see_functions(compiled=compiled_on_card(variant, deterministic=deterministic))
        record[f"{variant.name} {dtype}"] = [
            operation._asdict() | {"kernel": has_kernel(operation)} for operation in sorted(recorder.found)
        ]
    print(json.dumps({"operations": record, "devices": devices, "dtypes": options.dtypes}))


if __name__ == "__main__":
    main()
