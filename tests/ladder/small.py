"""What the tests through real workers share: few images, few steps, one worker for many ports."""

import gzip
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from compare.data import mnist
from compare.ladder.config import ParityConfig
from compare.processes.group import Group
from compare.processes.launcher import Worker
from compare.traps.trial import Setting, launch_for

SET_ASIDE, TRAIN, TEST, BATCH = 5, 60, 40, 16  # four batches an epoch, the last one across its end


def write_small_mnist(directory: Path) -> Path:
    """Write MNIST's first images as IDX files: one in twelve is set aside, TRAIN train."""
    whole = mnist.load()
    write_idx(
        directory / "train",
        np.concatenate([whole.validation_images[:SET_ASIDE], whole.train_images[:TRAIN]]),
        np.concatenate([whole.validation_labels[:SET_ASIDE], whole.train_labels[:TRAIN]]),
    )
    write_idx(directory / "t10k", whole.test_images[:TEST], whole.test_labels[:TEST])
    return directory


def write_idx(stem: Path, images: np.ndarray, labels: np.ndarray) -> None:
    """Write images and labels as two packed IDX files."""
    for array, kind in ((images, "images-idx3-ubyte"), (labels, "labels-idx1-ubyte")):
        header = struct.pack(f"!HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
        compressed = gzip.compress(header + array.tobytes(), compresslevel=1)
        Path(f"{stem}-{kind}.gz").write_bytes(compressed)


def small_config(data_dir: Path) -> ParityConfig:
    """Return the options of a short climb on a small data set."""
    return ParityConfig(steps=16, batch_size=BATCH, data_dir=data_dir, trap_steps=0, threads=1)


@contextmanager
def worker_and_setting(framework: str, directory: Path) -> Iterator[tuple[Worker | Group, Setting]]:
    """One worker of the framework, on which any number of ports can climb in turn."""
    config = small_config(write_small_mnist(directory))
    dataset = mnist.load(config.data_dir)
    setting = Setting(config, dataset, directory, lambda _: None)
    with launch_for(framework, setting) as worker:
        yield worker, setting
