"""Holds a worker's trainer and batches, and times each step. Runs in the child process only."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import os
import time
import traceback
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import safetensors.numpy

from compare.cpus import allowed_cpus
from compare.data import mnist
from compare.data.batches import Batch, batches, update_digest
from compare.data.digests import batch_digests, describe
from compare.data.metrics import accuracy
from compare.data.weights import weights_digest
from compare.dtypes import host_dtype
from compare.observation import observe
from compare.protocol import messages
from compare.protocol.messages import RECORDED_VARIABLES
from compare.worker import memory
from compare.worker.contract import Inspectable, OwnBatches, Trainer
from compare.worker.failures import failure
from compare.worker.frameworks import (
    Configured,
    Settings,
    import_module,
    import_runtime,
    make_exact,
    require_device,
    trainer_class,
)
from compare.worker.placement import misplaced
from compare.worker.rank import join, meet, rows
from compare.worker.refusals import RefusedRequest
from compare.worker.rounding import float32_rounding
from lenet_spec import LeNetSpec, Training


def arrays(named: Mapping[str, np.ndarray], loss: float | None = None) -> messages.Arrays:
    contiguous = {name: np.ascontiguousarray(array) for name, array in named.items()}
    return messages.Arrays(safetensors.numpy.save(contiguous), loss)


class NotedWeights(Mapping[str, np.ndarray]):
    """Initial weights in the spec's order. `last` is the last weight that was read: loading failed there."""

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
        """Say how far the model got: it may fail at the last weight, or before it reads the next one."""
        if self.last is None:
            return "before any weight was asked for"
        if self.last not in self.weights:
            return f"asked for {self.last}, which is not a parameter of the spec"
        names = [*self.weights, None]
        following = names[names.index(self.last) + 1]
        before = f", before {following}" if following else ""
        return f"after {self.last} {list(self.weights[self.last].shape)}{before} was asked for"


def whatever_batch_size(spec: LeNetSpec) -> LeNetSpec:
    """Return the spec with default training, as a cache key for what does not depend on the training."""
    return dataclasses.replace(spec, training=Training())


@lru_cache(maxsize=1)
def data_set(data_dir: str | None, spec: LeNetSpec) -> mnist.Dataset:
    """Read a data set once for all the models that this worker builds in turn."""
    return mnist.load(Path(data_dir) if data_dir else None, spec)


@lru_cache(maxsize=1)
def card_rounding(framework: str, spec: LeNetSpec) -> float:
    """Measure the card's rounding once for all models of this worker, because its settings do not change."""
    return float32_rounding(import_runtime(framework), "cuda", spec)


def parameter_devices(trainer: Inspectable) -> dict[str, str]:
    return {name: trainer.device_of(variable) for name, variable in trainer.variables.items()}


