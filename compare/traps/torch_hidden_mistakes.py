"""Porting mistakes that the first steps of a training in float64 do not show. Loads in a torch worker only.

They stand where such a training never comes: in another dtype, in the evaluation, in what a step returns
besides its update, beyond a threshold, at another batch size, or after the last step that was compared.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from lenet_spec import LeNetSpec
from torch_impl import tuned
from torch_impl.model import LeNet
from torch_impl.train import Trainer

PROVED_STEPS = 20  # after so many the training goes wrong
PERIOD = 25
ROWS = 128


def changing(layer: nn.Module, change: Callable[[torch.Tensor], torch.Tensor]) -> None:
    """Change what a layer puts out."""
    layer.register_forward_hook(lambda _module, _inputs, output: change(output))


class DetachedInFloat32(tuned.Trainer):
    """Detached only where the images are a oneDNN tensor, which they are in float32 on a CPU."""

    def build_model(self) -> LeNet:
        model = super().build_model()
        if self.onednn():
            changing(model.conv2, torch.Tensor.detach)
        return model


class ReluLostInFloat32(Trainer):
    """Right in the dtype that is proved, wrong in the one that is timed."""

    def build_model(self) -> LeNet:
        if self.dtype == torch.float64:
            return super().build_model()
        linear = dataclasses.replace(self.spec.conv2, activation="linear")
        model: LeNet = LeNet(dataclasses.replace(self.spec, conv2=linear), self.dtype).to(self.device)
        return model


class EvaluationDropsUnits(Trainer):
    """`model.eval()` forgotten before the test."""

    def logits(self, images: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            batch = self.to_device(images)[0]
            kept = torch.full((len(images), self.spec.dense1.units), 1 - self.spec.dropout.rate)
            mask = torch.bernoulli(kept).to(batch)
            found: np.ndarray = self.to_numpy(self.model(batch, dropout_mask=mask))
            return found


class EvaluationShifted(Trainer):
    """Another preparation of the images than in training."""

    def logits(self, images: np.ndarray) -> np.ndarray:
        return super().logits(np.roll(images, 1, axis=2))


class EvaluationMissing(Trainer):
    """A port that can only be trained."""

    def logits(self, images: np.ndarray) -> np.ndarray:
        raise NotImplementedError("evaluation is still to be written")


class EvaluationOfFirstWeights(Trainer):
    """The model was exported for the test before it was trained."""

    def __init__(self, spec: LeNetSpec, weights: Mapping[str, np.ndarray], **where: str) -> None:
        super().__init__(spec, weights, **where)
        self.exported = copy.deepcopy(self.model)

    def logits(self, images: np.ndarray) -> np.ndarray:
        trained, self.model = self.model, self.exported
        try:
            return super().logits(images)
        finally:
            self.model = trained


class StepReturnsZeros(Trainer):
    """What the training accuracy comes from is not what was computed."""

    def step(self, *batch: Any) -> tuple[torch.Tensor, torch.Tensor]:
        loss, logits = super().step(*batch)
        return loss, torch.zeros_like(logits)


class StepReturnsReordered(Trainer):
    """The last image's logits first."""

    def step(self, *batch: Any) -> tuple[torch.Tensor, torch.Tensor]:
        loss, logits = super().step(*batch)
        return loss, logits.flip(0)


class PhasesWithoutOptimizer(Trainer):
    """The report's chart of phases would be of another step."""

    def phases(self, *batch: Any) -> Iterator[str]:
        for phase in super().phases(*batch):
            yield phase
            if phase == "backward":
                return


class Relu6(Trainer):
    """What MobileNet's layers use."""

    def build_model(self) -> LeNet:
        model = super().build_model()
        for layer in (model.conv1, model.conv2, model.dense1):
            changing(layer, lambda output: output.clamp(max=6))
        return model


class LogitsClamped(Trainer):
    """So that `exp` cannot overflow."""

    def build_model(self) -> LeNet:
        model = super().build_model()
        changing(model.dense2, lambda output: output.clamp(-20, 20))
        return model


class ProbabilitiesClipped(Trainer):
    """As Keras' loss does when it is given probabilities."""

    def loss(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        likelihoods = torch.softmax(logits, dim=1).clamp(1e-7, 1).gather(1, labels[:, None])
        return -likelihoods.log().mean()


class GradientsClipped(Trainer):
    """A safeguard that the original does not have."""

    norm = 5.0

    def train_step(self, *batch: Any) -> tuple[torch.Tensor, torch.Tensor]:
        self.optimizer.zero_grad()
        loss, logits = self.forward(*batch)
        loss.backward()
        nn.utils.clip_grad_norm_(self.variables.values(), self.norm)
        self.optimizer.step()
        return loss.detach(), logits.detach()


class GradientsClippedTightly(GradientsClipped):
    """The same, at a norm that every step exceeds: Adam makes steps of the same length of it."""

    norm = 1.0


class FirstRowsOnly(Trainer):
    """A batch size that was written down once too often."""

    def loss(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return super().loss(logits[:ROWS], labels[:ROWS])


class DetachedBias(nn.Conv2d):  # type: ignore[misc]  # torch has no types here
    """A convolution whose bias no gradient reaches."""

    def _conv_forward(
        self, images: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        return super()._conv_forward(images, weight, None if bias is None else bias.detach())


class BiasDetached(Trainer):
    """In one layer of the four."""

    def build_model(self) -> LeNet:
        model = super().build_model()
        model.conv1.__class__ = DetachedBias
        return model


class KernelFrozen(Trainer):
    """As fine-tuning code leaves a layer."""

    def build_model(self) -> LeNet:
        model = super().build_model()
        model.conv2.weight.requires_grad_(requires_grad=False)
        return model


class Counting(Trainer):
    """Counts its training steps."""

    steps = 0

    def train_step(self, *batch: Any) -> tuple[torch.Tensor, torch.Tensor]:
        self.steps += 1
        return super().train_step(*batch)


class FrozenLater(Counting):
    """`requires_grad` or the optimizer's step lost where a warm-up ends."""

    def train_step(self, *batch: Any) -> tuple[torch.Tensor, torch.Tensor]:
        if self.steps < PROVED_STEPS:
            return super().train_step(*batch)
        loss, logits = self.forward(*batch)
        return loss.detach(), logits.detach()


class RateChangedLater(Counting):
    """A schedule that the original does not have."""

    def train_step(self, *batch: Any) -> tuple[torch.Tensor, torch.Tensor]:
        if self.steps == PROVED_STEPS:
            for group in self.optimizer.param_groups:
                group["lr"] *= 2
        return super().train_step(*batch)


class GradientsKeptNowAndThen(Trainer):
    """`zero_grad()` skipped where something else is done every 25 steps."""

    steps = 0

    def train_step(self, *batch: Any) -> tuple[torch.Tensor, torch.Tensor]:
        self.steps += 1
        if self.steps % PERIOD:
            self.optimizer.zero_grad()
        loss, logits = self.forward(*batch)
        loss.backward()
        self.optimizer.step()
        return loss.detach(), logits.detach()
