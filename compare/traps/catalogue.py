"""Lists every known porting mistake that the ladder must catch. Standard library only: the parent reads it.

The mistakes themselves are subclasses of the real trainers, in `torch_mistakes`, `tf_mistakes` and the other
modules named here. Only workers load these modules. The implementations have no switches for mistakes.
"""

from __future__ import annotations

from dataclasses import dataclass

from compare.errors import UserError


@dataclass(frozen=True)
class Trap:
    """A mistake, which `rung` must catch in `dtype`. `dropout`: whether it shows only with active dropout."""

    name: str
    rung: int
    mistake: str
    module: str
    trainer: str
    framework: str = "torch"
    dropout: bool = False
    dtype: str = "float64"
    ranks: int = 0  # of the group that it needs; 0: one process


TORCH = "compare.traps.torch_mistakes"
TF = "compare.traps.tf_mistakes"
HIDDEN = "compare.traps.torch_hidden_mistakes"
TF_HIDDEN = "compare.traps.tf_hidden_mistakes"
DATA = "compare.traps.torch_data_mistakes"

TRAPS: tuple[Trap, ...] = (
    Trap(
        "same-padding",
        1,
        "convolutions padded to keep the size, as the tutorial's unused flat_size = 3136 suggests",
        TORCH,
        "SamePadding",
    ),
    Trap("pixels-unscaled", 2, "pixels left at 0 to 255", DATA, "PixelsUnscaled"),
    Trap(
        "pixels-normalised",
        2,
        "pixels normalised by MNIST's mean and deviation, as torchvision's examples do",
        DATA,
        "PixelsNormalised",
    ),
    Trap(
        "pixels-divided",
        2,
        "pixels divided by 255, as torchvision's v1 ToTensor does, while the other side multiplies by 1/255",
        DATA,
        "PixelsDivided",
    ),
    Trap(
        "small-shuffle-buffer",
        2,
        "a shuffle buffer smaller than the data, which leaves images near their place",
        DATA,
        "SmallShuffleBuffer",
    ),
    Trap(
        "batch-out-of-order",
        2,
        "two batches change places, as with two loader workers",
        DATA,
        "BatchOutOfOrder",
    ),
    Trap(
        "validation-not-removed",
        2,
        "the first 5,000 images train too, as torchvision's MNIST offers them",
        DATA,
        "ValidationNotRemoved",
    ),
    Trap(
        "partial-batch-dropped",
        2,
        "the rest of an epoch dropped (drop_last=True), while next_batch continues into the next epoch",
        DATA,
        "PartialBatchDropped",
    ),
    Trap("torch-default-kernels", 3, "kernels left at torch's own initialiser", TORCH, "TorchDefaultKernels"),
    Trap(
        "torch-default-biases", 3, "biases left at torch's random ones, not zero", TORCH, "TorchDefaultBiases"
    ),
    Trap(
        "kernel-height-width-swapped",
        4,
        "convolution kernels turned by a plain transpose, which swaps height and width",
        TORCH,
        "KernelHeightWidthSwapped",
    ),
    Trap(
        "plain-dense-transpose",
        4,
        "the first dense kernel transposed, but its rows left in NHWC order",
        TORCH,
        "PlainDenseTranspose",
    ),
    Trap("average-pooling", 4, "average in place of max pooling", TORCH, "AveragePooling"),
    Trap(
        "dropout-left-on",
        4,
        "the declared dropout switched on, which the tutorial never does",
        TORCH,
        "DropoutLeftOn",
    ),
    Trap(
        "rate-as-keep-probability",
        4,
        "the dropout rate taken as the fraction kept",
        TORCH,
        "RateAsKeepProbability",
        dropout=True,
    ),
    Trap("softmax-twice", 5, "softmax in the model and again in the loss", TORCH, "SoftmaxTwice"),
    Trap("summed-loss", 5, "the loss summed over the batch, not averaged", TORCH, "SummedLoss"),
    Trap("l2-in-loss", 5, "an L2 penalty of 1e-4 on the kernels added to the loss", TORCH, "L2InLoss"),
    Trap(
        "loss-scaled",
        5,
        "the loss a thousandth too large, which Adam's steps hide",
        TF_HIDDEN,
        "LossScaled",
        framework="tf",
    ),
    Trap(
        "relu-lost-in-float32",
        4,
        "a ReLU left out in the branch for float32; the branch for float64 is right",
        HIDDEN,
        "ReluLostInFloat32",
        dtype="float32",
    ),
    Trap(
        "detached-in-float32",
        6,
        "convolutions detached in the branch for oneDNN's tensors, which exist in float32 on a CPU only",
        HIDDEN,
        "DetachedInFloat32",
        dtype="float32",
    ),
    Trap("bias-detached", 6, "one bias detached from the graph: it never learns", HIDDEN, "BiasDetached"),
    Trap(
        "kernel-frozen",
        6,
        "one kernel frozen (requires_grad_(False)): it never learns",
        HIDDEN,
        "KernelFrozen",
    ),
    Trap(
        "detached-convolutions",
        6,
        "features detached before the dense layers, as fine-tuning code does: the convolutions never learn",
        TORCH,
        "DetachedConvolutions",
    ),
    Trap(
        "epsilon-not-converted",
        7,
        "torch's Adam with TensorFlow's epsilon, unconverted",
        TORCH,
        "EpsilonNotConverted",
    ),
    Trap(
        "keras-default-epsilon",
        7,
        "Keras' Adam with its default epsilon of 1e-7",
        TF,
        "KerasDefaultEpsilon",
        framework="tf",
    ),
    Trap(
        "decoupled-decay",
        7,
        "AdamW with torch's default weight decay of 0.01, decoupled from the loss",
        TORCH,
        "DecoupledDecay",
    ),
    Trap(
        "gradients-clipped-tightly",
        8,
        "gradients clipped at norm 1, which some of the first steps exceed",
        HIDDEN,
        "GradientsClippedTightly",
    ),
    Trap(
        "gradient-not-cleared",
        8,
        "zero_grad() forgotten: gradients add up over steps",
        TORCH,
        "GradientNotCleared",
    ),
    Trap(
        "evaluation-drops-units",
        9,
        "model.eval() forgotten: dropout stays on in the test",
        HIDDEN,
        "EvaluationDropsUnits",
    ),
    Trap("evaluation-shifted", 9, "test images shifted by a pixel", HIDDEN, "EvaluationShifted"),
    Trap(
        "evaluation-of-first-weights",
        9,
        "the model exported for the test before it was trained",
        HIDDEN,
        "EvaluationOfFirstWeights",
    ),
    Trap("evaluation-missing", 9, "logits() raises NotImplementedError", HIDDEN, "EvaluationMissing"),
    Trap("step-returns-zeros", 10, "a step returns logits of zeros", HIDDEN, "StepReturnsZeros"),
    Trap(
        "step-returns-reordered",
        10,
        "a step returns its logits in another order than the labels",
        HIDDEN,
        "StepReturnsReordered",
    ),
    Trap(
        "phases-without-optimizer",
        11,
        "the step in phases leaves the optimizer out, so its chart shows another step",
        HIDDEN,
        "PhasesWithoutOptimizer",
    ),
    Trap("relu6", 12, "ReLU6 for ReLU: no activation reaches 6 in the first steps", HIDDEN, "Relu6"),
    Trap("logits-clamped", 12, "logits clamped at ±20", HIDDEN, "LogitsClamped"),
    Trap(
        "probabilities-clipped",
        12,
        "probabilities clipped at 1e-7 before their logarithm",
        HIDDEN,
        "ProbabilitiesClipped",
    ),
    Trap(
        "gradients-clipped",
        12,
        "gradients clipped at norm 5, which no early gradient reaches",
        HIDDEN,
        "GradientsClipped",
    ),
    Trap(
        "pooling-by-reduce-max",
        12,
        "max pooling by reduce_max, which divides the gradient among tied maxima",
        TF_HIDDEN,
        "PoolingByReduceMax",
        framework="tf",
    ),
    Trap(
        "first-rows-only",
        13,
        "the loss over the first 128 rows only, for any batch size",
        HIDDEN,
        "FirstRowsOnly",
    ),
    Trap("frozen-later", 14, "training stops after step 20", HIDDEN, "FrozenLater"),
    Trap("rate-changed-later", 14, "the learning rate doubles after step 20", HIDDEN, "RateChangedLater"),
    Trap(
        "gradients-kept-now-and-then",
        14,
        "gradients are not cleared in every 25th step",
        HIDDEN,
        "GradientsKeptNowAndThen",
    ),
)

TRAPS_BY_NAME: dict[str, Trap] = {trap.name: trap for trap in TRAPS}


def check_trap(name: str) -> None:
    """Raise UserError if no trap has this name."""
    if name not in TRAPS_BY_NAME:
        raise UserError(f"--trap: {name!r} is not a trap. Use one of: {', '.join(TRAPS_BY_NAME)}.")
