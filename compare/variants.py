"""The variants: each framework's ways of running the same step, what each changes, and who would choose it.

The one place that lists them. The parent reads it without importing a framework; a worker imports `module`
and builds `trainer` from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Framework = Literal["tf", "torch"]
FRAMEWORK_NAMES: dict[str, str] = {"tf": "TensorFlow", "torch": "PyTorch"}


@dataclass(frozen=True)
class Variant:
    """One way to run the step. `name` is `framework:variant`, as the command line takes it."""

    framework: Framework
    variant: str
    module: str
    trainer: str
    changes: str  # against the framework's eager variant
    choose_when: str
    devices: tuple[str, ...] = ("cpu", "cuda")

    @property
    def name(self) -> str:
        return f"{self.framework}:{self.variant}"


VARIANTS: tuple[Variant, ...] = (
    Variant(
        "tf",
        "eager",
        "tf_impl.train",
        "Trainer",
        changes="Keras layers, GradientTape, one fused Adam kernel a variable: the tutorial's way today",
        choose_when="you debug, or port the tutorial line by line",
    ),
    Variant(
        "torch",
        "eager",
        "torch_impl.train",
        "Trainer",
        changes="nn.Module, NCHW, autograd, torch's fused Adam: what most PyTorch code looks like",
        choose_when="you write PyTorch as its tutorials do",
    ),
)

BY_NAME: dict[str, Variant] = {variant.name: variant for variant in VARIANTS}
