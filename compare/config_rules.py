"""Checks a run's options: the first broken rule is reported, with the next action."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from compare.config import (
    ALL,
    DEVICES,
    TASK_FORMS,
    RunConfig,
    chosen_variants,
    eager_frameworks,
)
from compare.cpus import usable_cpus
from compare.errors import UserError
from compare.inference_forms import FORMS_BY_NAME
from compare.numbers import count
from compare.pipelines import PIPELINES_BY_NAME
from compare.processes.deadlines import LARGEST_TIMEOUT_SECONDS
from compare.variants import VARIANTS, VARIANTS_BY_NAME

# The largest values are beyond use, and small enough for messages and for memory.
BOUNDS = {
    "steps": (1, 100_000_000),
    "batch_size": (1, 65_536),
    "seeds": (1, 10_000),
    "first_seed": (0, 2**32 - 1),
}
LOOPS = "XLA then computes the gradient of max pooling in a loop, one element at a time"


def ruled_out(config: RunConfig) -> dict[str, str]:
    """Return, by option, the reason why the other options prevent its measurement."""
    reasons = {}
    for option in ("inputs", "inference"):
        if config.dtype == "bfloat16":
            reasons[option] = "it measures only float32 and float64, but --dtype is bfloat16. Leave one out."
        elif 1 not in config.workers:
            numbers = ",".join(map(str, config.workers))
            reasons[option] = f"it is compared with one process, but --workers is {numbers}. Add 1."
        elif not eager_frameworks(config):
            reasons[option] = (
                "it is compared with tf:eager or torch:eager, but --variants is "
                f"{','.join(config.variants)}. Add one of them."
            )
    if config.dropout:
        reasons.setdefault("inputs", "no pipeline supports --dropout. Leave one of the two out.")
    if config.tf32:
        reasons.setdefault("inference", "its check is too strict for --tf32. Leave one of the two out.")
    return reasons


def check(config: RunConfig) -> None:
    """Raise UserError for the first rule that an option breaks."""
    for device in config.device or ("",):
        if device not in DEVICES:
            raise UserError(f"--device: {device!r} is not a device. Use cpu, cuda, or cpu,cuda.")
    if len(set(config.device)) < len(config.device):
        raise UserError(f"--device {','.join(config.device)} names a device twice. Name each once.")
    check_variants(config)
    check_job(config)
    check_task(config)
    check_cluster(config.cluster)
    for option, bounds in BOUNDS.items():
        check_bounds("--" + option.replace("_", "-"), getattr(config, option), *bounds)
    for size in config.batch_sizes:
        check_bounds("--batch-sizes", size, *BOUNDS["batch_size"])
    check_threads(config)
    check_workers(config)
    if config.tf32 and "cuda" not in config.device:
        raise UserError("--tf32 works on GPUs only, but --device is cpu. Leave it out.")
    check_timeout(config.timeout)
    check_paths(config)
    for flag, python in (("--tf-python", config.python("tf")), ("--torch-python", config.python("torch"))):
        if not os.access(python, os.X_OK) or python.is_dir():
            raise UserError(f"{flag}: {python} is not a program that can be run. Name a Python interpreter.")
    if config.download is not None and config.data_dir is None:
        raise UserError("--download needs --data-dir: name the directory to download into.")


def check_bounds(flag: str, value: int, least: int, most: int) -> None:
    """Raise UserError unless least ≤ value ≤ most."""
    if value < least:
        raise UserError(f"{flag} is {value}; it must be at least {least}.")
    if value > most:
        raise UserError(f"{flag} is {value:,}; it must be at most {most:,}.")


def check_threads(config: RunConfig) -> None:
    """Raise UserError for a count that no pool can have, or that this process has no CPUs for.

    With --cluster each node has CPUs of its own, and checks; no count means all of them.
    """
    for threads in config.threads or (() if config.cluster else (0,)):
        check_bounds("--threads", threads, 1, sys.maxsize)
        if threads > usable_cpus() and not config.cluster:
            raise UserError(
                f"--threads is {threads}, but this process may use {count(usable_cpus(), 'CPU')}. With more "
                f"threads than CPUs you would measure the scheduler.\nUse --threads {usable_cpus()} or fewer."
            )


def check_workers(config: RunConfig) -> None:
    """Raise UserError for groups that cannot share the threads, the batch or the arithmetic."""
    for workers in config.workers or (0,):
        check_bounds("--workers", workers, 1, sys.maxsize)
        if workers == 1:
            continue
        for threads in config.threads:
            if threads % workers:
                raise UserError(
                    f"--workers is {workers}, but --threads is {threads}: the workers of a group share the "
                    f"threads evenly.\nUse --threads {workers} or a multiple of it, up to the usable CPUs "
                    f"({usable_cpus()}), or fewer workers."
                )
        for flag, sizes in (("--batch-size", (config.batch_size,)), ("--batch-sizes", config.batch_sizes)):
            if min(sizes, default=workers) < workers:
                raise UserError(
                    f"{flag} is {min(sizes)}, but --workers is {workers}: each needs at least one image."
                )
        if config.dtype == "bfloat16":
            raise UserError(f"--workers is {workers}, but groups train in float32 or float64. Leave one out.")
    if 1 not in config.workers and not any(variant.ranks for variant in chosen_variants(config)):
        able = ", ".join(variant.name for variant in VARIANTS if variant.ranks)
        raise UserError(
            f"--workers is {config.workers[0]}, but none of --variants trains in several processes.\n"
            f"Use some of: {able}."
        )
    if len(set(config.workers)) < len(config.workers):
        numbers = ",".join(map(str, config.workers))
        raise UserError(f"--workers {numbers} names a number twice. Name each once.")


def check_timeout(seconds: float) -> None:
    if not 0 < seconds <= LARGEST_TIMEOUT_SECONDS:
        most = f"at most {LARGEST_TIMEOUT_SECONDS:,.0f}, a week"
        raise UserError(f"--timeout is {seconds:g} s; it must be above 0 and {most}.")


def check_paths(config: RunConfig) -> None:
    for flag, path in (("--out", config.out or Path.cwd()), ("--data-dir", config.data_dir)):
        check_utf8(flag, path)


def check_utf8(flag: str, path: Path | None) -> None:
    """Raise UserError if messages and results, which are UTF-8, cannot hold the path."""
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise UserError(
            f"{flag}: {str(path)!r} is not UTF-8 at character {error.start}. Rename it, or name another."
        ) from error


def check_task(config: RunConfig) -> None:
    """Raise UserError for options that --task excludes, and for options that need --task."""
    if config.task is None:
        for flag, module in (
            ("--tensorflow-module", config.tensorflow_module),
            ("--torch-module", config.torch_module),
        ):
            if module is not None:
                raise UserError(f"{flag} needs --task: the file that names the network's inputs and batches.")
        return
    for name in chosen_variants(config):
        if name.name not in TASK_FORMS:
            raise UserError(f"--variants: {name.name} needs LeNet. With --task use {', '.join(TASK_FORMS)}.")
    plain = RunConfig()
    for option in ("batch_size", "dropout", "batch_sizes", "tf32", "deterministic", "data_dir", "download",
                   "workers", "inputs", "inference", "target_accuracy", "tensorboard"):  # fmt: skip
        if getattr(config, option) != getattr(plain, option):
            flag = "--" + option.replace("_", "-")
            raise UserError(f"{flag} works with LeNet only, and --task names another network. Leave one out.")
    if config.cluster is not None:
        raise UserError(
            "--cluster trains LeNet only: the weights of --task come from its proof, on one machine.\n"
            "Leave one of the two out."
        )
    if config.dtype == "bfloat16" or len(config.threads) > 1 or len(config.device) > 1:
        raise UserError("--task takes one device, one thread count, and float32 or float64.")


def check_cluster(cluster: str | None) -> None:
    """Raise UserError for what is neither local nor an address."""
    host, _, port = (cluster or "local").rpartition(":")
    if cluster not in (None, "local") and not (host and port.isdecimal() and 0 < int(port) < 2**16):
        raise UserError(
            f"--cluster: {cluster!r} is no address. Use local, or HOST:PORT of the cluster's head."
        )


def check_job(config: RunConfig) -> None:
    """Raise UserError if --inputs, --inference or --target-accuracy breaks a rule."""
    for flag, names, possible in (
        ("--inputs", config.inputs, list(PIPELINES_BY_NAME)),
        ("--inference", config.inference, list(FORMS_BY_NAME)),
    ):
        unknown = [name for name in names if name not in possible and names != ALL]
        if unknown:
            raise UserError(f"{flag}: {unknown[0]!r} is unknown. Use all, or some of: {', '.join(possible)}.")
        for framework in {name.partition(":")[0] for name in names if names != ALL}:
            if framework not in eager_frameworks(config):
                raise UserError(
                    f"{flag} {','.join(names)} needs {framework}:eager to compare with, but "
                    f"--variants is {','.join(config.variants)}. Add it."
                )
    for option, reason in ruled_out(config).items():
        if getattr(config, option):
            raise UserError(f"--{option}: {reason}")
    if config.target_accuracy is not None and not 0 < config.target_accuracy <= 100:
        raise UserError(
            f"--target-accuracy is {config.target_accuracy:g}; it must be above 0 and at most 100 (percent)."
        )


def check_variants(config: RunConfig) -> None:
    if config.variants == ALL:
        return
    for name in config.variants or ("",):
        if name not in VARIANTS_BY_NAME:
            raise UserError(
                f"--variants: {name!r} is not a variant. Use all, or some of: {', '.join(VARIANTS_BY_NAME)}."
            )
    for name in config.variants:
        variant, asked = VARIANTS_BY_NAME[name], ",".join(config.device)
        if not set(variant.devices) & set(config.device):
            able = ", ".join(variant.devices)
            raise UserError(f"--variants: {name} runs on {able} only, but --device is {asked}.")
        if not any(variant.runs_on(one, deterministic=config.deterministic) for one in config.device):
            raise UserError(
                f"--variants: {name} on {asked} does not fit --deterministic: {LOOPS}. Leave one out."
            )
        if not variant.takes(config.dtype):
            others = ", ".join(variant.name for variant in VARIANTS if variant.takes(config.dtype))
            raise UserError(f"--variants: {name} cannot run in {config.dtype}. Use some of: {others}.")
