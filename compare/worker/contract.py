"""What the harness asks of an implementation, as types: mypy holds `tf_impl` and `torch_impl` to them.

Arrays are NumPy, named and laid out as TensorFlow does: images NHWC, convolution kernels HWIO, dense kernels
[in, out]. A tensor is whatever the framework keeps an array in; the harness only passes it back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from compare.data.batches import Batch
from compare.data.mnist import Dataset
from lenet_spec import LeNetSpec, Shape


class Trainer(Protocol):
    """Required. The network, its loss and its optimizer, on one device in one dtype.

    images: [N, 28, 28, 1] of the run's dtype; labels: [N] int64; dropout_mask: [N, 1024] of 0 and 1, 1 where
    a unit is kept, or None if none is dropped.
    """

    def step(
        self, images: np.ndarray, labels: np.ndarray, dropout_mask: np.ndarray | None = None
    ) -> tuple[Any, Any]:
        """Make one update. Return the loss (scalar) and the logits [N, 10] from before it, as tensors."""
        ...

    def logits(self, images: np.ndarray) -> np.ndarray:
        """Logits [N, 10] for a test: dropout is off."""
        ...

    def activations(
        self, images: np.ndarray, dropout_mask: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Return the output of every layer, named and shaped as in `spec.activation_shapes()`."""
        ...

    def gradients(
        self, images: np.ndarray, labels: np.ndarray, dropout_mask: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Return the gradient of the loss by parameter name. Change nothing that a later step depends on.

        Leave out a parameter that the loss does not depend on.
        """
        ...

    def parameters(self) -> dict[str, np.ndarray]:
        """Return copies of the parameters, named and shaped as in `spec.parameter_shapes()`."""
        ...

    def to_numpy(self, tensor: Any) -> np.ndarray:
        """Return a tensor that came from `step`, as float32 or float64."""
        ...

    def synchronize(self) -> None:
        """Wait until the device has done everything that it was asked to."""
        ...


@runtime_checkable
class Inspectable(Trainer, Protocol):
    """Optional. Without it the report shows no phases, and nothing checks which device a tensor is on."""

    @property
    def variables(self) -> Mapping[str, Any]:
        """The parameters as the framework's own tensors, by name."""
        ...

    def device_of(self, tensor: Any) -> str:
        """Return the device that a tensor is on: "cpu" or "cuda"."""
        ...

    def devices(
        self, images: np.ndarray, labels: np.ndarray, dropout_mask: np.ndarray | None = None
    ) -> dict[str, str]:
        """Return the device of each parameter, activation, gradient, loss and logits. Update nothing."""
        ...

    def phases(
        self, images: np.ndarray, labels: np.ndarray, dropout_mask: np.ndarray | None = None
    ) -> Iterator[str]:
        """Make one update in phases, and yield the name of each when its work has been asked for.

        Yield nothing, and update nothing, if the step cannot be divided.
        """
        ...


@runtime_checkable
class WithMoments(Trainer, Protocol):
    """Optional. Without it nobody can judge single updates late in a training."""

    def moments(self) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Return copies of Adam's first and second moments, named and laid out as the parameters.

        Empty before the first step.
        """
        ...


@runtime_checkable
class RankTrainer(Trainer, Protocol):
    """One rank of a group that trains one network. `step` returns the loss and logits of its own rows.

    `gradients` are those of the whole batch's loss, the same on every rank.
    """

    def barrier(self) -> None:
        """Wait until every rank is here."""
        ...


class RankModule(Protocol):
    """Data-parallel training by the framework's own engine: a module, `tf_impl.ranks` or its twin."""

    def join(self, *, rank: int, world_size: int, rendezvous: str, timeout_seconds: float) -> None:
        """Wait until every rank has joined. Called before the trainer is built.

        rendezvous: for torch the path of a file that all ranks can write, for TensorFlow `host:port` of every
        rank, in order, separated by commas.
        """
        ...


class TrainerClass(Protocol):
    """Builds a trainer. A module, or the file of a reader's own port, offers a class that is called so."""

    def __call__(
        self, spec: LeNetSpec, weights: Mapping[str, np.ndarray], *, device: str, dtype: str
    ) -> Trainer:
        """weights: named and shaped as in `spec.parameter_shapes()`. device: "cpu" or "cuda".

        dtype: "float32", "float64", or "bfloat16" for a class that computes in it.
        """
        ...


@runtime_checkable
class OwnBatches(Protocol):
    """Optional. A function of the module, or a static method of the class: an input pipeline of its own.

    The parity ladder compares its batches with the shared ones (rung 2).
    """

    def batches(self, dataset: Dataset, spec: LeNetSpec, *, seed: int, dtype: str) -> Iterator[Batch]:
        """Training batches without end, of `spec.training.batch_size`."""
        ...


Answer = Callable[[np.ndarray], np.ndarray]  # from images [N, 28, 28, 1] to logits [N, 10]


class InputsModule(Protocol):
    """Input pipelines of the framework's own: a module, `tf_impl.inputs` or its twin."""

    PIPELINES: Mapping[str, Callable[[np.ndarray, np.ndarray, np.ndarray, str], Iterator[tuple[Any, Any]]]]


class InferenceModule(Protocol):
    """Forms of a trained model for inference: a module, `tf_impl.inference` or its twin.

    A form takes the trainer and the images of its largest batch.
    """

    FORMS: Mapping[str, Callable[[Any, np.ndarray], Answer]]


class Runtime(Protocol):
    """The settings that a framework has once in a process: a module, `tf_impl.runtime` or its twin."""

    def build(self) -> dict[str, Any]:
        """Return what it was built for: the fields of `refusals.Build`. Starts nothing on a card."""
        ...

    def cards(self) -> list[tuple[str, tuple[int, int]]]:
        """Name and compute capability of each card that the framework sees."""
        ...

    def configure(self, *, device: str, threads: int, tf32: bool, deterministic: bool) -> None:
        """Set what must be equal in both frameworks. Called once, before any other use of the framework."""
        ...

    def describe(self, device: str) -> dict[str, Any]:
        """Return what is in force, read back: versions, device_name, threads, tf32, deterministic and so on.

        On "cuda" it computes on the card, and raises what the framework raises if that fails.
        """
        ...

    def product_and_convolution(
        self, left: np.ndarray, right: np.ndarray, images: np.ndarray, kernel: np.ndarray, *, device: str
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return left @ right, and images [N, H, W, C] under kernel [H, W, C, F], in their own dtype."""
        ...

    def peak_device_bytes(self, device: str) -> int | None:
        """Return the framework's own peak allocation on the card; None on the CPU."""
        ...

    def matmul_seconds(self, *, device: str, dtype: str, size: int, repeats: int) -> list[float]:
        """Seconds of products of two [size, size] matrices: of each, or on a card the mean of all."""
        ...


class CheckpointModule(Protocol):
    """A framework's own files: a module, `tf_impl.checkpoint` or its twin."""

    HOW_TO_SAVE: str  # a sentence that says how to write a file that can be read here

    @property
    def Unreadable(self) -> type[Exception]:  # noqa: N802  (a class)
        """Raised, with the reason, for a file that the framework does not take."""
        ...

    def opened(self, path: Path) -> AbstractContextManager[Mapping[str, Any]]:
        """Return the file's tensors by their names in it, not yet read. Raises Unreadable."""
        ...

    def names(self, tensors: Mapping[str, Any], spec: LeNetSpec) -> dict[str, str]:
        """Return the name in the file of each parameter, by canonical name."""
        ...

    def shape(self, name: str, spec: LeNetSpec) -> Shape:
        """Return the shape that the parameter with this canonical name has in the file."""
        ...

    def described(self, tensor: Any) -> tuple[Shape, str]:
        """Shape and dtype of a tensor of the file."""
        ...

    def to_canonical(self, name: str, tensor: Any, spec: LeNetSpec) -> np.ndarray:
        """Return the parameter in its canonical layout, in the file's dtype."""
        ...

    def write(self, path: Path, weights: Mapping[str, np.ndarray], spec: LeNetSpec) -> None:
        """Write a file from canonical arrays."""
        ...

    def model(self, path: Path, spec: LeNetSpec, dtype: str) -> Any:
        """Return the framework's own model with the file's weights. Raises Unreadable."""
        ...

    def logits(self, model: Any, images: np.ndarray) -> np.ndarray:
        """Logits [N, 10] of images [N, 28, 28, 1]. Raises Unreadable if the model takes no such images."""
        ...