class Session:
    """A trainer, its batches and its clock."""

    results_placed = False  # whether the device of a step's results was checked

    def __init__(self, request: messages.SetUp, configured: Configured) -> None:
        """Import, configure and build. Raises RefusedRequest, or UserError for unusable data."""
        self.request = request
        self.spec = msgspec.convert(request.spec, LeNetSpec)
        self.dataset = data_set(request.data_dir, whatever_batch_size(self.spec))
        weights = safetensors.numpy.load_file(request.weights_path)
        start = time.perf_counter()
        self.runtime = import_runtime(request.framework)
        self.module = import_module(request.module)
        self.trainer_class = trainer_class(self.module, request.trainer)
        self.import_seconds = time.perf_counter() - start
        require_device(self.runtime, request.device)
        configured.configure(
            self.runtime,
            Settings(request.device, request.threads, request.tf32, request.deterministic),
        )
        join(request)
        self.exact = make_exact(request.framework, request.dtype) if request.exact else None
        start = time.perf_counter()
        self.trainer = self.build_trainer(
            NotedWeights({name: weights[name] for name in self.spec.parameter_shapes()})
        )
        self.trainer.synchronize()
        self.build_seconds = time.perf_counter() - start
        if isinstance(self.trainer, Inspectable):
            self.require_placement(parameter_devices(self.trainer))
        self.batches = self.stream()
        self.digest, self.rows_digest = hashlib.sha256(), hashlib.sha256()
        self.steps_done = 0
        self.feed: Any = None  # the input pipeline that has started: `inputs.Feed`

    def build_trainer(self, weights: NotedWeights) -> Trainer:
        """Build the trainer. Raises RefusedRequest with the last parameter that was read, if this fails."""
        try:
            return self.trainer_class(
                self.spec, weights, device=self.request.device, dtype=self.request.dtype
            )
        except Exception as error:
            traceback.print_exc()
            found = failure(error)
            if found.kind != "error":
                raise found from error
            raise RefusedRequest("parameters", f"{weights.last_in_words()}: {found}", logged=True) from error

    def require_placement(self, devices: dict[str, str]) -> None:
        """Raise RefusedRequest with the name of the first tensor that is not on the run's device."""
        if reason := misplaced(devices, self.request.device):
            raise RefusedRequest("device", reason)

    @property
    def host_dtype(self) -> str:
        return host_dtype(self.request.dtype)

    def stream(self) -> Iterator[Batch]:
        """Return the shared batches, unless the trainer's class or its module has its own."""
        own = (one for one in (self.trainer_class, self.module) if isinstance(one, OwnBatches))
        pipeline = next(own, None)
        make = batches if pipeline is None else pipeline.batches
        return iter(make(self.dataset, self.spec, seed=self.request.seed, dtype=self.host_dtype))

    def ready(self) -> messages.Ready:
        parameters, rounding = self.trainer.parameters(), self.float32_rounding()
        return messages.Ready(
            import_seconds=self.import_seconds,
            build_seconds=self.build_seconds,
            parameter_count=sum(array.size for array in parameters.values()),
            initial_weights_sha256=weights_digest(parameters),
            data_sha256=self.dataset.sha256,
            train_count=len(self.dataset.train_labels),
            test_count=len(self.dataset.test_labels),
            runtime=self.runtime.describe(self.request.device),  # last on the card: resets its memory peak
            environment={name: os.environ[name] for name in RECORDED_VARIABLES if name in os.environ},
            cpu_affinity=allowed_cpus(),
            niceness=observe(os.nice, 0),
            exact=self.exact,
            float32_rounding=rounding,
        )

    def float32_rounding(self) -> float | None:
        """Return how much the card rounds; None if no check uses it."""
        if self.request.device != "cuda" or self.request.dtype != "float32":
            return None
        return card_rounding(self.request.framework, whatever_batch_size(self.spec))

    def next_rows(self) -> Batch:
        """Return this rank's rows of the stream's next batch, and digest both."""
        whole = next(self.batches)
        batch = rows(whole, self.request.place)
        update_digest(self.digest, whole)
        update_digest(self.rows_digest, batch)
        return batch

    def train(self, steps: int) -> messages.Trained:
        losses, accuracies, step_seconds, step_cpu_seconds = [], [], [], []
        diverged_at_step = None
        cpu_start = time.process_time()
        for _ in range(steps):
            batch = self.next_rows()
            step_cpu_start = time.process_time()
            loss, logits, seconds = self.timed_step(batch)
            step_cpu = time.process_time() - step_cpu_start
            if diverged_at_step is None and not math.isfinite(loss):
                diverged_at_step = self.steps_done
            if diverged_at_step is None:
                losses.append(loss)
                accuracies.append(accuracy(self.trainer.to_numpy(logits), batch.labels))
                step_seconds.append(seconds)
                step_cpu_seconds.append(step_cpu)
                self.steps_done += 1
            elif self.request.place is None:
                break  # a rank takes every step that the others take: they would wait for it
        return messages.Trained(
            losses=losses,
            accuracies=accuracies,
            step_seconds=step_seconds,
            batches_sha256=self.digest.hexdigest(),
            cpu_seconds=time.process_time() - cpu_start,
            step_cpu_seconds=step_cpu_seconds,
            rss_bytes=memory.rss_bytes(),
            peak_rss_bytes=memory.peak_rss_bytes(),
            peak_device_bytes=self.runtime.peak_device_bytes(self.request.device),
            diverged_at_step=diverged_at_step,
            shards_sha256=[] if self.request.place is None else [self.rows_digest.hexdigest()],
        )

    def timed_step(self, batch: Batch) -> tuple[float, Any, float]:
        """Return loss, logits, and seconds from host arrays to the loss on the host, synchronized twice."""
        meet(self.trainer)
        self.trainer.synchronize()
        start = time.perf_counter()
        loss, logits = self.trainer.step(*batch)
        loss_on_host = float(loss)
        self.trainer.synchronize()
        seconds = time.perf_counter() - start
        if not self.results_placed:
            self.require_results_placed(loss=loss, logits=logits)
        return loss_on_host, logits, seconds

    def require_results_placed(self, **results: Any) -> None:
        """Raise RefusedRequest if a result of the first step is on another device. NumPy arrays may be."""
        self.results_placed = True
        if isinstance(self.trainer, Inspectable):
            tensors = {
                f"the {name} of a step": one
                for name, one in results.items()
                if hasattr(one, "device") and not isinstance(one, np.ndarray | np.generic)
            }
            self.require_placement({name: self.trainer.device_of(one) for name, one in tensors.items()})

    def evaluate(self, batch_size: int, count: int | None) -> messages.Arrays:
        """Return the logits of the first `count` test images; None: of all."""
        logits, test_images = [], self.dataset.test_images[:count]
        for start in range(0, len(test_images), batch_size):
            images = mnist.scale(test_images[start : start + batch_size], self.spec)
            logits.append(self.trainer.logits(images.astype(self.host_dtype, copy=False)))
        return arrays({"logits": np.concatenate(logits)})

    def batch_digests(self, steps: int) -> messages.BatchesDigested:
        return messages.BatchesDigested(
            digests=batch_digests(self.stream(), steps), first=describe(next(self.stream()))
        )

    def activations(self, batch: Batch | None) -> dict[str, np.ndarray]:
        """Return every layer's output for the batch; None: for the stream's first batch."""
        batch = rows(batch or next(self.stream()), self.request.place)
        return self.trainer.activations(batch.images, batch.dropout_mask)

    def gradients(self, batch: Batch | None) -> messages.Arrays:
        """Return the gradients for the batch; None: as in `activations`. On a card, check devices first."""
        batch = rows(batch or next(self.stream()), self.request.place)
        if self.request.device == "cuda" and isinstance(self.trainer, Inspectable):
            self.require_placement(self.trainer.devices(*batch))
        return arrays(self.trainer.gradients(*batch))
