"""Builds forms of a worker's model for inference, and times their answers."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import time

import numpy as np
import safetensors.numpy

from compare.data import mnist
from compare.errors import typed
from compare.inference_forms import FORMS_BY_NAME
from compare.protocol import messages
from compare.worker.contract import Answer, InferenceModule
from compare.worker.refusals import RefusedRequest
from compare.worker.session import Session


def time_inference(session: Session, request: messages.TimeInference) -> messages.InferenceTimed:
    """For each batch size, time repeated answers to the first test images, from array to logits."""
    framework = session.request.framework
    require_packages(f"{framework}:{request.form}")
    module: InferenceModule = importlib.import_module(f"{framework}_impl.inference")
    largest = max(request.batch_sizes)
    images = mnist.scale(session.dataset.test_images[:largest], session.spec).astype(session.host_dtype)
    start = time.perf_counter()
    answer = module.FORMS[request.form](session.trainer, images)
    answer(images[: request.batch_sizes[0]])
    build_seconds = time.perf_counter() - start
    logits, call_seconds = {}, {}
    for size in request.batch_sizes:
        starts = range(0, len(images), size)
        logits[str(size)] = np.concatenate([answer(images[one : one + size]) for one in starts])
        call_seconds[str(size)] = timed_calls(answer, images[:size], request.calls)
    arrays = {size: np.ascontiguousarray(one) for size, one in logits.items()}
    return messages.InferenceTimed(build_seconds, call_seconds, safetensors.numpy.save(arrays))


def timed_calls(answer: Answer, images: np.ndarray, calls: int) -> list[float]:
    """Return the seconds of each call, after a warm-up of a tenth as many calls."""
    for _ in range(max(1, calls // 10)):
        answer(images)
    seconds = []
    for _ in range(calls):
        start = time.perf_counter()
        answer(images)
        seconds.append(time.perf_counter() - start)
    return seconds


def require_packages(form: str) -> None:
    """Raise RefusedRequest, with the line that installs them, if packages of the form are missing."""
    missing = [name for name in FORMS_BY_NAME[form].needs if importlib.util.find_spec(name) is None]
    if missing:
        raise RefusedRequest(
            "import",
            f"{form} needs {' and '.join(missing)}. "
            f"Install: {typed(sys.executable)} -m pip install {' '.join(missing)}",
            missing=missing,
        )
