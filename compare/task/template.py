"""Holds the three files of `--new-task`. They prove a small network unchanged, and are made to be edited."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from compare.errors import UserError, typed
from compare.records.run_directory import make_directories, remove_empty

TASK = '''"""What both sides share. Names no framework: both workers read it."""

import numpy as np

# Layout by input. Of "NHWC" torch gets NCHW; others, such as "NT" for tokens, pass as they are.
inputs = {"images": "NHWC"}

# Whose side is right, if nothing else can tell: "tf" or "torch".
reference = "tf"

# Training steps of the last rungs.
steps = 20

# Layers that cannot be matched by themselves: the Keras path to the torch path. The ladder says when.
pairs = {}

# Differences that are known and meant, with the reason: {"conv1/bias": "BatchNorm takes it away again"}.
differs = {}


def batches(seed):
    """Yields (inputs, targets) as NumPy, for ever: your own data, or numbers of its shapes, as here."""
    random = np.random.default_rng(seed)
    while True:
        yield random.standard_normal((8, 16, 16, 3)), random.integers(0, 10, 8)
'''

KERAS = '''"""Your network in Keras."""

import keras
from keras import layers


def model():
    return keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            layers.Conv2D(8, 3, activation="relu", name="conv"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(10, name="head"),
        ]
    )


def loss(outputs, targets):
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)(targets, outputs)


def optimizer():
    return keras.optimizers.SGD(0.01, momentum=0.9)
'''

TORCH = '''"""Your network in torch."""

import torch
from torch import nn
from torch.nn import functional


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.head = nn.Linear(8 * 7 * 7, 10)

    def forward(self, images):  # [N, 3, 16, 16]
        x = functional.max_pool2d(functional.relu(self.conv(images)), 2)
        return self.head(torch.flatten(x, 1))


def model():
    return Network()


def loss(outputs, targets):
    return functional.cross_entropy(outputs, targets)


def optimizer(parameters):
    return torch.optim.SGD(parameters, lr=0.01, momentum=0.9)
'''

FILES = {"task.py": TASK, "my_keras.py": KERAS, "my_torch.py": TORCH}


def write_new_task(directory: Path) -> str:
    """Write the files and return the command that proves them. Raises UserError if one already exists."""
    paths = [directory / name for name in FILES]
    existing = [path for path in paths if os.path.lexists(path)]
    if existing:
        raise UserError(f"--new-task: {existing[0]} already exists. Name a new directory.")
    made: list[Path] = []
    try:
        made = make_directories(directory)
        for path in paths:
            path.write_text(FILES[path.name], encoding="utf-8")
    except OSError as error:
        for path in paths:
            with contextlib.suppress(OSError):
                path.unlink()
        remove_empty(made)
        raise UserError(
            f"--new-task: {directory} cannot be written to: {error.strerror}. "
            "Name a directory that you can write to."
        ) from error
    task, keras, torch = map(typed, paths)
    return f"python -m compare.parity --task {task} --tensorflow-module {keras} --torch-module {torch}"
