"""Writes the command that repeats a run, from its record."""

from __future__ import annotations

import dataclasses
import shlex

from compare.config import RunConfig, recorded_options
from compare.data.known_sets import MNIST, set_name
from compare.records.config import Config

# A preset sets other options, which are shown, and event files change no figure. The rest comes separately.
SEPARATE = {"preset", "tensorboard", "task", "threads", "cluster"}


def command(config: Config) -> str:
    """Return the command with every option that differs from its default, and the threads.

    No record holds a path, so DIR and ADDRESS stand for them, and a file's name for the file.
    """
    defaults = recorded_options(RunConfig())
    words = task_words(config)
    for field in dataclasses.fields(RunConfig):
        value, default = getattr(config, field.name, None), defaults.get(field.name)
        set_by_task = config.task and field.name == "batch_size"
        if field.name in SEPARATE or set_by_task or value == default or value in (None, False):
            continue
        words.append(f"--{field.name.replace('_', '-')}")
        words += [] if value is True else [str(value)]
    if config.thread_counts:
        words += ["--threads", ",".join(map(str, config.thread_counts))]
    if not config.task and set_name(config.data.sha256) != MNIST:
        words += ["--data-dir", "DIR"]
    words += ["--cluster", "ADDRESS"] if config.cluster else []
    return shlex.join(["python", "-m", "compare.run", *words])


def task_words(config: Config) -> list[str]:
    modules = zip(("--tensorflow-module", "--torch-module"), config.task_modules, strict=False)
    named = [word for pair in modules for word in pair]
    return ["--task", config.task, *named] if config.task else []
