"""What a porter must translate: each concept, where both implementations do it, the trap, its rung."""

from __future__ import annotations

from dataclasses import dataclass

from compare.ladder.rungs import RUNGS


@dataclass(frozen=True)
class Concept:
    """`tensorflow` and `pytorch` name definitions as `file:qualified.name`; `traps` are the catalogue's."""

    name: str
    translation: str  # how one reads in the other
    trap: str  # what goes wrong, and how it looks
    rungs: tuple[int, ...]  # of the parity ladder: those that fail first
    tensorflow: tuple[str, ...]
    pytorch: tuple[str, ...]
    traps: tuple[str, ...] = ()

    @property
    def caught(self) -> str:
        """Who catches the trap, in a sentence."""
        if not self.rungs:
            return "No rung catches it: the numbers are right."
        names = " or ".join(f"rung {number} ({RUNGS[number - 1].name})" for number in self.rungs)
        return f"Caught by {names}."


MODEL_TF, MODEL_TORCH = "tf_impl/model.py", "torch_impl/model.py"
TRAIN_TF, TRAIN_TORCH = "tf_impl/train.py", "torch_impl/train.py"

CONCEPTS = (
    Concept(
        "Layers",
        "A Keras layer learns its input's width when it is built and takes its activation as an argument. "
        "A torch layer is told both widths, and the activation is applied to what it returns.",
        "Padding: the tutorial pads nothing (valid), and keeps an unused flat size of 3136 that suggests it "
        "does. The real size is 1024. With padding the network trains just as well, and is another network.",
        (1, 4),
        (f"{MODEL_TF}:conv", f"{MODEL_TF}:max_pool", f"{MODEL_TF}:dense"),
        (f"{MODEL_TORCH}:conv", f"{MODEL_TORCH}:max_pool", f"{MODEL_TORCH}:dense", f"{MODEL_TORCH}:activate"),
        traps=("same-padding", "average-pooling"),
    ),
    Concept(
        "Forward pass",
        "Images are NHWC in TensorFlow and NCHW in torch, so the same units flatten in another order.",
        "The dense layer after the flattening sees its inputs in that other order. A kernel that is copied "
        "without reordering its rows has the right shape and the wrong function.",
        (4,),
        (f"{MODEL_TF}:LeNet.call", f"{MODEL_TF}:LeNet.activations"),
        (f"{MODEL_TORCH}:LeNet.forward", f"{MODEL_TORCH}:LeNet.activations"),
        traps=("plain-dense-transpose",),
    ),
    Concept(
        "Initial weights",
        "Both load one set of Glorot-uniform kernels and zero biases, drawn once in NumPy.",
        "Left to itself, TensorFlow draws Glorot-uniform kernels and zero biases; torch draws kernels and "
        "biases uniformly from ±1/√fan_in. Both learn MNIST, so accuracy does not show it.",
        (3,),
        (f"{MODEL_TF}:parameters", f"{MODEL_TF}:load"),
        (f"{MODEL_TORCH}:parameters", f"{MODEL_TORCH}:load"),
        traps=("torch-default-kernels", "torch-default-biases"),
    ),
    Concept(
        "Layouts and checkpoints",
        "TensorFlow keeps convolution kernels HWIO and dense kernels [in, out]; torch OIHW and [out, in]. "
        "A checkpoint is turned on its way in and back on its way out.",
        "A plain transpose is right for every dense kernel but the first, whose rows must also go from "
        "height, width, channel to channel, height, width. Height and width swapped fit too.",
        (4,),
        (f"{TRAIN_TF}:Trainer.parameters",),
        ("torch_impl/layout.py:from_canonical", "torch_impl/layout.py:to_canonical"),
        traps=("plain-dense-transpose", "kernel-height-width-swapped"),
    ),
    Concept(
        "Loss",
        "Both take logits and integer labels; neither model ends in a softmax.",
        "A softmax in the model as well as in the loss still trains, slowly. A sum where a mean was meant "
        "multiplies the gradient by 128, which Adam hides almost entirely.",
        (5,),
        (f"{TRAIN_TF}:Trainer.loss",),
        (f"{TRAIN_TORCH}:Trainer.loss",),
        traps=("softmax-twice", "summed-loss"),
    ),
    Concept(
        "Gradients",
        "A tape is asked for the gradients of what it watched; autograd follows the graph back from a loss.",
        "Order: gradients come back in the order in which variables were named. Pair them by name.",
        (6,),
        (f"{TRAIN_TF}:Trainer.gradients",),
        (f"{TRAIN_TORCH}:Trainer.gradients",),
    ),
    Concept(
        "Adam",
        "TensorFlow adds ε̂ to √v; torch adds ε to √v after the bias correction. To agree, torch's ε at "
        "step t is ε̂/√(1−β₂ᵗ).",
        "The same 1e-8 in both is not the same rule: at step 1 it is off by a factor of 1/√(1−β₂), and "
        "the losses part from the second step on, in float64 too. Keras' own Adam defaults to 1e-7.",
        (7,),
        (f"{TRAIN_TF}:adam",),
        (f"{TRAIN_TORCH}:Adam",),
        traps=("epsilon-not-converted", "keras-default-epsilon"),
    ),
    Concept(
        "Training step",
        "A tape makes new gradients each time; torch adds to those that are there until told to clear them.",
        "Without zero_grad the second step uses the sum of two gradients. The first step is still right, so "
        "a test of one step passes.",
        (8,),
        (f"{TRAIN_TF}:Trainer.train_step",),
        (f"{TRAIN_TORCH}:Trainer.train_step",),
        traps=("gradient-not-cleared",),
    ),
    Concept(
        "Dropout",
        "Both multiply by a mask that comes with the batch, so that the same units drop.",
        "The tutorial's 0.75 is the fraction dropped, not the fraction kept, and it is never switched on. "
        "torch's Dropout is on until model.eval(); Keras' is off until training=True.",
        (4,),
        (f"{MODEL_TF}:dropout",),
        (f"{MODEL_TORCH}:dropout",),
        traps=("dropout-left-on", "rate-as-keep-probability"),
    ),
    Concept(
        "Device and dtype",
        "TensorFlow places operations by a context and converts arrays on entry; torch moves tensors and the "
        "model, each by a call.",
        "tf.device('/GPU:0') runs silently on the CPU where there is no GPU, unless soft placement is off. "
        "So a worker refuses a device that is not there. TF32, on by default in TensorFlow and in torch for "
        "convolutions alone, is set alike on both sides and read back.",
        (),
        (f"{TRAIN_TF}:Trainer.to_device", "tf_impl/runtime.py:configure"),
        (f"{TRAIN_TORCH}:Trainer.to_device", f"{TRAIN_TORCH}:to_nchw", "torch_impl/runtime.py:configure"),
    ),
    Concept(
        "Evaluation",
        "TensorFlow records only under a tape; torch records unless it is told not to.",
        "Evaluating torch without no_grad gives the right numbers and keeps every activation in memory.",
        (),
        (f"{TRAIN_TF}:Trainer.logits",),
        (f"{TRAIN_TORCH}:Trainer.logits",),
    ),
)
