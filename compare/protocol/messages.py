"""Defines the messages between the parent and a worker: typed, validated, never unpickled.

The parent sends `SetUp` first, then any other requests. Each request gets one reply, in order. A `Refused`
reply means that the worker is alive but cannot do what the request asks. Arrays travel as safetensors bytes.
"""

from __future__ import annotations

from typing import Any

import msgspec

from compare.protocol.task_messages import Manifest, TaskArrays, TaskRequest

# The variables of its environment that a worker reports.
RECORDED_VARIABLES = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_",
    "MALLOC_MMAP_MAX_", "GLIBC_TUNABLES", "KERAS_BACKEND", "KERAS_HOME", "TF_CPP_MIN_LOG_LEVEL",
    "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER",
)  # fmt: skip


class Place(msgspec.Struct, frozen=True):
    """The place of one rank in a data-parallel group."""

    rank: int
    world_size: int
    rendezvous: str  # torch: a file's path; TensorFlow: `host:port` of every rank, in order, with commas
    exchange: bool = True  # False: the ranks never meet, which shows the cost of meeting


class SetUp(msgspec.Struct, tag=True, frozen=True):
    """Import the framework, build the model, load weights and data."""

    framework: str  # "tf" or "torch"
    module: str  # a module name, or the path of a Python file, that defines `trainer`
    trainer: str  # the name of the class
    spec: dict[str, Any]  # LeNetSpec, as `dataclasses.asdict` returns it
    device: str
    dtype: str
    seed: int
    weights_path: str  # safetensors, canonical
    data_dir: str | None  # None: the embedded data set
    threads: int
    tf32: bool = False
    deterministic: bool = False
    exact: bool = False  # make Keras's Python floats exact in float64: for proofs, never for a timed run
    place: Place | None = None  # None: this worker trains alone
    timeout_seconds: float = 600.0  # how long the ranks may take to find each other


class Probe(msgspec.Struct, tag=True, frozen=True):
    """Import the framework and use the device, to report whether it can be used."""

    framework: str
    device: str


class Train(msgspec.Struct, tag=True, frozen=True):
    """Train on the next `steps` batches."""

    steps: int


class Step(msgspec.Struct, tag=True, frozen=True):
    """Make one update. The reply holds the loss and the logits from before it, and the `State` after it.

    batch: safetensors of the fields of `data.batches.Batch`; None: the next batch of the worker's own stream.
    in_phases: update by `phases` instead of `step`. The reply then has neither loss nor logits.
    """

    batch: bytes | None = None
    in_phases: bool = False


class State(msgspec.Struct, tag=True, frozen=True):
    """The parameters, and Adam's moments if the trainer has them, with the names of `worker.proof.state`."""


class Logits(msgspec.Struct, tag=True, frozen=True):
    """Return logits for evaluation, of the images in this message."""

    images: bytes  # safetensors with the key "images"


class Evaluate(msgspec.Struct, tag=True, frozen=True):
    """Return the logits of the first `count` test images; None: of all."""

    batch_size: int
    count: int | None = None


class Parameters(msgspec.Struct, tag=True, frozen=True):
    """Return the current parameters."""


class Activations(msgspec.Struct, tag=True, frozen=True):
    """Return every layer's output. batch: as in `Step`, but None is the first batch of the stream."""

    batch: bytes | None = None


class Gradients(msgspec.Struct, tag=True, frozen=True):
    """Return the gradients at the current parameters; update nothing. batch: as in `Activations`."""

    batch: bytes | None = None


class BatchDigests(msgspec.Struct, tag=True, frozen=True):
    """Return digests of the first `steps` training batches, from a new stream; train nothing."""

    steps: int


class Explain(msgspec.Struct, tag=True, frozen=True):
    """Measure where the time of a step goes, over `steps` more steps, which do not count as results."""

    steps: int


class TimeBatchSize(msgspec.Struct, tag=True, frozen=True):
    """Time steps at another batch size: `warmup` uncounted steps, then `steps`."""

    batch_size: int
    warmup: int
    steps: int


class TrainFromInputs(msgspec.Struct, tag=True, frozen=True):
    """Train on the next `block` batches of an input pipeline over the first `steps` batches in shared order.

    The first request starts the pipeline. The reply to the last one times the pipeline alone, too.
    """

    pipeline: str  # a key of PIPELINES in `tf_impl.inputs` or `torch_impl.inputs`
    steps: int
    block: int


class TimeInference(msgspec.Struct, tag=True, frozen=True):
    """Build a form of the model for inference, and time its answers to the first test images."""

    form: str  # a key of FORMS in `tf_impl.inference` or `torch_impl.inference`
    batch_sizes: list[int]
    calls: int  # for each batch size, after a warm-up of a tenth as many


class ReadCheckpoint(msgspec.Struct, tag=True, frozen=True):
    """Read a framework's own file. Needs no `SetUp`; a process takes one such request."""

    framework: str
    path: str
    threads: int


