"""The child process: one framework, one variant, one seed, driven by messages over its own pipes.

Needs NumPy, msgspec, safetensors and its framework, nothing else: it may run in another environment than the
parent. Frameworks print as they like: stdout and stderr are the log, never the protocol.
"""

from __future__ import annotations

import ctypes
import dataclasses
import hashlib
import importlib
import importlib.util
import math
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import numpy as np
import safetensors.numpy

from compare.data import mnist
from compare.data.batches import Batch, batches, update_digest
from compare.errors import UserError
from compare.metrics import accuracy
from compare.processes import messages
from compare.processes.channel import Channel, ChannelClosed
from compare.processes.environment import RECORDED_VARIABLES
from compare.weights import weights_digest
from lenet_spec import LeNetSpec

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def serve(read_fd: int, write_fd: int) -> None:
    """Answers requests until the parent closes its end."""
    die_with_parent()
    channel = Channel(read_fd, write_fd, messages.Request)
    session: Session | None = None
    while True:
        try:
            request = channel.receive()
            if isinstance(request, messages.SetUp):
                reply, session = set_up(request)
            else:
                reply = answer(request, session)
            channel.send(reply)
        except ChannelClosed:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)  # a framework's own exit handlers can take seconds, or hang


def die_with_parent() -> None:
    """Asks Linux to kill this process when its parent dies, however that happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def set_up(request: messages.SetUp) -> tuple[messages.Reply, Session | None]:
    try:
        session = Session(request)
        return session.ready(), session
    except (RefusedRequest, UserError) as error:
        kind = error.kind if isinstance(error, RefusedRequest) else "data"
        return messages.Refused(kind, str(error)), None
    except Exception as error:
        return crashed(error), None


def answer(request: messages.Request, session: Session | None) -> messages.Reply:
    try:
        match request, session:
            case messages.Probe(), _:
                return probe(request)
            case messages.Train(), Session():
                return session.train(request.steps)
            case messages.Evaluate(), Session():
                return session.evaluate(request.batch_size)
            case messages.Parameters(), Session():
                return arrays(session.trainer.parameters())
            case messages.Activations(), Session():
                return arrays(session.activations())
            case messages.Gradients(), Session():
                return session.gradients()
            case _:
                return messages.Refused("error", "this worker is not set up")
    except RefusedRequest as error:
        return messages.Refused(error.kind, str(error))
    except Exception as error:
        return crashed(error)


class RefusedRequest(Exception):
    """Something this worker cannot do; `kind` as in `messages.Refused`."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


def crashed(error: Exception) -> messages.Refused:
    """The whole traceback goes to the log, its last line to the parent."""
    traceback.print_exc()
    lines = str(error).strip().splitlines() or [""]
    return messages.Refused("error", f"{type(error).__name__}: {lines[0]}"[:500])


def import_runtime(framework: str) -> ModuleType:
    try:
        return importlib.import_module(f"{framework}_impl.runtime")
    except ImportError as error:
        traceback.print_exc()
        raise RefusedRequest("import", str(error).splitlines()[0]) from error


