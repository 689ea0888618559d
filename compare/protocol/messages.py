"""What the parent and a worker say to each other: typed, validated, never unpickled.

Parent to worker: `SetUp` first, then any of the others; one reply for each, in order. A `Refused` reply
means that the worker lives and says no. Arrays travel as safetensors bytes.
"""

from __future__ import annotations

from typing import Any

import msgspec

from compare.protocol.task_messages import Manifest, TaskArrays, TaskRequest

# What a worker reports back of its environment.
RECORDED_VARIABLES = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_",
    "MALLOC_MMAP_MAX_", "GLIBC_TUNABLES", "KERAS_BACKEND", "KERAS_HOME", "TF_CPP_MIN_LOG_LEVEL",
    "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER",
)  # fmt: skip


class Place(msgspec.Struct, frozen=True):
    """Where one rank stands in a data-parallel group."""

    rank: int
    world_size: int
    rendezvous: str  # torch: the path of a file; TensorFlow: `host:port` of every rank, in order, with commas
    exchange: bool = True  # False: the ranks train side by side and never meet, to see what meeting costs


class SetUp(msgspec.Struct, tag=True, frozen=True):
    """Import the framework, build the model, load weights and data."""

    framework: str  # "tf" or "torch"
    module: str  # a module name, or the path of a Python file, that offers `trainer`
    trainer: str  # the class in it
    spec: dict[str, Any]  # LeNetSpec, as `dataclasses.asdict` gives it
    device: str
    dtype: str
    seed: int
    weights_path: str  # safetensors, canonical
    data_dir: str | None  # None: the embedded data set
    threads: int
    tf32: bool = False
    deterministic: bool = False
    exact: bool = False  # make Keras's Python floats exact in float64: for proofs, never where time counts
    place: Place | None = None  # None: this worker trains alone
    timeout_seconds: float = 600.0  # for the ranks to find each other


class Probe(msgspec.Struct, tag=True, frozen=True):
    """Import the framework and say whether it can use the device, by using it."""

    framework: str
    device: str


class Train(msgspec.Struct, tag=True, frozen=True):
    """Train on the next `steps` batches."""

    steps: int


class Step(msgspec.Struct, tag=True, frozen=True):
    """One update; the reply holds the loss and the logits from before it, and the `State` after it.

    batch: safetensors of the fields of `data.batches.Batch`; None: the next of the worker's own stream.
    in_phases: by `phases`, which returns neither loss nor logits, in place of `step`.
    """

    batch: bytes | None = None
    in_phases: bool = False


class State(msgspec.Struct, tag=True, frozen=True):
    """The parameters, and Adam's moments if the trainer tells them: named as in `worker.proof.state`."""


class Logits(msgspec.Struct, tag=True, frozen=True):
    """Logits for evaluation, of images that the parent sends."""

    images: bytes  # safetensors: "images"


class Evaluate(msgspec.Struct, tag=True, frozen=True):
    """Logits of the first `count` test images; None: of all."""

    batch_size: int
    count: int | None = None


class Parameters(msgspec.Struct, tag=True, frozen=True):
    """The parameters as they are."""


class Activations(msgspec.Struct, tag=True, frozen=True):
    """Every layer's output; batch: as for `Step`, but None is the first of the worker's own stream."""

    batch: bytes | None = None


class Gradients(msgspec.Struct, tag=True, frozen=True):
    """Gradients at the present parameters; nothing is updated. batch: as for `Activations`."""

    batch: bytes | None = None


class BatchDigests(msgspec.Struct, tag=True, frozen=True):
    """Digests of the first `steps` training batches, from a fresh stream; nothing is trained."""

    steps: int


class Explain(msgspec.Struct, tag=True, frozen=True):
    """Where the time of a step goes, over `steps` more steps that no result is taken from."""

    steps: int


class TimeBatchSize(msgspec.Struct, tag=True, frozen=True):
    """Step times at another batch size: `warmup` steps set apart, then `steps`."""

    batch_size: int
    warmup: int
    steps: int


class TrainFromInputs(msgspec.Struct, tag=True, frozen=True):
    """Train on as many batches of a pipeline of the framework's own, in the shared order, from the start."""

    pipeline: str  # a key of PIPELINES of `tf_impl.inputs` or its twin
    steps: int


class TimeInference(msgspec.Struct, tag=True, frozen=True):
    """Build a form of the model for inference, and time its answers to the first test images."""

    form: str  # a key of FORMS of `tf_impl.inference` or its twin
    batch_sizes: list[int]
    calls: int  # of each batch size, after as many tenths that are set apart