class WriteCheckpoint(msgspec.Struct, tag=True, frozen=True):
    """Write a framework's own file, then read it back. Needs no `SetUp`; a process takes one such request."""

    framework: str
    path: str
    threads: int
    weights: bytes  # safetensors, canonical


Request = (
    SetUp
    | Probe
    | Train
    | Step
    | State
    | Logits
    | Evaluate
    | Parameters
    | Activations
    | Gradients
    | BatchDigests
    | Explain
    | TimeBatchSize
    | TrainFromInputs
    | TimeInference
    | ReadCheckpoint
    | WriteCheckpoint
    | TaskRequest
)


class Ready(msgspec.Struct, tag=True, frozen=True):
    """The worker is set up. Every value here is read back, not repeated from the request."""

    import_seconds: float
    build_seconds: float  # for model, weights and optimizer
    parameter_count: int
    initial_weights_sha256: str  # of the parameters read back from the model
    data_sha256: str
    train_count: int
    test_count: int
    runtime: dict[str, Any]  # `runtime.describe`: versions, device_name, threads, tf32, ...
    environment: dict[str, str]  # RECORDED_VARIABLES, as this process sees them
    cpu_affinity: list[int] | None  # in order; None if the system does not report it
    niceness: int | None
    exact: str | None = None  # the changes that make constants exact in float64
    float32_rounding: float | None = None  # measured on a card (`worker.rounding`)


class Probed(msgspec.Struct, tag=True, frozen=True):
    """Says why a framework cannot use a device, or None if it can, with the framework's versions."""

    unavailable: str | None
    versions: dict[str, Any]


class Trained(msgspec.Struct, tag=True, frozen=True):
    """A block of steps, with one entry per step. If the loss diverges, the entries end before that step."""

    losses: list[float]
    accuracies: list[float]
    step_seconds: list[float]
    batches_sha256: str  # of every batch given to `step` so far; for a rank, of the whole batches
    cpu_seconds: float  # used in the block by all threads of this process
    rss_bytes: int | None  # after the block
    peak_rss_bytes: int | None
    peak_device_bytes: int | None
    diverged_at_step: int | None = None  # counted from the first step of the run
    shards_sha256: list[str] = []  # for each rank: of the rows that it got
    step_cpu_seconds: list[float] = []  # used by all threads of this process within `step_seconds`


class Arrays(msgspec.Struct, tag=True, frozen=True):
    """Named arrays, with a loss if they belong to a step."""

    safetensors: bytes
    loss: float | None = None


class BatchesDigested(msgspec.Struct, tag=True, frozen=True):
    """SHA-256 digests of the first batches, array by array."""

    digests: dict[str, list[str]]  # by array, one entry per batch: `compare.data.digests`
    first: dict[str, str]  # the first batch's arrays in words


class Explained(msgspec.Struct, tag=True, frozen=True):
    """Shows where a step's time goes."""

    phase_seconds: dict[str, list[float]]  # by phase, one entry per step; empty if the step has no phases
    unsynchronized_step_seconds: float
    matmul_peak_flops: float  # per second, best of several products
    fence_seconds: float | None = None  # the time of a fence with nothing to wait for


class Timed(msgspec.Struct, tag=True, frozen=True):
    """Synchronized seconds, one entry per step."""

    step_seconds: list[float]


class TrainedFromInputs(msgspec.Struct, tag=True, frozen=True):
    """A block of a training on batches of an input pipeline. Lists have one entry per step."""

    losses: list[float]
    step_seconds: list[float]  # from the end of the previous step to the loss on the host
    first_batch_seconds: float | None  # in the first block, from the start of the pipeline to its first batch
    alone_seconds: list[float]  # after the last block, one entry per batch of the pipeline without training
    cpu_seconds: float  # used in the steps by this process and its children


class InferenceTimed(msgspec.Struct, tag=True, frozen=True):
    """The seconds from an array in memory to the logits on the host."""

    build_seconds: float  # until the first answer, with export, trace and compilation
    call_seconds: dict[str, list[float]]  # by batch size, one entry per call
    logits: bytes  # safetensors, by batch size: of as many test images as the largest batch has


class Checkpoint(msgspec.Struct, tag=True, frozen=True):
    """The content of a framework's own file, as it was read."""

    weights: bytes  # safetensors, canonical
    logits: bytes  # safetensors: "logits" of the embedded test images, from the file's own model


MISSING = ("import", "device", "compiler")  # kinds of refusal: the machine lacks something


class Refused(msgspec.Struct, tag=True, frozen=True):
    """The worker could not do what the request asks; `kind` says where the fault is."""

    kind: str  # one of MISSING, "memory", "data", "parameters" (the model cannot be built),
    # "checkpoint", "task" (the porter's files), "error"
    reason: str  # one line
    logged: bool = False  # a traceback in the worker's log says more
    missing: list[str] = []  # the packages that its interpreter does not find


Reply = (
    Ready
    | Probed
    | Trained
    | Arrays
    | BatchesDigested
    | Explained
    | Timed
    | TrainedFromInputs
    | InferenceTimed
    | Checkpoint
    | Refused
    | Manifest
    | TaskArrays
)
