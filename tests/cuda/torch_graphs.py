"""Run `torch:cudagraph` without a card: what it captures is recorded on the CPU, and run again in a replay.

    python -m tests.cuda.torch_graphs

A CUDA graph is a list of kernels and the addresses that they read and write. The stand-in is that list, of
torch's own operations: a replay runs each on the same tensors, and writes what it gives to where it was. A
program of its own, since it imports torch; prints JSON.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from compare.data.weights import initial_weights
from lenet_spec import Dropout, LeNetSpec
from torch_impl import cudagraph, mixed, train

SIZES = 2 * (8, 1, 16, 3)  # every graph is replayed after others


class Graph:
    """Stands in for `torch.cuda.CUDAGraph`."""

    def __init__(self) -> None:
        self.calls: list[tuple[Callable[..., Any], Any, Any, Any]] = []

    def replay(self) -> None:
        with torch._C._AutoDispatchBelowAutograd():  # noqa: SLF001  (where they were recorded)
            for operation, arguments, options, written in self.calls:
                given = {addressed(tensor) for tensor in tensors((arguments, options))}
                results = tensors(operation(*arguments, **options))
                for fixed, result in zip(tensors(written), results, strict=True):
                    if addressed(fixed) not in given:  # neither a view nor written in place
                        fixed.copy_(result)


def addressed(tensor: torch.Tensor) -> int:
    """Return where a tensor's memory begins, which its views share."""
    return int(tensor.untyped_storage().data_ptr())


def tensors(tree: Any) -> list[torch.Tensor]:
    """Return every tensor of nested arguments or results."""
    return [one for one in tree_leaves(tree) if isinstance(one, torch.Tensor)]


class Capture(TorchDispatchMode):  # type: ignore[misc]  # torch has no types for it
    """Records every operation, of the backward pass too, with the tensors that it was given and gave."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph

    def __torch_dispatch__(
        self, operation: Any, _types: Any, arguments: Any = (), options: Any = None
    ) -> Any:
        written = operation(*arguments, **(options or {}))
        self.graph.calls.append((operation, arguments, options or {}, written))
        return written


class Stream:
    """Stands in for a stream: there is one order of things."""

    def wait_stream(self, other: Stream) -> None:
        pass


@contextlib.contextmanager
def captured(graph: Graph) -> Iterator[None]:
    """Stand in for `torch.cuda.graph`, within which no number can be read back."""
    with Capture(graph):
        yield


def stand_in() -> None:
    """Put the stand-ins where `torch_impl.cudagraph` finds them."""
    torch.cuda.CUDAGraph = Graph
    torch.cuda.graph = captured
    torch.cuda.Stream = torch.cuda.current_stream = Stream
    torch.cuda.stream = lambda _: contextlib.nullcontext()


class WithoutClones(cudagraph.Trainer):
    """Returns what the next replay overwrites."""

    def value_and_gradients(self, images: Any, labels: Any, dropout_mask: Any) -> Any:
        _, _, gradients = super().value_and_gradients(images, labels, dropout_mask)
        recording = self.recordings[len(images), dropout_mask is not None]
        return recording.loss, recording.logits, gradients


class WithoutRebinding(cudagraph.Trainer):
    """Leaves the gradients of the last recording to the optimizer."""

    def value_and_gradients(self, images: Any, labels: Any, dropout_mask: Any) -> Any:
        before = {name: one.grad for name, one in self.variables.items()}
        found = super().value_and_gradients(images, labels, dropout_mask)
        for name, variable in self.variables.items():
            variable.grad = variable.grad if before[name] is None else before[name]
        return found


class StaleBatch(cudagraph.Trainer):
    """Replays on the batch of the recording."""

    def value_and_gradients(self, *batch: Any) -> Any:
        key = len(batch[0]), batch[2] is not None
        if key in self.recordings:
            batch = self.recordings[key].batch
        return super().value_and_gradients(*batch)


def trained(make: Callable[..., Any], dtype: str, *, dropout: bool) -> dict[str, Any]:
    """Return every loss and the sums of logits, read at the end, and the sums of the weights."""
    spec = dataclasses.replace(LeNetSpec(), dropout=Dropout(active=dropout))
    trainer = make(spec, initial_weights(spec, 0), device="cpu", dtype=dtype)
    rng = np.random.default_rng(0)
    host = "float32" if dtype == "bfloat16" else dtype
    returned = []
    for size in SIZES:
        images = rng.random((size, *spec.input.shape)).astype(host)
        mask = rng.integers(0, 2, (size, spec.dense1.units)).astype(host) if dropout else None
        returned.append(trainer.step(images, rng.integers(0, 10, size), mask))
    return {
        "losses": [float(loss) for loss, _ in returned],
        "logits": [float(trainer.to_numpy(logits).astype("float64").sum()) for _, logits in returned],
        "parameters": [float(np.abs(one).sum(dtype="float64")) for one in trainer.parameters().values()],
    }


def main() -> None:
    """Print what each way of running came to, eager beside graphs, and three faulty ones."""
    torch.set_num_threads(1)
    stand_in()
    found: dict[str, Any] = {}
    for dtype, eager, graphs, dropout in (
        ("float64", train.Trainer, cudagraph.Trainer, False),
        ("float64", train.Trainer, cudagraph.Trainer, True),
        ("bfloat16", mixed.Trainer, mixed.CUDAGraph, True),
    ):
        way = f"{dtype}{' with dropout' if dropout else ''}"
        found[way] = [trained(make, dtype, dropout=dropout) for make in (eager, graphs)]
    faulty = (WithoutClones, WithoutRebinding, StaleBatch)
    wrong = {one.__name__: trained(one, "float64", dropout=False) for one in faulty}
    print(json.dumps({"pairs": found, "faulty": wrong}))


if __name__ == "__main__":
    main()
