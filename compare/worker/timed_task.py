"""Times a porter's network: the model, its loss and its optimizer, without a recorder."""

from __future__ import annotations

import hashlib
import importlib
import math
import os
import time
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from compare import tap
from compare.cpus import allowed_cpus
from compare.data.task_file import Inputs
from compare.data.weights import weights_digest
from compare.observation import observe
from compare.protocol.messages import RECORDED_VARIABLES, Ready, Trained
from compare.protocol.task_messages import TimeTask
from compare.worker import memory
from compare.worker.task_arrays import flattened

if TYPE_CHECKING:
    from compare.worker.task_session import TaskSession


class TimedTask:
    """A model that trains from the session's weights, on the seed's batches from the first one."""

    def __init__(self, session: TaskSession, request: TimeTask) -> None:
        start = time.perf_counter()
        self.session = session
        session.adapter.prepare(None)
        tap.listeners[:] = []
        module = importlib.import_module(f"{session.request.framework}_impl.task_forms")
        self.form: Any = module.FORMS[request.form](session.adapter, training=request.training)
        self.batches = session.task.batches(session.request.seed)
        self.digest, self.steps_done = hashlib.sha256(), 0
        self.build_seconds = session.build_seconds + time.perf_counter() - start

    def ready(self) -> Ready:
        """Return what is read back from the process. A task has no data set."""
        session, weights = self.session, self.session.model.weight_arrays()
        return Ready(
            import_seconds=session.import_seconds,
            build_seconds=self.build_seconds,
            parameter_count=sum(
                one.index.size for _, _, one in session.model.bounds.values() if not one.state
            ),
            initial_weights_sha256=weights_digest(
                {f"{one.path}/{one.name}": array for one, array in weights.items()}
            ),
            data_sha256="",
            train_count=0,
            test_count=0,
            runtime=session.runtime.describe(session.request.device),
            environment={name: os.environ[name] for name in RECORDED_VARIABLES if name in os.environ},
            cpu_affinity=allowed_cpus(),
            niceness=observe(os.nice, 0),
        )

    def train(self, steps: int) -> Trained:
        """Time each step from NumPy arrays in memory to the loss on the host, synchronized at both ends."""
        losses, step_seconds, step_cpu_seconds, diverged = [], [], [], None
        cpu_start = time.process_time()
        for inputs, targets in islice(self.batches, steps):
            update_digest(self.digest, inputs, targets)
            self.form.synchronize()
            step_cpu_start, start = time.process_time(), time.perf_counter()
            loss = self.form.step(inputs, targets)
            self.form.synchronize()
            seconds, used = time.perf_counter() - start, time.process_time() - step_cpu_start
            if not math.isfinite(loss):
                diverged = self.steps_done
                break
            losses.append(loss)
            step_seconds.append(seconds)
            step_cpu_seconds.append(used)
            self.steps_done += 1
        return Trained(
            losses=losses,
            accuracies=[0.0] * len(losses),  # a task defines no metric
            step_seconds=step_seconds,
            batches_sha256=self.digest.hexdigest(),
            cpu_seconds=time.process_time() - cpu_start,
            rss_bytes=memory.rss_bytes(),
            peak_rss_bytes=memory.peak_rss_bytes(),
            peak_device_bytes=self.session.runtime.peak_device_bytes(self.session.request.device),
            diverged_at_step=diverged,
            step_cpu_seconds=step_cpu_seconds,
        )


def update_digest(digest: Any, inputs: Inputs, targets: Any) -> None:
    """Feed a batch to a hashlib object, with its names, dtypes and shapes."""
    for name, array in [*inputs.items(), *flattened(targets, "targets")]:
        digest.update(f"{name}{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
