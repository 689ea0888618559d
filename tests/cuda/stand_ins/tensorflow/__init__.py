"""Stands in for TensorFlow: as much as `tf_impl.runtime` asks of it, on the card of scenario.json."""

import contextlib
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np

SCENARIO = json.loads((Path(__file__).parents[1] / "scenario.json").read_text())["tensorflow"]
if "import_error" in SCENARIO:
    raise ImportError(SCENARIO["import_error"])

__version__ = "2.21.0"
CARDS = SCENARIO.get("cards", [])
test = SimpleNamespace(is_built_with_cuda=lambda: SCENARIO.get("cuda") is not None)
sysconfig = SimpleNamespace(
    get_build_info=lambda: {
        "cuda_version": SCENARIO.get("cuda"),
        "cuda_compute_capabilities": SCENARIO.get("capabilities", "").split(),
    }
)


def ignored(*arguments) -> None:
    return None


config = SimpleNamespace(
    list_physical_devices=lambda kind: CARDS,
    set_soft_device_placement=ignored,
    threading=SimpleNamespace(
        set_intra_op_parallelism_threads=ignored,
        set_inter_op_parallelism_threads=ignored,
        get_intra_op_parallelism_threads=lambda: 1,
        get_inter_op_parallelism_threads=lambda: 1,
    ),
    experimental=SimpleNamespace(
        get_device_details=lambda card: {"device_name": card[0], "compute_capability": tuple(card[1])},
        enable_tensor_float_32_execution=ignored,
        tensor_float_32_execution_enabled=lambda: False,
        set_memory_growth=ignored,
        get_memory_growth=lambda card: True,
        reset_memory_stats=ignored,
    ),
)


class Tensor:
    """Takes any operation, holds zeros."""

    def __mul__(self, other):
        return self

    def __truediv__(self, other):
        return self

    def numpy(self):
        return np.zeros(1, np.float32)


def fill(*arguments):
    if "first_use_error" in SCENARIO:
        raise RuntimeError(SCENARIO["first_use_error"])
    return Tensor()


def made(*arguments):
    return Tensor()


ones = constant = made
linalg = SimpleNamespace(matmul=made)
nn = SimpleNamespace(conv2d=made)


def device(name):
    return contextlib.nullcontext()