class ReadCheckpoint(msgspec.Struct, tag=True, frozen=True):
    """What a framework's own file holds. Needs no set-up; one such request a process."""

    framework: str
    path: str
    threads: int


class WriteCheckpoint(msgspec.Struct, tag=True, frozen=True):
    """Write a framework's own file, then read it back. Needs no set-up; one such request a process."""

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
    """Set up; everything here is read back, not repeated from the request."""

    import_seconds: float
    build_seconds: float  # model, weights, optimizer
    parameter_count: int
    initial_weights_sha256: str  # of the parameters read back from the model
    data_sha256: str
    train_count: int
    test_count: int
    runtime: dict[str, Any]  # `runtime.describe`: versions, device_name, threads, tf32, ...
    environment: dict[str, str]  # the variables that matter, as this process sees them
    cpu_affinity: list[int] | None  # in order; None if the system does not tell
    niceness: int | None
    exact: str | None = None  # what was changed so that constants are float64
    float32_rounding: float | None = None  # of a card, measured (`worker.rounding`)


class Probed(msgspec.Struct, tag=True, frozen=True):
    """What a worker says of a framework and a device: why it cannot be used, or None, and its versions."""

    unavailable: str | None
    versions: dict[str, Any]


class Trained(msgspec.Struct, tag=True, frozen=True):
    """One entry a step; on divergence, up to and without the step whose loss is not finite."""

    losses: list[float]
    accuracies: list[float]
    step_seconds: list[float]
    batches_sha256: str  # of every batch handed to `step` so far; of the whole batch, for a rank too
    cpu_seconds: float  # of this process, all threads, over the block
    rss_bytes: int | None  # after the block
    peak_rss_bytes: int | None
    peak_device_bytes: int | None
    diverged_at_step: int | None = None  # counted from the first step of the run
    shards_sha256: list[str] = []  # by rank: of the rows that it was handed
    step_cpu_seconds: list[float] = []  # of this process, all threads, over what `step_seconds` times


class Arrays(msgspec.Struct, tag=True, frozen=True):
    """Named arrays; `loss` stands beside a step's."""

    safetensors: bytes
    loss: float | None = None


class BatchesDigested(msgspec.Struct, tag=True, frozen=True):
    """SHA-256 digests of the first batches, array by array."""

    digests: dict[str, list[str]]  # by array, one entry a batch: `compare.data.digests`
    first: dict[str, str]  # the first batch's arrays in words


class Explained(msgspec.Struct, tag=True, frozen=True):
    """Where a step's time goes."""

    phase_seconds: dict[str, list[float]]  # by phase, one entry a step; empty where there are no seams
    unsynchronized_step_seconds: float
    matmul_peak_flops: float  # per second, best of several products
    fence_seconds: float | None = None  # of one with nothing to wait for


class Timed(msgspec.Struct, tag=True, frozen=True):
    """Synchronized seconds, one a step."""

    step_seconds: list[float]


class TrainedFromInputs(msgspec.Struct, tag=True, frozen=True):
    """Lists hold one entry a step."""

    losses: list[float]
    step_seconds: list[float]  # from the end of the step before to the loss on the host
    first_batch_seconds: float  # from nothing to the first batch at hand
    alone_seconds: list[float]  # one a batch, of the pipeline with nothing done to its batches
    cpu_seconds: float  # of this process and its children, over the steps


class InferenceTimed(msgspec.Struct, tag=True, frozen=True):
    """Seconds from an array at hand to the logits on the host."""

    build_seconds: float  # until the first answer: export, trace, compile
    call_seconds: dict[str, list[float]]  # by batch size, one entry a call
    logits: bytes  # safetensors: "logits" of as many test images as the largest batch, by each batch size


class Checkpoint(msgspec.Struct, tag=True, frozen=True):
    """As read from the file."""

    weights: bytes  # safetensors, canonical
    logits: bytes  # safetensors: "logits" of the embedded test images, by the file's own model


MISSING = ("import", "device", "compiler")  # kinds of refusal: what the machine has not


class Refused(msgspec.Struct, tag=True, frozen=True):
    """The worker could not do what it was asked; `kind` says whose the fault is."""

    kind: str  # one of MISSING, "memory", "data", "parameters" (the model cannot be built),
    # "checkpoint", "task" (the porter's files), "error"
    reason: str  # one line
    logged: bool = False  # a traceback in the worker's log says more
    missing: list[str] = []  # packages that its interpreter does not find


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
