"""Lists the variants: each framework's ways to run the same step, what each changes, and when to choose it.

The parent reads the list without importing a framework. A worker imports `module` and builds `trainer` from
it. A new variant needs three additions: a row here, its module in `tf_impl` or `torch_impl`, and its class
in the list of `worker/frameworks.py`. With the last, mypy checks the class against the contract.
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
    changes: str  # compared with the framework's eager variant
    choose_when: str
    devices: tuple[str, ...] = ("cpu", "cuda")
    trainer: str = "Trainer"
    xla: tuple[str, ...] = ()  # devices on which XLA compiles the whole step
    loops_if_deterministic: tuple[str, ...] = ()  # devices with an unusably slow deterministic step
    bfloat16: str | None = None  # its class in the framework's `mixed`; None: it has no bfloat16 form
    ranks: str | None = None  # its class in the framework's `ranks`; None: it has no data-parallel form

    @property
    def name(self) -> str:
        return f"{self.framework}:{self.variant}"

    def place(self, dtype: str) -> tuple[str, str]:
        """Return the module and the class in it that trains in `dtype`."""
        if dtype == "bfloat16" and self.bfloat16 is not None:
            return f"{self.framework}_impl.mixed", self.bfloat16
        return self.module, self.trainer

    def rank_place(self) -> tuple[str, str] | None:
        """Return the module and the class of one data-parallel rank; None if the variant has no such form."""
        return (f"{self.framework}_impl.ranks", self.ranks) if self.ranks else None

    def why_no_ranks(self) -> str | None:
        """Return why it has no row for several processes; None if it has one."""
        if self.ranks:
            return None
        if self.variant == "keras":
            return "Keras 3 fails in TensorFlow's engine for several processes (keras-team/keras#20585)"
        able = ", ".join(one.name for one in VARIANTS if one.ranks)
        return f"it has no form for several processes; use some of {able}"

    def runs_on(self, device: str, *, deterministic: bool) -> bool:
        return device in self.devices and not (deterministic and device in self.loops_if_deterministic)

    def takes(self, dtype: str) -> bool:
        return dtype != "bfloat16" or self.bfloat16 is not None


VARIANTS: tuple[Variant, ...] = (
    Variant(
        "tf",
        "eager",
        "tf_impl.train",
        changes="Keras layers, GradientTape, one fused Adam kernel a variable: the tutorial's way today",
        choose_when="you debug, or port the tutorial line by line",
        bfloat16="Trainer",
        ranks="Trainer",
    ),
    Variant(
        "tf",
        "keras",
        "tf_impl.keras_fit",
        changes="a compiled Keras model with Keras' own Adam and train_on_batch, which traces the step into "
        "a graph (and, if there is a GPU, compiles it with XLA)",
        choose_when="you want the shortest code: this is what most Keras users write",
        xla=("cuda",),
    ),
    Variant(
        "tf",
        "tuned",
        "tf_impl.tuned",
        changes="eager tf.nn operations in place of Keras layers; pooling before bias and ReLU; no gradient "
        "of the images",
        choose_when="you must stay eager, and may write a gradient by hand",
    ),
    Variant(
        "tf",
        "graph",
        "tf_impl.graph",
        changes="the eager step in tf.function: one graph, no Python between operations",
        choose_when="the step works and you want its speed: the usual next line after debugging",
        bfloat16="Graph",
        ranks="Graph",
    ),
    Variant(
        "tf",
        "tuned-graph",
        "tf_impl.tuned_graph",
        changes="the operations of tuned in tf.function: pooling before bias and ReLU, in one graph",
        choose_when="you want TensorFlow at its fastest on a CPU",
    ),
    Variant(
        "tf",
        "xla",
        "tf_impl.xla",
        changes="tf.function(jit_compile=True): the graph compiled by XLA",
        choose_when="you run on a GPU, or the graph has many small operations to fuse",
        xla=("cpu", "cuda"),
        loops_if_deterministic=("cuda",),
        bfloat16="XLA",
    ),
    Variant(
        "torch",
        "eager",
        "torch_impl.train",
        changes="nn.Module, NCHW, autograd, torch's fused Adam: what most PyTorch code looks like",
        choose_when="you write PyTorch as its tutorials do",
        bfloat16="Trainer",
        ranks="Trainer",
    ),
    Variant(
        "torch",
        "tuned",
        "torch_impl.tuned",
        changes="pooling before ReLU; on the CPU in float32 oneDNN's tensors (to_mkldnn) from the images to "
        "the last hidden layer, otherwise channels_last memory",
        choose_when="you want the speed of a few changed lines and stay eager",
    ),
    Variant(
        "torch",
        "compiled",
        "torch_impl.compiled",
        changes="torch.compile of forward and backward; fused Adam stays eager",
        choose_when="the step has many small operations to fuse, or you run on a GPU",
        bfloat16="Compiled",
        ranks="Compiled",
    ),
    Variant(
        "torch",
        "cudagraph",
        "torch_impl.cudagraph",
        changes="forward and backward recorded as a CUDA graph and replayed",
        choose_when="the network is so small that launching kernels takes longer than running them",
        devices=("cuda",),
        bfloat16="CUDAGraph",
    ),
)

VARIANTS_BY_NAME: dict[str, Variant] = {variant.name: variant for variant in VARIANTS}
