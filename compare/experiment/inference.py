"""Times forms of the trained model (`--inference`), each in its own process, and checks them by the oracle.

Each form answers with one thread and with all threads, for single images and for batches.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from itertools import product

import numpy as np
import safetensors.numpy

from compare.config import RunConfig, eager_frameworks, times_chosen
from compare.data.mnist import Dataset, scale
from compare.experiment.apart import AfterTraining, Apart, noting
from compare.inference_forms import FORMS_BY_NAME, Form
from compare.ladder.oracle import Oracle
from compare.ladder.tolerances import INFERENCE
from compare.numbers import count
from compare.processes.launcher import Worker
from compare.processes.replies import arrays_shaped
from compare.protocol import messages
from compare.records.job import InferenceRun
from compare.records.results import file_stem

BATCH_SIZES = (1, 128)
CALLS = 300  # for each batch size; the 99th percentile is then the third slowest call


def measure_inference(after: AfterTraining) -> None:
    """Add the missing measurements to the results, seed by seed, with one thread and with all threads."""
    results, forms = after.results, chosen_forms(after.config)
    results.inference_runs = [run for run in results.inference_runs if run.status == "ok"]
    there = {(run.label, run.seed, run.threads) for run in results.inference_runs}
    order = {form.name: place for place, form in enumerate(forms)}
    counts = sorted({1, after.config.thread_count})
    for seed in after.config.seed_range():
        shift = seed % max(1, len(forms))
        for form, threads in product(forms[shift:] + forms[:shift], counts):
            if (form.name, seed, threads) not in there:
                after.say(f"{form.name}, {count(threads, 'thread')}, seed {seed}")
                results.inference_runs.append(inference_run(after, form, seed, threads))
                results.inference_runs.sort(key=lambda run: (run.seed, order[run.label], run.threads))
                after.save()


def chosen_forms(config: RunConfig) -> list[Form]:
    held = eager_frameworks(config)
    chosen = [one for one in FORMS_BY_NAME.values() if one.framework in held]
    return [one for one in chosen if times_chosen(config.inference, one.name)]


def inference_run(after: AfterTraining, form: Form, seed: int, threads: int) -> InferenceRun:
    """Return one launch's row, also if it fails."""
    framework, device = form.framework, after.config.device[0]
    run = InferenceRun(framework=framework, label=form.name, seed=seed, device=device, threads=threads)
    eager = after.eager_run(framework, seed)
    if eager is None:
        run.reason = f"{framework}:eager of seed {seed} did not finish, so there is no trained model"
        return run
    apart = Apart(
        after.config,
        after.directory,
        replace(after.config.conditions(device), threads=threads),
        framework,
        form.name,
        seed,
        f"{framework}_impl.train",
        after.directory / f"{file_stem(eager)}.safetensors",
    )
    noting(run, after.directory, partial(launch_and_answer, run, apart, form, after.dataset))
    return run


def launch_and_answer(run: InferenceRun, apart: Apart, form: Form, dataset: Dataset) -> None:
    log_name = f"inference-{run.label.replace(':', '-')}-threads{run.threads}-seed{run.seed}.log"
    with apart.worker(log_name) as worker:
        answer(run, apart, form, dataset, worker)


def answer(
    run: InferenceRun, apart: Apart, form: Form, dataset: Dataset, worker: Worker, *, calls: int = CALLS
) -> None:
    """Time the form in a worker that is set up. Compare its logits with the oracle's for the same weights."""
    sizes = [size for size in BATCH_SIZES if size <= len(dataset.test_labels)]
    request = messages.TimeInference(form.form, sizes, calls)
    reply = worker.request(request, messages.InferenceTimed, apart.config.timeout)
    spec = apart.config.spec()
    shape = (max(sizes), spec.classes)
    logits = arrays_shaped(worker, reply.logits, {str(size): shape for size in sizes})
    if any(len(reply.call_seconds.get(str(size), [])) != calls for size in sizes):
        raise worker.failed(f"{run.label} did not send {calls} times for each batch size")
    run.build_seconds, run.call_seconds = reply.build_seconds, reply.call_seconds
    weights = safetensors.numpy.load_file(apart.weights_path)
    expected = Oracle(spec, weights).logits(scale(dataset.test_images[: max(sizes)], spec))
    run.largest_error = largest_error(logits.values(), expected)
    tolerance = INFERENCE[apart.config.dtype].value
    if run.largest_error <= tolerance:
        run.status, run.reason = "ok", None
    else:
        run.reason = (
            f"its logits differ from the oracle's by {run.largest_error:.1e} of the largest logit; "
            f"{tolerance:.0e} is allowed"
        )


def largest_error(found: Iterable[np.ndarray], expected: np.ndarray) -> float:
    """Return the largest error relative to the largest logit; 1e300 if a logit is not finite."""
    errors = [np.abs(one - expected).max() / np.abs(expected).max() for one in found]
    return float(np.nan_to_num(max(errors), nan=1e300, posinf=1e300))
