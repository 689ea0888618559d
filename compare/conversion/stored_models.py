"""Reads and writes the files of a conversion: a framework's in its own process, a canonical one in NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import safetensors
import safetensors.numpy

from compare.conversion.formats import Format
from compare.cpus import usable_cpus
from compare.data import mnist
from compare.data.weight_checks import check_finite, check_tensors
from compare.errors import UserError
from compare.processes.conditions import Conditions
from compare.processes.launcher import WorkerNotStarted, WorkerRefused
from compare.processes.replies import arrays_shaped
from compare.protocol import messages
from compare.records.files import write_atomically
from compare.variants import FRAMEWORK_NAMES
from lenet_spec import LeNetSpec

if TYPE_CHECKING:
    from compare.conversion.config import ConvertConfig

SPEC = LeNetSpec()
STORED_DTYPES = {"F32": "float32", "F64": "float64", "F16": "float16", "BF16": "bfloat16"}
ORACLE_IMAGES = 250  # images per call: float64 patches of all images would take gigabytes


@dataclass(frozen=True)
class StoredModel:
    """A file's weights, and its model's logits for the test images."""

    weights: dict[str, np.ndarray]  # canonical names and layouts, float32 or float64
    logits: np.ndarray  # [images, 10]
    labels: np.ndarray  # [images], uint8


def read(config: ConvertConfig, kind: Format) -> StoredModel:
    """Read and check SOURCE. Raises UserError if it does not match, WorkerFailed if the process dies."""
    try:
        if kind == "canonical":
            return canonical_model(config.source)
        path = str(config.source.resolve())
        return ask(config, kind, messages.ReadCheckpoint(kind, path, usable_cpus()))
    except UserError as error:
        raise UserError(f"{config.source}: {error}") from error


def write(config: ConvertConfig, kind: Format, path: Path, weights: Mapping[str, np.ndarray]) -> StoredModel:
    """Write the weights to `path` and read them back. Raises the same errors as `read`."""
    content = safetensors.numpy.save({name: np.ascontiguousarray(weights[name]) for name in weights})
    if kind == "canonical":
        write_atomically(path, content)
        return canonical_model(path)
    request = messages.WriteCheckpoint(kind, str(path.resolve()), usable_cpus(), content)
    return ask(config, kind, request)


def ask(
    config: ConvertConfig, framework: str, request: messages.ReadCheckpoint | messages.WriteCheckpoint
) -> StoredModel:
    """Send one request to a fresh process of the framework. Its log is not kept."""
    try:
        with Conditions().launch(
            framework,
            None,
            name=FRAMEWORK_NAMES[framework],
            python=config.python(framework),
        ) as worker:
            reply = worker.request(request, messages.Checkpoint, config.timeout)
            labels = mnist.load().test_labels
            weights = arrays_shaped(worker, reply.weights, SPEC.parameter_shapes())
            shape = (len(labels), SPEC.classes)
            logits = arrays_shaped(worker, reply.logits, {"logits": shape})["logits"]
    except WorkerRefused as refusal:
        if refusal.kind == "import":
            option = f"--{framework}-python"
            advice = "" if option in str(refusal) else f"\nRepair it, or name another: {option} PATH."
            raise UserError(f"{FRAMEWORK_NAMES[framework]} is needed here: {refusal}{advice}") from refusal
        raise UserError(str(refusal)) from refusal
    except WorkerNotStarted as failure:
        if failure.interpreter:
            raise UserError(str(failure)) from failure
        raise
    return StoredModel(weights, logits, labels)


def canonical_model(path: Path) -> StoredModel:
    """Return the model of a canonical file. The float64 oracle computes its logits, without a framework."""
    from compare.ladder.oracle import Oracle

    weights = read_canonical(path)
    oracle, dataset = Oracle(SPEC, weights), mnist.load()
    logits = [
        oracle.logits(mnist.scale(dataset.test_images[start : start + ORACLE_IMAGES], SPEC))
        for start in range(0, len(dataset.test_images), ORACLE_IMAGES)
    ]
    return StoredModel(weights, np.concatenate(logits), dataset.test_labels)


def read_canonical(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a canonical file, in the spec's order. Raises UserError for another file."""
    with safetensors.safe_open(path, "numpy") as file:
        found = {}
        for name in file.keys():  # noqa: SIM118  (not a dict)
            stored = file.get_slice(name)
            dtype = stored.get_dtype()
            found[name] = (tuple(stored.get_shape()), STORED_DTYPES.get(dtype, dtype))
        names = {name: name for name in SPEC.parameter_shapes()}
        check_tensors(found, SPEC.parameter_shapes(), names)
        weights = {name: file.get_tensor(name) for name in names}
    check_finite(weights, names)
    return weights
