"""Defines mistakes that the first steps of a float64 training do not show. Loads only in a torch worker.

Such a training does not reach them: they are in another dtype, in the evaluation, in a step's return values,
beyond a threshold, at another batch size, or after the last compared step.
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

PROVED_STEPS = 20  # the training goes wrong after this many steps
PERIOD = 25
ROWS = 128


def changing(layer: nn.Module, change: Callable[[torch.Tensor], torch.Tensor]) -> None:
    """Change a layer's output."""
    layer.register_forward_hook(lambda _module, _inputs, output: change(output))


class DetachedInFloat32(tuned.Trainer):
    """A layer is detached only if the images are a oneDNN tensor, as in float32 on a CPU."""

    def build_model(self) -> LeNet:
        model = super().build_model()
        if self.onednn():
            changing(model.conv2, torch.Tensor.detach)
        return model


class ReluLostInFloat32(Trainer):
    """A ReLU is missing only in float32: the model is right in the proved dtype, wrong in the timed dtype."""

    def build_model(self) -> LeNet:
        if self.dtype == torch.float64:
            return super().build_model()
        linear = dataclasses.replace(self.spec.conv2, activation="linear")
        model: LeNet = LeNet(dataclasses.replace(self.spec, conv2=linear), self.dtype).to(self.device)
        return model


class EvaluationDropsUnits(Trainer):
    """The author forgot `model.eval()` before the test."""

    def logits(self, images: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            batch = self.to_device(images)[0]
            kept = torch.full((len(images), self.spec.dense1.units), 1 - self.spec.dropout.rate)
            mask = torch.bernoulli(kept).to(batch)
            found: np.ndarray = self.to_numpy(self.model(batch, dropout_mask=mask))
            return found


class EvaluationShifted(Trainer):
    """The evaluation prepares the images in another way than the training."""

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
    """A step returns zeros instead of its logits, which the training accuracy uses."""

    def step(self, *batch: Any) -> tuple[torch.Tensor, torch.Tensor]:
        loss, logits = super().step(*batch)
        return loss, torch.zeros_like(logits)


class StepReturnsReordered(Trainer):
    """A step returns the last image's logits first."""

    def step(self, *batch: Any) -> tuple[torch.Tensor, torch.Tensor]:
        loss, logits = super().step(*batch)
        return loss, logits.flip(0)


class PhasesWithoutOptimizer(Trainer):
    """The phases leave out the optimizer, so the report's chart of phases would show another step."""

    def phases(self, *batch: Any) -> Iterator[str]:
        for phase in super().phases(*batch):
            yield phase
            if phase == "backward":
                return


class Relu6(Trainer):
    """ReLU6, the activation of MobileNet, replaces ReLU."""

    def build_model(self) -> LeNet:
        model = super().build_model()
        for layer in (model.conv1, model.conv2, model.dense1):
            changing(layer, lambda output: output.clamp(max=6))
        return model


class LogitsClamped(Trainer):
    """The logits are clamped, so that `exp` cannot overflow."""

    def build_model(self) -> LeNet:
        model = super().build_model()
        changing(model.dense2, lambda output: output.clamp(-20, 20))
        return model


class ProbabilitiesClipped(Trainer):
    """The loss clips probabilities, as Keras' loss does if its input is probabilities."""

    def loss(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        likelihoods = torch.softmax(logits, dim=1).clamp(1e-7, 1).gather(1, labels[:, None])
        return -likelihoods.log().mean()


class GradientsClipped(Trainer):
    """Gradients are clipped, which the original does not do."""

    norm = 5.0

    def train_step(self, *batch: Any) -> tuple[torch.Tensor, torch.Tensor]:
        self.optimizer.zero_grad()
        loss, logits = self.forward(*batch)
        loss.backward()
        nn.utils.clip_grad_norm_(self.variables.values(), self.norm)
        self.optimizer.step()
        return loss.detach(), logits.detach()


class GradientsClippedTightly(GradientsClipped):
    """Gradients are clipped at a norm that every step exceeds: Adam's steps keep their length."""

    norm = 1.0


class FirstRowsOnly(Trainer):
    """The batch size is also a constant in the code, so only the first rows of a larger batch count."""

    def loss(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return super().loss(logits[:ROWS], labels[:ROWS])


class DetachedBias(nn.Conv2d):  # type: ignore[misc]  # torch has no types here
    """A convolution in which the bias gets no gradient."""

    def _conv_forward(
        self, images: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        return super()._conv_forward(images, weight, None if bias is None else bias.detach())


class BiasDetached(Trainer):
    """The bias is detached in one of the four layers."""

    def build_model(self) -> LeNet:
        model = super().build_model()
        model.conv1.__class__ = DetachedBias
        return model


class KernelFrozen(Trainer):
    """A kernel is frozen, as in fine-tuning code."""

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
    """`requires_grad` or the optimizer's step is lost at the end of a warm-up."""

    def train_step(self, *batch: Any) -> tuple[torch.Tensor, torch.Tensor]:
        if self.steps < PROVED_STEPS:
            return super().train_step(*batch)
        loss, logits = self.forward(*batch)
        return loss.detach(), logits.detach()


class RateChangedLater(Counting):
    """The learning rate changes later, by a schedule that the original does not have."""

    def train_step(self, *batch: Any) -> tuple[torch.Tensor, torch.Tensor]:
        if self.steps == PROVED_STEPS:
            for group in self.optimizer.param_groups:
                group["lr"] *= 2
        return super().train_step(*batch)


class GradientsKeptNowAndThen(Trainer):
    """Every 25 steps the code does something else and skips `zero_grad()`."""

    steps = 0

    def train_step(self, *batch: Any) -> tuple[torch.Tensor, torch.Tensor]:
        self.steps += 1
        if self.steps % PERIOD:
            self.optimizer.zero_grad()
        loss, logits = self.forward(*batch)
        loss.backward()
        self.optimizer.step()
        return loss.detach(), logits.detach()