def import_module(name: str) -> ModuleType:
    """A module by dotted name, or by the path of its file (a reader's own port)."""
    if not name.endswith(".py"):
        return importlib.import_module(name)
    spec = importlib.util.spec_from_file_location(Path(name).stem, name)
    if spec is None or spec.loader is None:
        raise RefusedRequest("import", f"{name} cannot be loaded as a Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[Path(name).stem] = module
    spec.loader.exec_module(module)
    return module


def probe(request: messages.Probe) -> messages.Probed:
    runtime = import_runtime(request.framework)
    reason = runtime.unavailable(request.device)
    versions = {} if reason else runtime.describe(request.device)["versions"]
    return messages.Probed(reason, versions)


def arrays(named: dict[str, np.ndarray], loss: float | None = None) -> messages.Arrays:
    contiguous = {name: np.ascontiguousarray(array) for name, array in named.items()}
    return messages.Arrays(safetensors.numpy.save(contiguous), loss)


def rss_bytes() -> int | None:
    """Resident memory now; None where there is no /proc."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * resource.getpagesize()


def peak_rss_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # kilobytes on Linux


class Session:
    """A trainer, its batches and its clock."""

    def __init__(self, request: messages.SetUp) -> None:
        self.request = request
        self.spec = msgspec.convert(request.spec, LeNetSpec)
        self.dataset = mnist.load(Path(request.data_dir) if request.data_dir else None, self.spec)
        weights = safetensors.numpy.load_file(request.weights_path)
        start = time.perf_counter()
        self.runtime = import_runtime(request.framework)
        self.module = import_module(request.module)
        self.import_seconds = time.perf_counter() - start
        if reason := self.runtime.unavailable(request.device):
            raise RefusedRequest("device", reason)
        self.runtime.configure(
            device=request.device,
            threads=request.threads,
            tf32=request.tf32,
            deterministic=request.deterministic,
        )
        start = time.perf_counter()
        trainer = getattr(self.module, request.trainer)
        self.trainer = trainer(self.spec, weights, device=request.device, dtype=request.dtype)
        self.trainer.synchronize()
        self.build_seconds = time.perf_counter() - start
        self.batches = self.stream()
        self.digest = hashlib.sha256()
        self.steps_done = 0

    def stream(self) -> Iterator[Batch]:
        """The shared batches; a module may offer `batches` of its own (a port with its own input pipeline)."""
        make = getattr(self.module, "batches", batches)
        return iter(make(self.dataset, self.spec, seed=self.request.seed, dtype=self.request.dtype))

    def ready(self) -> messages.Ready:
        parameters = self.trainer.parameters()
        return messages.Ready(
            import_seconds=self.import_seconds,
            build_seconds=self.build_seconds,
            parameter_count=sum(array.size for array in parameters.values()),
            initial_weights_sha256=weights_digest(parameters),
            data_sha256=self.dataset.sha256,
            train_count=len(self.dataset.train_labels),
            test_count=len(self.dataset.test_labels),
            runtime=self.runtime.describe(self.request.device),
            environment={name: os.environ[name] for name in RECORDED_VARIABLES if name in os.environ},
            cpu_affinity=sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [],
        )

    def train(self, steps: int) -> messages.Trained:
        losses, accuracies, step_seconds = [], [], []
        diverged_at_step = None
        cpu_start = time.process_time()
        for _ in range(steps):
            batch = next(self.batches)
            update_digest(self.digest, batch)
            loss, logits, seconds = self.timed_step(batch)
            if not math.isfinite(loss):
                diverged_at_step = self.steps_done
                break
            losses.append(loss)
            accuracies.append(accuracy(self.trainer.to_numpy(logits), batch.labels))
            step_seconds.append(seconds)
            self.steps_done += 1
        return messages.Trained(
            losses=losses,
            accuracies=accuracies,
            step_seconds=step_seconds,
            batches_sha256=self.digest.hexdigest(),
            cpu_seconds=time.process_time() - cpu_start,
            rss_bytes=rss_bytes(),
            peak_rss_bytes=peak_rss_bytes(),
            peak_device_bytes=self.runtime.peak_device_bytes(self.request.device),
            diverged_at_step=diverged_at_step,
        )

    def timed_step(self, batch: Batch) -> tuple[float, Any, float]:
        """Loss, logits and seconds from host arrays to the loss on the host, both ends synchronized."""
        self.trainer.synchronize()
        start = time.perf_counter()
        loss, logits = self.trainer.step(*batch)
        loss = float(loss)
        self.trainer.synchronize()
        return loss, logits, time.perf_counter() - start

    def evaluate(self, batch_size: int) -> messages.Arrays:
        logits = []
        for start in range(0, len(self.dataset.test_labels), batch_size):
            images = mnist.scale(self.dataset.test_images[start : start + batch_size], self.spec)
            logits.append(self.trainer.logits(images.astype(self.request.dtype, copy=False)))
        return arrays({"logits": np.concatenate(logits)})

    def activations(self) -> dict[str, np.ndarray]:
        batch = next(self.stream())
        return self.trainer.activations(batch.images, batch.dropout_mask)

    def gradients(self) -> messages.Arrays:
        batch = next(self.stream())
        return arrays(self.trainer.gradients(*batch))


def spec_to_dict(spec: LeNetSpec) -> dict[str, Any]:
    return dataclasses.asdict(spec)
