"""Reads and writes a framework's own files. Runs in the child process only."""

from __future__ import annotations

import traceback
from pathlib import Path

import numpy as np
import safetensors.numpy

from compare.data import mnist
from compare.data.weight_checks import check_finite, check_tensors
from compare.errors import UserError
from compare.protocol import messages
from compare.worker.contract import CheckpointModule
from compare.worker.frameworks import Configured, Settings, import_checkpoint, import_runtime
from compare.worker.refusals import RefusedRequest
from lenet_spec import LeNetSpec

SPEC = LeNetSpec()
BATCH_IMAGES = 1000


def checkpoint(
    request: messages.ReadCheckpoint | messages.WriteCheckpoint, configured: Configured
) -> messages.Checkpoint:
    """Write the file if this is the request. Return its weights, and its model's logits of the test images.

    Raises RefusedRequest if the file does not match.
    """
    configured.configure(import_runtime(request.framework), Settings("cpu", request.threads))
    module = import_checkpoint(request.framework)
    path = Path(request.path)
    if isinstance(request, messages.WriteCheckpoint):
        module.write(path, safetensors.numpy.load(request.weights), SPEC)
    try:
        weights = read(module, path)
        logits = {"logits": test_logits(module, path, weights["conv1/kernel"].dtype.name)}
    except UserError as error:
        raise RefusedRequest("checkpoint", str(error)) from error
    return messages.Checkpoint(safetensors.numpy.save(weights), safetensors.numpy.save(logits))


def read(module: CheckpointModule, path: Path) -> dict[str, np.ndarray]:
    """Return canonical arrays. Check names, shapes and dtypes before a value is read."""
    try:
        with module.opened(path) as tensors:
            names = module.names(tensors, SPEC)
            expected = {name: module.shape(canonical, SPEC) for canonical, name in names.items()}
            found = {name: module.described(tensor) for name, tensor in tensors.items()}
            check_tensors(found, expected, names)
            weights = {
                canonical: module.to_canonical(canonical, tensors[name], SPEC)
                for canonical, name in names.items()
            }
    except module.Unreadable as error:
        raise unreadable(error, module) from error
    check_finite(weights, names)
    return weights


def test_logits(module: CheckpointModule, path: Path, dtype: str) -> np.ndarray:
    """Return logits [10000, 10] of the file's model for the embedded test images, in its weights' dtype."""
    images = mnist.load().test_images
    try:
        model = module.model(path, SPEC, dtype)
        logits = [
            module.logits(model, mnist.scale(images[start : start + BATCH_IMAGES], SPEC).astype(dtype))
            for start in range(0, len(images), BATCH_IMAGES)
        ]
    except module.Unreadable as error:
        raise unreadable(error, module) from error
    found = np.ascontiguousarray(np.concatenate(logits))
    if found.shape != (len(images), SPEC.classes):
        raise UserError(
            f"its model gives an output of shape {list(found.shape)} for {len(images):,} images; "
            f"it must be [{len(images)}, {SPEC.classes}].\nSave a model that gives logits of ten classes."
        )
    return found


def unreadable(error: Exception, module: CheckpointModule) -> UserError:
    """Write the whole traceback to the log, and return one line for the user."""
    traceback.print_exc()
    return UserError(f"{' '.join(str(error).split())[:400]}.\n{module.HOW_TO_SAVE}")
