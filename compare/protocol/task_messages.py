"""What the parent and a worker say to each other about a porter's own network."""

from __future__ import annotations

from typing import Any

import msgspec


class SetUpTask(msgspec.Struct, tag=True, frozen=True):
    """Import the framework and the porter's files, build the model, look at it."""

    framework: str  # "tf" or "torch"
    module: str  # the path of the model's file
    task: str  # the path of the task's file
    device: str
    dtype: str
    seed: int
    threads: int


class TaskWeights(msgspec.Struct, tag=True, frozen=True):
    """Load these canonical tensors, by `path/name`; the reply holds all tensors, read back."""

    safetensors: bytes


class TaskForward(msgspec.Struct, tag=True, frozen=True):
    """Inputs and outputs of every layer for one batch; running statistics are put back.

    scale: what floating inputs are multiplied by.
    """

    training: bool
    batch: int = 0
    scale: float = 1.0


class TaskGradients(msgspec.Struct, tag=True, frozen=True):
    """Loss and gradients of one batch, in training; nothing is updated."""

    batch: int = 0
    scale: float = 1.0


class TaskTrain(msgspec.Struct, tag=True, frozen=True):
    """Train anew on the first `steps` batches, by the declared optimizer or plain SGD of `plain_rate`.

    keep: steps whose gradients and parameters are sent, a sample of each tensor.
    """

    steps: int
    plain_rate: float | None = None
    keep: int = 0


class TaskInitial(msgspec.Struct, tag=True, frozen=True):
    """Mean and standard deviation of each tensor as the model makes it, over several seeds."""

    seeds: int


class TaskDifference(msgspec.Struct, tag=True, frozen=True):
    """The loss's slope in one element of one canonical tensor, by central differences."""

    tensor: str  # `path/name`
    place: int  # in the flattened canonical tensor


class TaskDigests(msgspec.Struct, tag=True, frozen=True):
    """Digests of the first `steps` batches."""

    steps: int


class TaskOwnWeights(msgspec.Struct, tag=True, frozen=True):
    """The weights that the model makes for itself from a seed."""

    seed: int


class TimeTask(msgspec.Struct, tag=True, frozen=True):
    """Take the recorder off, and train from here on in a form of `FORMS` of `tf_impl.task_forms` or its twin.

    From the weights that were loaded last, with the declared optimizer anew. training: whether dropout drops.
    """

    form: str
    training: bool = True


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
)


class Leaf(msgspec.Struct):
    """One layer, or one of several in one. Shapes are canonical."""

    path: str
    kind: str
    settings: dict[str, Any] = {}
    tensors: dict[str, list[int]] = {}  # parameters and state
    states: list[str] = []  # which of them are running statistics
    frozen: list[str] = []  # which are not trained
    calls: int = 0
    input: list[int] | None = None  # of the first call
    output: list[int] | None = None
    before: list[str] = []  # functions called since the layer before, in words
    fingerprint: list[float] = []  # of the first input, with weights that depend on kind and shape alone


class Manifest(msgspec.Struct, tag=True):
    """A model as one real forward pass sees it. leaves: in order of their first calls."""

    leaves: list[Leaf]
    order: list[str]  # paths, a call each
    dropouts: list[tuple[float, list[int]]] = []  # rate and shape of each mask, in training
    outputs: dict[str, list[int]] = {}
    dtypes: dict[str, str] = {}  # of the model's own variables
    optimizer: dict[str, Any] = {}
    versions: dict[str, Any] = {}
    exact: str | None = None  # what was changed so that constants are float64


class Tensor(msgspec.Struct, frozen=True):
    """What an array is. role: "weight", "input", "output", "tap", "gradient", "slot", "loss"."""

    role: str
    path: str
    name: str
    call: int = 0  # of the layer, or the step


class TaskArrays(msgspec.Struct, tag=True):
    """tensors: what the arrays "0", "1", ... of `safetensors` are, in order of computation."""

    tensors: list[Tensor]
    safetensors: bytes
    numbers: dict[str, Any] = {}


TaskReply = Manifest | TaskArrays
