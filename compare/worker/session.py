"""What a worker holds: a trainer, its batches and its clock. Runs in the child process only."""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import importlib.util
import math
import os
import resource
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import numpy as np
import safetensors.numpy

from compare.data import mnist
from compare.data.batches import Batch, batches, update_digest
from compare.data.digests import batch_digests, describe
from compare.data.metrics import accuracy
from compare.data.weights import weights_digest
from compare.dtypes import host_dtype
from compare.protocol import messages
from compare.protocol.messages import RECORDED_VARIABLES
from compare.supported import unsupported
from compare.worker import driver, refusals
from compare.worker import memory as host_memory
from compare.worker.placement import misplaced
from lenet_spec import LeNetSpec


class RefusedRequest(Exception):
    """Something this worker cannot do; `kind` as in `messages.Refused`."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


FRAMEWORK_PACKAGES = {"tf": "tensorflow", "torch": "torch"}


def import_runtime(framework: str) -> ModuleType:
    """Return the framework's settings module. Raises RefusedRequest if the framework cannot be imported."""
    package = FRAMEWORK_PACKAGES[framework]
    if importlib.util.find_spec(package) is None:
        raise RefusedRequest(
            "import",
            f"{package} is not installed for {sys.executable}; install it, or name another interpreter "
            f"with --{framework}-python",
        )
    require_supported(package, installed_version(package))
    try:
        runtime = importlib.import_module(f"{framework}_impl.runtime")
    except Exception as error:  # a broken installation can raise anything
        traceback.print_exc()
        raise RefusedRequest("import", refusals.import_reason(package, as_import_error(error))) from error
    require_supported(package, str(sys.modules[package].__version__))
    return runtime


def installed_version(package: str) -> str | None:
    """As its metadata say, before it is imported; None where it has none: built from source, or renamed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def require_supported(package: str, version: str | None) -> None:
    """Raise RefusedRequest for a version that this code does not run on."""
    if version is not None and (reason := unsupported(package, version)):
        raise RefusedRequest("import", f"{reason}, for {sys.executable}")


def as_import_error(error: Exception) -> ImportError:
    if isinstance(error, ImportError):
        return error
    return ImportError(f"{type(error).__name__}: {error}")


def require_device(runtime: Any, device: str) -> None:
    """Raise RefusedRequest, with what to do about it, if the framework cannot use the device."""
    if device == "cpu":
        return
    build = refusals.Build(**runtime.build())
    if reason := refusals.why_not(build, driver.read(), runtime.cards, os.environ):
        raise RefusedRequest("device", reason)


def import_module(name: str) -> ModuleType:
    """Return a module by dotted name, or by the path of its file (a reader's own port)."""
    if not name.endswith(".py"):
        return importlib.import_module(name)
    spec = importlib.util.spec_from_file_location(Path(name).stem, name)
    if spec is None or spec.loader is None:
        raise RefusedRequest("import", f"{name} cannot be loaded as a Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[Path(name).stem] = module
    sys.path.append(str(Path(name).resolve().parent))  # last: it may import what lies beside it
    spec.loader.exec_module(module)
    return module


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


configured: dict[str, Any] = {}  # a framework takes its process-wide settings once


def configure_once(runtime: ModuleType, request: messages.SetUp) -> None:
    """Raise RefusedRequest if a second set-up in one process asks for other settings than the first."""
    wanted = {name: getattr(request, name) for name in ("device", "threads", "tf32", "deterministic")}
    if not configured:
        runtime.configure(**wanted)
        configured.update(wanted)
    elif configured != wanted:
        raise RefusedRequest("error", f"this process is configured for {configured}, not for {wanted}")


class NotedWeights(Mapping[str, np.ndarray]):
    """Initial weights, in the spec's order, that note which was asked for last: where loading fails."""

    def __init__(self, weights: Mapping[str, np.ndarray]) -> None:
        self.weights = weights
        self.last: str | None = None

    def __getitem__(self, name: str) -> np.ndarray:
        self.last = name
        return self.weights[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.weights)

    def __len__(self) -> int:
        return len(self.weights)

    def last_in_words(self) -> str:
        """How far the model came: it may stumble over the last weight, or on its way to the next one."""
        if self.last is None:
            return "before any weight was asked for"
        if self.last not in self.weights:
            return f"asked for {self.last}, which is not a parameter of the spec"
        names = [*self.weights, None]
        following = names[names.index(self.last) + 1]
        before = f", before {following}" if following else ""
        return f"after {self.last} {list(self.weights[self.last].shape)}{before} was asked for"


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
        require_device(self.runtime, request.device)
        configure_once(self.runtime, request)
        start = time.perf_counter()
        self.trainer = self.build_trainer(
            NotedWeights({name: weights[name] for name in self.spec.parameter_shapes()})
        )
        self.trainer.synchronize()
        self.build_seconds = time.perf_counter() - start
        self.require_placement(self.parameter_devices())
        self.batches = self.stream()
        self.digest = hashlib.sha256()
        self.steps_done = 0

    def build_trainer(self, weights: NotedWeights) -> Any:
        """Raise RefusedRequest, naming the parameter asked for last, if the model cannot be built."""
        build = getattr(self.module, self.request.trainer)
        try:
            return build(self.spec, weights, device=self.request.device, dtype=self.request.dtype)
        except Exception as error:
            traceback.print_exc()
            if known := refusals.from_error(str(error)) or host_memory.from_error(error):
                raise RefusedRequest(*known) from error
            lines = str(error).strip().splitlines() or [""]
            said = f"{type(error).__name__}: {lines[0]}"[:400]
            raise RefusedRequest("parameters", f"{weights.last_in_words()}: {said}") from error

    def parameter_devices(self) -> dict[str, str]:
        """Where each parameter lies; nothing for a reader's port that does not tell."""
        if not hasattr(self.trainer, "device_of"):
            return {}
        return {name: self.trainer.device_of(variable) for name, variable in self.trainer.variables.items()}

    def require_placement(self, devices: dict[str, str]) -> None:
        """Raise RefusedRequest, naming the tensor, if one does not lie on the run's device."""
        if reason := misplaced(devices, self.request.device):
            raise RefusedRequest("device", reason)

    @property
    def host_dtype(self) -> str:
        return host_dtype(self.request.dtype)

    def stream(self) -> Iterator[Batch]:
        """Return the shared batches, or the trainer's or module's own: a port may have its own pipeline."""
        own = getattr(self.module, "batches", batches)
        make = getattr(getattr(self.module, self.request.trainer), "batches", own)
        return iter(make(self.dataset, self.spec, seed=self.request.seed, dtype=self.host_dtype))

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
            niceness=os.nice(0),
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
            logits.append(self.trainer.logits(images.astype(self.host_dtype, copy=False)))
        return arrays({"logits": np.concatenate(logits)})

    def batch_digests(self, steps: int) -> messages.BatchesDigested:
        return messages.BatchesDigested(
            digests=batch_digests(self.stream(), steps), first=describe(next(self.stream()))
        )

    def activations(self) -> dict[str, np.ndarray]:
        batch = next(self.stream())
        found: dict[str, np.ndarray] = self.trainer.activations(batch.images, batch.dropout_mask)
        return found

    def gradients(self) -> messages.Arrays:
        """On a card it is first seen where activations and gradients lie: a run climbs before it trains."""
        batch = next(self.stream())
        if self.request.device == "cuda" and hasattr(self.trainer, "devices"):
            self.require_placement(self.trainer.devices(*batch))
        return arrays(self.trainer.gradients(*batch))
