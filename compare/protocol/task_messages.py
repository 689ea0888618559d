"""Defines the messages between the parent and a worker about a porter's own network."""

from __future__ import annotations

from typing import Any

import msgspec


class SetUpTask(msgspec.Struct, tag=True, frozen=True):
    """Import the framework and the porter's files, build the model, and describe it."""

    framework: str  # "tf" or "torch"
    module: str  # the path of the model's file
    task: str  # the path of the task's file
    device: str
    dtype: str
    seed: int
    threads: int


class TaskWeights(msgspec.Struct, tag=True, frozen=True):
    """Load these canonical tensors, by `path/name`. The reply holds all tensors, read back."""

    safetensors: bytes


class TaskForward(msgspec.Struct, tag=True, frozen=True):
    """Return every layer's inputs and outputs for one batch, and restore running statistics.

    scale: the factor for floating-point inputs.
    """

    training: bool
    batch: int = 0
    scale: float = 1.0


class TaskGradients(msgspec.Struct, tag=True, frozen=True):
    """Return the loss and gradients of one batch in training mode; update nothing."""

    batch: int = 0
    scale: float = 1.0


class TaskTrain(msgspec.Struct, tag=True, frozen=True):
    """Train from the start on the first `steps` batches, by the declared optimizer or SGD of `plain_rate`.

    keep: the steps of which the reply holds a sample of each gradient and parameter.
    """

    steps: int
    plain_rate: float | None = None
    keep: int = 0


class TaskInitial(msgspec.Struct, tag=True, frozen=True):
    """Return the mean and standard deviation of each initial tensor of the model, for several seeds."""

    seeds: int


class TaskDifference(msgspec.Struct, tag=True, frozen=True):
    """Return the loss's slope in one element of one canonical tensor, by central differences."""

    tensor: str  # `path/name`
    place: int  # index in the flattened canonical tensor


class TaskDigests(msgspec.Struct, tag=True, frozen=True):
    """Return digests of the first `steps` batches."""

    steps: int


class TaskOwnWeights(msgspec.Struct, tag=True, frozen=True):
    """Return the model's own initial weights for a seed."""

    seed: int


class TimeTask(msgspec.Struct, tag=True, frozen=True):
    """Remove the recorder, and train from here on in a form of `FORMS` in the framework's `task_forms`.

    Start from the weights that were loaded last, with a new optimizer. training: whether dropout is on.
    """

    form: str
    training: bool = True


class TaskMetric(msgspec.Struct, tag=True, frozen=True):
    """The task's metric over its test batches, in evaluation; nothing is changed by it."""


TaskRequest = (
    SetUpTask
    | TaskWeights
    | TaskForward
    | TaskGradients
    | TaskTrain
    | TaskInitial
    | TaskDifference
    | TaskDigests
    | TaskOwnWeights
    | TimeTask
    | TaskMetric
)


class Leaf(msgspec.Struct):
    """One layer, or one of several in one. Shapes are canonical."""

    path: str
    kind: str
    settings: dict[str, Any] = {}
    tensors: dict[str, list[int]] = {}  # the shapes of parameters and running statistics
    states: list[str] = []  # the tensors that are running statistics
    frozen: list[str] = []  # the tensors that are not trained
    calls: int = 0
    input: list[int] | None = None  # the input's shape in the first call
    output: list[int] | None = None
    before: list[str] = []  # the functions called since the previous layer, in words
    fingerprint: list[float] = []  # of the first input, with weights that depend only on kind and shape


class Manifest(msgspec.Struct, tag=True):
    """A model as one real forward pass shows it. leaves: in order of their first calls."""

    leaves: list[Leaf]
    order: list[str]  # the path of each call, in order
    dropouts: list[tuple[float, list[int]]] = []  # rate and shape of each mask in training mode
    outputs: dict[str, list[int]] = {}
    dtypes: dict[str, str] = {}  # of the model's own variables
    optimizer: dict[str, Any] = {}
    versions: dict[str, Any] = {}
    exact: str | None = None  # the changes that make constants exact in float64


class Tensor(msgspec.Struct, frozen=True):
    """Identifies an array. role: "weight", "input", "output", "tap", "gradient", "slot", "loss"."""

    role: str
    path: str
    name: str
    call: int = 0  # the number of the layer's call, or of the step


class TaskArrays(msgspec.Struct, tag=True):
    """Arrays of a porter's network. tensors: identifies the arrays "0", "1", ..., in order of computation."""

    tensors: list[Tensor]
    safetensors: bytes
    numbers: dict[str, Any] = {}


TaskReply = Manifest | TaskArrays
