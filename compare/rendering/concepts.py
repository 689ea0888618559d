"""Lists what a porter must translate: each concept, its code in both implementations, its trap and rung."""

from __future__ import annotations

from dataclasses import dataclass

from compare.ladder.rungs import RUNGS


@dataclass(frozen=True)
class Concept:
    """A concept. `tensorflow`, `pytorch`: definitions as `file:qualified.name`. `traps`: names of traps."""

    name: str
    translation: str  # how to translate the code of one framework to the other
    trap: str  # the typical mistake, and its symptom
    rungs: tuple[int, ...]  # the rungs of the parity ladder that fail first
    tensorflow: tuple[str, ...]
    pytorch: tuple[str, ...]
    traps: tuple[str, ...] = ()

    @property
    def caught(self) -> str:
        """Return a sentence on the rung that catches the trap."""
        if not self.rungs:
            return "No rung catches it, because the numbers are right."
        names = " or ".join(f"rung {number} ({RUNGS[number - 1].name})" for number in self.rungs)
        return f"Caught by {names}."


MODEL_TF, MODEL_TORCH = "tf_impl/model.py", "torch_impl/model.py"
TRAIN_TF, TRAIN_TORCH = "tf_impl/train.py", "torch_impl/train.py"

CONCEPTS = (
    Concept(
        "Layers",
        "A Keras layer finds the width of its input when it is built, and takes its activation as an "
        "argument. A torch layer needs both widths, and the activation is applied to its output.",
        "Padding: the tutorial uses none (valid). But it defines a flat size of 3136, which it never uses "
        "and which suggests padding. The real size is 1024. With padding, the network is another one and "
        "trains just as well.",
        (1, 4),
        (f"{MODEL_TF}:conv", f"{MODEL_TF}:max_pool", f"{MODEL_TF}:dense"),
        (f"{MODEL_TORCH}:conv", f"{MODEL_TORCH}:max_pool", f"{MODEL_TORCH}:dense", f"{MODEL_TORCH}:activate"),
        traps=("same-padding", "average-pooling"),
    ),
    Concept(
        "Forward pass",
        "Images are NHWC in TensorFlow and NCHW in torch, so the same units are flattened in another order.",
        "The dense layer after the flattening gets its inputs in that other order. If you copy its kernel "
        "without reordering the rows, the shape is right and the function is wrong.",
        (4,),
        (f"{MODEL_TF}:LeNet.call", f"{MODEL_TF}:LeNet.activations"),
        (f"{MODEL_TORCH}:LeNet.forward", f"{MODEL_TORCH}:LeNet.activations"),
        traps=("plain-dense-transpose",),
    ),
    Concept(
        "Initial weights",
        "Both load the same Glorot-uniform kernels and zero biases, which NumPy draws once.",
        "By default, TensorFlow draws Glorot-uniform kernels and sets biases to zero. torch draws kernels "
        "and biases uniformly from ±1/√fan_in. Both learn MNIST, so the accuracy does not show the "
        "difference.",
        (3,),
        (f"{MODEL_TF}:parameters", f"{MODEL_TF}:load"),
        (f"{MODEL_TORCH}:parameters", f"{MODEL_TORCH}:load"),
        traps=("torch-default-kernels", "torch-default-biases"),
    ),
    Concept(
        "Layouts and checkpoints",
        "TensorFlow stores convolution kernels as HWIO and dense kernels as [in, out]; torch stores OIHW and "
        "[out, in]. A checkpoint is permuted when it is loaded, and permuted back when it is saved.",
        "A plain transpose is right for every dense kernel except the first. Its rows must also be "
        "reordered, from height, width, channel to channel, height, width. If height and width are swapped, "
        "the shape still fits.",
        (4,),
        ("tf_impl/inspection.py:Inspection.parameters",),
        ("torch_impl/layout.py:from_canonical", "torch_impl/layout.py:to_canonical"),
        traps=("plain-dense-transpose", "kernel-height-width-swapped"),
    ),
    Concept(
        "Loss",
        "Both take logits and integer labels. Neither model ends with a softmax.",
        "With a softmax in the model and another in the loss, the network still trains, but slowly. A sum in "
        "place of a mean multiplies the gradient by 128, and Adam hides this almost completely.",
        (5,),
        (f"{TRAIN_TF}:Trainer.loss",),
        (f"{TRAIN_TORCH}:Trainer.loss",),
        traps=("softmax-twice", "summed-loss"),
    ),
    Concept(
        "Gradients",
        "A tape makes new gradients each time. torch adds new gradients to the old ones, beside each "
        "parameter, until you clear them.",
        "Without zero_grad, the second step uses the sum of two gradients. The first step is still right, so "
        "a test of one step passes.",
        (8,),
        (f"{TRAIN_TF}:Trainer.value_and_gradients",),
        (f"{TRAIN_TORCH}:Trainer.value_and_gradients",),
        traps=("gradient-not-cleared",),
    ),
    Concept(
        "Adam",
        "TensorFlow adds ε̂ to √v; torch adds ε to √v after the bias correction. To agree, torch's ε at "
        "step t is ε̂/√(1−β₂ᵗ).",
        "The same 1e-8 in both is not the same rule: at step 1 it differs by a factor of 1/√(1−β₂). The "
        "losses move apart from the second step on, also in float64. Keras' own Adam has a default of 1e-7.",
        (7,),
        (f"{TRAIN_TF}:adam",),
        (f"{TRAIN_TORCH}:Adam",),
        traps=("epsilon-not-converted", "keras-default-epsilon"),
    ),
    Concept(
        "Training step",
        "TensorFlow's optimizer takes pairs of a gradient and its variable. torch's optimizer finds each "
        "gradient beside its parameter.",
        "Gradients that are paired with variables in another order still fit if two shapes are the same. "
        "Pair them by name.",
        (7,),
        (f"{TRAIN_TF}:Trainer.train_step",),
        (f"{TRAIN_TORCH}:Trainer.train_step",),
    ),
    Concept(
        "Dropout",
        "Both multiply by a mask that comes with the batch, so that both drop the same units.",
        "The tutorial's 0.75 is the fraction that is dropped, not the fraction that is kept, and dropout is "
        "never switched on. torch's Dropout is on until model.eval(). Keras' is off until training=True.",
        (4,),
        (f"{MODEL_TF}:dropout",),
        (f"{MODEL_TORCH}:dropout",),
        traps=("dropout-left-on", "rate-as-keep-probability"),
    ),
    Concept(
        "Device and dtype",
        "TensorFlow places operations with a context, and converts arrays when they enter. In torch you move "
        "the tensors and the model, each with a call.",
        "If there is no GPU, tf.device('/GPU:0') runs on the CPU and says nothing, unless soft placement is "
        "off. So a worker refuses a device that does not exist. TF32 is on by default in TensorFlow, and in "
        "torch only for convolutions. It is set to the same value on both sides and read back.",
        (),
        ("tf_impl/inspection.py:Inspection.to_device", "tf_impl/runtime.py:configure"),
        (
            "torch_impl/inspection.py:Inspection.to_device",
            "torch_impl/inspection.py:to_nchw",
            "torch_impl/runtime.py:configure",
        ),
    ),
    Concept(
        "Evaluation",
        "TensorFlow records operations only inside a tape. torch records them unless you use no_grad.",
        "Without no_grad, torch gives the right numbers, but it keeps every activation in memory.",
        (),
        (f"{TRAIN_TF}:Trainer.logits",),
        (f"{TRAIN_TORCH}:Trainer.logits",),
    ),
)
