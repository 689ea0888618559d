"""Defines the options of a run as its results record them, without paths of the machine."""

from __future__ import annotations

from typing import Annotated

import msgspec

from lenet_spec import LeNetSpec

Count = Annotated[int, msgspec.Meta(ge=1)]


class Data(msgspec.Struct):
    """The data set. `doubts`: sentences about labels that may not belong to their images."""

    source: str
    sha256: str
    train_images: int
    test_images: int
    validation_images: int | None = None  # the number set aside; None in older files
    doubts: list[str] = []


class Config(msgspec.Struct, kw_only=True):
    """The options of `compare.config.RunConfig` that can change a figure, and the values that they select.

    Every file, of any version, has the fields without a default.
    """

    device: str  # cpu, cuda, or both: cpu,cuda
    variants: str
    steps: Count
    batch_size: Count
    seeds: Count
    first_seed: int
    dtype: str
    dropout: bool = False
    preset: str = ""
    allocator: str
    threads: Count  # the threads of the headline's launches
    workers: str = "1"  # numbers of processes that trained one network together
    batch_sizes: str = ""
    tf32: bool = False
    deterministic: bool = False
    download: str | bool | None = None  # the name of the set; False in files of the first version
    task: str = ""  # the file of a porter's own network; empty for the embedded network
    task_modules: list[str] = []  # the network's files in TensorFlow and in torch
    inputs: str = ""
    inference: str = ""
    target_accuracy: float | None = None  # percent of the test images
    tensorboard: bool = False
    timeout: float = 600.0
    cluster: bool = False  # whether its seeds trained on the nodes of a cluster
    thread_counts: list[Count] = []  # none: all CPUs of each node
    data: Data
    spec: LeNetSpec

    @property
    def devices(self) -> list[str]:
        return self.device.split(",")
