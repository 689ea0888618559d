"""What a run was asked to do, as its results record it: every option, without paths of the machine."""

from __future__ import annotations

from typing import Annotated

import msgspec

from lenet_spec import LeNetSpec

Count = Annotated[int, msgspec.Meta(ge=1)]


class Data(msgspec.Struct):
    """The data set. `doubts`: sentences on labels that may not belong to their images."""

    source: str
    sha256: str
    train_images: int
    test_images: int
    validation_images: int | None = None  # set aside; not in files of before
    doubts: list[str] = []


class Config(msgspec.Struct, kw_only=True):
    """The options of `compare.config.RunConfig` that can change a figure, and what they stand for.

    Those without a default stand in every file that was ever written.
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
    threads: Count  # of the headline's launches
    batch_sizes: str = ""
    tf32: bool = False
    deterministic: bool = False
    download: str | bool | None = None  # the set by name; False in files of the first version
    task: str = ""  # the file of a porter's own network; empty: the embedded one
    task_modules: list[str] = []  # its files in TensorFlow and in torch
    inputs: str = ""
    inference: str = ""
    target_accuracy: float | None = None  # percent of the test images
    tensorboard: bool = False
    timeout: float = 600.0
    thread_counts: list[Count] = []
    data: Data
    spec: LeNetSpec

    @property
    def devices(self) -> list[str]:
        return self.device.split(",")
