"""Run torch's variants on a card that is not there: tensors have a shape, a dtype and a device, no numbers.

    python -m tests.cuda.torch_fake

In torch's FakeTensorMode an operation on tensors of two devices raises, as a convolution of two dtypes does,
and so does reading a number back. The forward pass runs on "cuda". The backward pass needs a context that
only a card gives (pytorch issue 92627), so whole steps run on a device that torch lets Python make up.
bfloat16 is not here: without a card autocast does nothing on "cuda". A program of its own, since it imports
torch; prints JSON. `torch:compiled` traces in such a mode itself; `torch:cudagraph` has its own stand-in
(`torch_graphs`).
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

from compare.data.weights import initial_weights
from compare.variants import VARIANTS_BY_NAME
from lenet_spec import Dropout, LeNetSpec
from torch_impl import runtime, train

MADE_UP = "made_up"  # a device
ROWS = 2
DTYPES = ("float64", "float32")
NAMES = ("torch:eager", "torch:tuned")
Batch = tuple[np.ndarray, np.ndarray, np.ndarray | None]


class ReadsBack(train.Trainer):
    """Waits for the card in the middle of a step."""

    def forward(self, *batch: Any) -> Any:
        loss, logits = super().forward(*batch)
        return loss * bool(loss.item() > 0), logits


class MixesDevices(train.Trainer):
    """Leaves a tensor on the CPU."""

    def forward(self, *batch: Any) -> Any:
        loss, logits = super().forward(*batch)
        return loss + (logits * torch.ones(self.spec.classes)).mean(), logits


class MixesDtypes(train.Trainer):
    """Convolves float32 images with float16 kernels."""

    def forward(self, images: Any, *batch: Any) -> Any:
        torch.nn.functional.conv2d(images, self.model.conv1.weight.half())
        return super().forward(images, *batch)


def move(module: torch.nn.Module, function: Callable[[Any], Any]) -> torch.nn.Module:
    """Move parameters as `Module.to` does, into new ones: in place, fake tensors are refused."""
    for child in module.children():
        move(child, function)
    for name, parameter in module.named_parameters(recurse=False):
        with torch.no_grad():
            setattr(module, name, torch.nn.Parameter(function(parameter)))
    return module


def run(make: Callable[..., Any], device: str, dtype: str) -> dict[str, str]:
    """Compute and update with a mask and without. Return the device of every tensor by name."""
    spec = dataclasses.replace(LeNetSpec(), dropout=Dropout(active=True))
    images, mask = np.zeros((ROWS, *spec.input.shape), dtype), np.ones((ROWS, spec.dense1.units), dtype)
    seen: dict[str, str] = {}
    with FakeTensorMode():
        trainer = make(spec, initial_weights(spec, 0), device=device, dtype=dtype)
        for batch in (images, np.arange(ROWS), mask), (images, np.arange(ROWS), None):
            seen |= (whole_steps if device == MADE_UP else forward)(trainer, batch)
    return seen


def forward(trainer: Any, batch: Batch) -> dict[str, str]:
    """Up to the loss, and every layer's output."""
    tensors = trainer.to_device(*batch)
    loss, logits = trainer.forward(*tensors)
    outputs = {f"activation {name}": one for name, one in trainer.model.activations(tensors[0]).items()}
    return devices_of(trainer.variables | outputs | {"loss": loss, "logits": logits})


def whole_steps(trainer: Any, batch: Batch) -> dict[str, str]:
    """Two updates, one of them in phases, gradients by themselves, and what the optimizer remembers."""
    seen: dict[str, str] = trainer.devices(*batch)
    loss, logits = trainer.step(*batch)
    list(trainer.phases(*batch))
    slots = [one for slots in trainer.optimizer.state.values() for one in slots.values()]
    remembered = {f"optimizer {place}": one for place, one in enumerate(slots)}
    return seen | devices_of(remembered | {"step's loss": loss, "step's logits": logits})


def devices_of(tensors: dict[str, Any]) -> dict[str, str]:
    """Return the kind of each tensor's device."""
    return {name: tensor.device.type for name, tensor in tensors.items()}


def error_of(make: Callable[..., Any]) -> str:
    """Return what a trainer raises there; empty if nothing."""
    try:
        run(make, "cuda", "float32")
    except Exception as error:  # noqa: BLE001  (torch has several)
        return type(error).__name__ + ": " + " ".join(str(error).split())
    return ""


def fences_of_products() -> list[int]:
    """Measure products as on a card. Return, for each fence, how many products came before it."""
    asked, fences = 0, []

    def multiplied(left: Any, right: Any) -> Any:
        nonlocal asked
        asked += 1
        return left + right

    with (
        patch.object(torch, "matmul", multiplied),
        patch.object(torch.cuda, "synchronize", lambda: fences.append(asked)),
        FakeTensorMode(),
    ):
        runtime.matmul_seconds(device="cuda", dtype="float32", size=4, repeats=8)
    return fences


def main() -> None:
    """Print the devices of each way of running, and what three faulty trainers raise."""
    torch.nn.Module._apply = move  # noqa: SLF001
    fences = fences_of_products()
    errors = {one.__name__: error_of(one) for one in (ReadsBack, MixesDevices, MixesDtypes)}
    found = []
    for device in ("cuda", MADE_UP):
        if device == MADE_UP:  # only now: with such a device, torch asks for the driver of a card
            _setup_privateuseone_for_python_backend(MADE_UP)
        for variant in map(VARIANTS_BY_NAME.__getitem__, NAMES):
            make = importlib.import_module(variant.module).Trainer
            for dtype in DTYPES:
                seen = run(make, device, dtype)
                found.append({"way": f"{variant.name} {dtype}", "device": device, "seen": seen})
    print(json.dumps({"devices": found, "errors": errors, "fences": fences}), flush=True)
    os._exit(0)  # torch's thread for a made-up device may abort an ordinary end


if __name__ == "__main__":
    main()
