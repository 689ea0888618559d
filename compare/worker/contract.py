"""Defines an implementation's interface as types: mypy checks `tf_impl` and `torch_impl` against them.

Arrays are NumPy, with TensorFlow's names and layouts: images NHWC, convolution kernels HWIO, dense kernels
[in, out]. A tensor is the framework's own object for an array; the harness only passes it back.
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
    """The network, its loss and its optimizer, on one device in one dtype. This class is required.

    images: [N, 28, 28, 1] of the run's dtype; labels: [N] int64; dropout_mask: [N, 1024] of 0 (dropped) and 1
    (kept), or None if no unit is dropped.
    """

    def step(
        self, images: np.ndarray, labels: np.ndarray, dropout_mask: np.ndarray | None = None
    ) -> tuple[Any, Any]:
        """Make one update. Return the loss (scalar) and the logits [N, 10] from before it, as tensors."""
        ...

    def logits(self, images: np.ndarray) -> np.ndarray:
        """Return logits [N, 10] for a test: dropout is off."""
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

        Leave out a parameter that does not affect the loss.
        """
        ...

    def parameters(self) -> dict[str, np.ndarray]:
        """Return copies of the parameters, named and shaped as in `spec.parameter_shapes()`."""
        ...

    def to_numpy(self, tensor: Any) -> np.ndarray:
        """Return a tensor of `step` as a NumPy array, in float32 or float64."""
        ...

    def synchronize(self) -> None:
        """Wait until the device has finished all its work."""
        ...


@runtime_checkable
class Inspectable(Trainer, Protocol):
    """Optional. Without it the report shows no phases, and no check tells which device a tensor is on."""

    @property
    def variables(self) -> Mapping[str, Any]:
        """Return the parameters as the framework's own tensors, by name."""
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
        """Make one update in phases, and yield the name of each phase as soon as its work is launched.

        Yield nothing, and update nothing, if the step cannot be divided.
        """
        ...


@runtime_checkable
class WithMoments(Trainer, Protocol):
    """Optional. Without it the single updates late in a training cannot be checked."""

    def moments(self) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Return copies of Adam's first and second moments, with the parameters' names and layouts.

        They are empty before the first step.
        """
        ...


@runtime_checkable
class RankTrainer(Trainer, Protocol):
    """One rank of a group that trains one network. `step` returns the loss and logits of its own rows.

    `gradients` returns the gradients of the whole batch's loss, which are the same on every rank.
    """

    def barrier(self) -> None:
        """Wait until every rank is here."""
        ...


class RankModule(Protocol):
    """The module `tf_impl.ranks` or `torch_impl.ranks`: data-parallel training by the framework's engine."""

    def join(
        self, *, rank: int, world_size: int, rendezvous: str, device: str, timeout_seconds: float
    ) -> None:
        """Wait until every rank has joined. Call this before the trainer is built.

        device: on "cuda" each rank sees a card of its own, and no other.
        rendezvous: for torch, the path of a file that all ranks can write; for TensorFlow, `host:port` of
        every rank, in order, separated by commas.
        """
        ...


class TrainerClass(Protocol):
    """A class that builds a trainer. A module, or the file of a reader's own port, defines it."""

    def __call__(
        self, spec: LeNetSpec, weights: Mapping[str, np.ndarray], *, device: str, dtype: str
    ) -> Trainer:
        """Build a trainer. weights: arrays as in `spec.parameter_shapes()`. device: "cpu" or "cuda".

        dtype: "float32", "float64", or "bfloat16" for a class that computes in it.
        """
        ...


@runtime_checkable
class OwnBatches(Protocol):
    """Optional: the port's own input pipeline, a function of the module or a static method of the class.

    The parity ladder compares its batches with the shared ones (rung 2).
    """

    def batches(self, dataset: Dataset, spec: LeNetSpec, *, seed: int, dtype: str) -> Iterator[Batch]:
        """Yield training batches of `spec.training.batch_size` without end."""
        ...


Answer = Callable[[np.ndarray], np.ndarray]  # from images [N, 28, 28, 1] to logits [N, 10]


class InputsModule(Protocol):
    """The module `tf_impl.inputs` or `torch_impl.inputs`: input pipelines of the framework."""

    PIPELINES: Mapping[str, Callable[[np.ndarray, np.ndarray, np.ndarray, str], Iterator[tuple[Any, Any]]]]


class InferenceModule(Protocol):
    """The module `tf_impl.inference` or `torch_impl.inference`: forms of a trained model for inference.

    A form takes the trainer and the images of its largest batch.
    """

    FORMS: Mapping[str, Callable[[Any, np.ndarray], Answer]]


class Runtime(Protocol):
    """The module `tf_impl.runtime` or `torch_impl.runtime`: a framework's process-wide settings."""

    def build(self) -> dict[str, Any]:
        """Return what the framework was built for: fields of `refusals.Build`. Start nothing on a card."""
        ...

    def cards(self) -> list[tuple[str, tuple[int, int]]]:
        """Return the name and compute capability of each card that the framework sees."""
        ...

    def configure(self, *, device: str, threads: int, tf32: bool, deterministic: bool) -> None:
        """Set what must be equal in both frameworks. Call this once, before any other use of a framework."""
        ...

    def describe(self, device: str) -> dict[str, Any]:
        """Return the settings in force, read back: versions, device_name, threads, tf32, deterministic, ...

        On "cuda", compute on the card; if that fails, raise the framework's own error.
        """
        ...

    def product_and_convolution(
        self, left: np.ndarray, right: np.ndarray, images: np.ndarray, kernel: np.ndarray, *, device: str
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return left @ right, and images [N, H, W, C] convolved with kernel [H, W, C, F], in their dtype."""
        ...

    def peak_device_bytes(self, device: str) -> int | None:
        """Return the framework's peak allocation on the card; None on the CPU."""
        ...

    def matmul_seconds(self, *, device: str, dtype: str, size: int, repeats: int) -> list[float]:
        """Return the seconds of each product of two [size, size] matrices; on a card, the mean of all."""
        ...


class CheckpointModule(Protocol):
    """The module `tf_impl.checkpoint` or `torch_impl.checkpoint`: reads and writes a framework's files."""

    HOW_TO_SAVE: str  # a sentence on how to write a file that `opened` can read

    @property
    def Unreadable(self) -> type[Exception]:  # noqa: N802  (a class)
        """Return the error that is raised, with the reason, if the framework cannot read a file."""
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
        """Return the shape and dtype of a tensor of the file."""
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
        """Return logits [N, 10] of images [N, 28, 28, 1]. Raises Unreadable if the model cannot take them."""
        ...
