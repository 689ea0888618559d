"""Lists every known mistake that can be injected into an example port, and the rung that catches it."""

from __future__ import annotations

from dataclasses import dataclass

Edit = tuple[str, str, str]  # file, correct text, text with the mistake


@dataclass(frozen=True)
class Mistake:
    """One mistake. hidden: both models' outputs are equal with the same weights, in evaluation."""

    name: str
    network: str
    rung: str
    tensor: str
    edits: tuple[Edit, ...]
    hidden: bool = False


def torch(old: str, new: str) -> Edit:
    """Change the torch side."""
    return "my_torch.py", old, new


def task(old: str, new: str) -> Edit:
    """Change the task's file, which both sides share."""
    return "task.py", old, new


def keras(old: str, new: str) -> Edit:
    """Change the Keras side."""
    return "my_keras.py", old, new


KERAS_SGD = "keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True)"
TORCH_SGD = "torch.optim.SGD(parameters, lr=0.05, momentum=0.9, nesterov=True)"
CROSS_ENTROPY = "functional.cross_entropy(outputs, targets)"


def optimizers(own: str, other: str) -> tuple[Edit, Edit]:
    """Give the two sides different optimizers."""
    return keras(KERAS_SGD, f"keras.optimizers.{own}"), torch(TORCH_SGD, other)


def penalised(factor: str) -> tuple[Edit, ...]:
    """Put a weight penalty into Keras's layer, and into torch's loss with another factor."""
    return (
        keras('activation="tanh", name', 'activation="tanh", kernel_regularizer="l2", name'),
        torch("(outputs: Any, targets: Any)", "(outputs: Any, targets: Any, model: Any)"),
        torch(CROSS_ENTROPY, f"{CROSS_ENTROPY} + {factor} * (model.hidden.weight**2).sum()"),
    )


STRIDED = (
    keras('8, 3, padding="same", activation', '8, 3, 2, padding="same", activation'),
    torch('nn.Conv2d(3, 8, 3, padding="same")', "nn.Conv2d(3, 8, 3, 2, padding=1)"),
    torch("10 * 8 * 4", "4 * 2 * 4"),
)

AVERAGED = (
    keras("layers.MaxPooling2D(2)", 'layers.AveragePooling2D(3, 2, padding="same")'),
    torch("functional.max_pool2d(x, 2)", "functional.avg_pool2d(x, 3, 2, 1)[:, :, :, :4]"),
)

CLIPPED = (
    keras(KERAS_SGD, "keras.optimizers.SGD(0.05, clipnorm=0.01)"),
    torch(f"    return {TORCH_SGD}", "    return clipped(list(parameters))"),
    torch(
        "def model()",
        "def clipped(parameters: Any) -> Any:\n"
        "    optimizer = torch.optim.SGD(parameters, lr=0.05)\n"
        "    optimizer.register_step_pre_hook(\n"
        "        lambda *_: (nn.utils.clip_grad_norm_(parameters, 0.01), None)[1]\n"
        "    )\n"
        "    return optimizer\n\n\n"
        "def model()",
    ),
)

SCHEDULED = (
    keras(
        KERAS_SGD,
        "keras.optimizers.SGD(keras.optimizers.schedules.PiecewiseConstantDecay([2], [0.05, 0.005]))",
    ),
    torch(f"    return {TORCH_SGD}", "    return scheduled(torch.optim.SGD(parameters, lr=0.05))"),
    torch(
        "def model()",
        "def scheduled(made: Any) -> Any:\n"
        "    return made, torch.optim.lr_scheduler.MultiStepLR(made, [2], 0.1)\n\n\n"
        "def model()",
    ),
)

DECAYED = (
    keras(KERAS_SGD, "excluding(keras.optimizers.SGD(0.05, weight_decay=0.01))"),
    keras(
        "def model()",
        "def excluding(optimizer: Any) -> Any:\n"
        '    optimizer.exclude_from_weight_decay(var_names=["bias"])\n'
        "    return optimizer\n\n\n"
        "def model()",
    ),
    torch(TORCH_SGD, "torch.optim.SGD(parameters, lr=0.05, weight_decay=0.01)"),
)

MISTAKES: tuple[Mistake, ...] = (
    Mistake("same padding with stride 2", "cnn", "4a", "conv output", STRIDED),
    Mistake(
        "BatchNorm's epsilon",
        "cnn",
        "4a",
        "norm output",
        (torch("momentum=0.1, eps=1e-5", "momentum=0.1, eps=1e-3"),),
    ),
    Mistake(
        "BatchNorm's momentum, kept or taken",
        "cnn",
        "7",
        "norm/moving_mean",
        (torch("momentum=0.1", "momentum=0.9"),),
        hidden=True,
    ),
    Mistake(
        "BatchNorm moves though frozen",
        "cnn",
        "4b",
        "norm output",
        (keras('name="norm")', 'name="norm", trainable=False)'),),
        hidden=True,
    ),
    Mistake(
        "activation after the norm",
        "cnn",
        "4a",
        "norm input",
        (
            torch(
                "self.norm(functional.relu(self.conv(images)))",
                "functional.relu(self.norm(self.conv(images)))",
            ),
        ),
    ),
    Mistake(
        "LeakyReLU's slope", "cnn", "4a", "hidden input", (torch("self.up(x), 0.1", "self.up(x), 0.01"),)
    ),
    Mistake(
        "height and width swapped",
        "cnn",
        "4a",
        "conv output",
        (torch("self.conv(images)", "self.conv(images.transpose(2, 3)).transpose(2, 3)"),),
    ),
    Mistake("average for max pooling", "cnn", "4a", "up input", (torch("max_pool2d", "avg_pool2d"),)),
    Mistake("average pooling's divisor at borders", "cnn", "4a", "up input", AVERAGED),
    Mistake(
        "dropout's rate taken for keep", "cnn", "1", "dropout 1", (torch("x, 0.25", "x, 0.75"),), hidden=True
    ),
    Mistake(
        "dropout forgotten",
        "cnn",
        "1",
        "dropout 2",
        (torch("functional.dropout(x, 0.5, self.training)", "x"),),
        hidden=True,
    ),
    Mistake("kernel of another size", "cnn", "1", "conv", (torch("3, 8, 3, padding", "3, 8, 5, padding"),)),
    Mistake(
        "bias forgotten",
        "cnn",
        "1",
        "head/bias",
        (torch("nn.Linear(16, 5)", "nn.Linear(16, 5, bias=False)"),),
    ),
    Mistake(
        "loss summed over the batch",
        "cnn",
        "5",
        "loss",
        (torch(CROSS_ENTROPY, 'functional.cross_entropy(outputs, targets, reduction="sum")'),),
        hidden=True,
    ),
    Mistake(
        "label smoothing on one side",
        "cnn",
        "5",
        "loss",
        (torch(CROSS_ENTROPY, "functional.cross_entropy(outputs, targets, label_smoothing=0.1)"),),
        hidden=True,
    ),
    Mistake(
        "loss on probabilities",
        "cnn",
        "5",
        "loss",
        (torch(CROSS_ENTROPY, "functional.cross_entropy(outputs.softmax(1), targets)"),),
        hidden=True,
    ),
    Mistake(
        "a target ignored",
        "cnn",
        "5",
        "loss",
        (torch(CROSS_ENTROPY, "functional.cross_entropy(outputs, targets, ignore_index=0)"),),
        hidden=True,
    ),
    Mistake("model.losses forgotten", "cnn", "5", "loss", penalised("0.0")[:1], hidden=True),
    Mistake("L2 with a factor of a half", "cnn", "5", "loss", penalised("0.005"), hidden=True),
    Mistake(
        "a branch detached",
        "cnn",
        "6",
        "gradient of up/bias",
        (torch("torch.flatten(x, 1)", "torch.flatten(x, 1).detach()"),),
        hidden=True,
    ),
    Mistake(
        "a layer frozen on one side",
        "cnn",
        "6",
        "gradient of head/bias",
        (torch("self.head = nn.Linear(16, 5)", "self.head = nn.Linear(16, 5).requires_grad_(False)"),),
        hidden=True,
    ),
    Mistake("another rate", "cnn", "7", "conv/kernel", (torch("lr=0.05", "lr=0.5"),), hidden=True),
    Mistake("Nesterov forgotten", "cnn", "7", "conv/kernel", (torch(", nesterov=True", ""),), hidden=True),
    Mistake(
        "momentum forgotten",
        "cnn",
        "8b",
        "losses",
        (keras(", nesterov=True", ""), torch(", momentum=0.9, nesterov=True", "")),
        hidden=True,
    ),
    Mistake(
        "momentum dampened",
        "cnn",
        "8b",
        "losses",
        (keras(", nesterov=True", ""), torch("nesterov=True", "dampening=0.5")),
        hidden=True,
    ),
    Mistake(
        "Adam's epsilon before or after the bias correction",
        "cnn",
        "7",
        "conv/kernel",
        optimizers("Adam(0.01, epsilon=1e-4)", "torch.optim.Adam(parameters, lr=0.01, eps=1e-4)"),
        hidden=True,
    ),
    Mistake(
        "RMSprop's epsilon inside the root",
        "cnn",
        "7",
        "conv/kernel",
        optimizers(
            "RMSprop(0.01, rho=0.9, epsilon=1e-5)",
            "torch.optim.RMSprop(parameters, lr=0.01, alpha=0.9, eps=1e-5)",
        ),
        hidden=True,
    ),
    Mistake(
        "Adagrad's first accumulator",
        "cnn",
        "7",
        "conv/kernel",
        optimizers("Adagrad(0.01, epsilon=1e-10)", "torch.optim.Adagrad(parameters, lr=0.01)"),
        hidden=True,
    ),
    Mistake(
        "decoupled for coupled decay",
        "cnn",
        "7",
        "conv/kernel",
        optimizers(
            "Adam(0.01, weight_decay=0.1)",
            "torch.optim.Adam(parameters, lr=0.01, eps=1e-7, weight_decay=0.1)",
        ),
        hidden=True,
    ),
    Mistake("decay on biases", "cnn", "7", "conv/bias", DECAYED, hidden=True),
    Mistake("clipping by tensor or over all", "cnn", "7", "conv/kernel", CLIPPED, hidden=True),
    Mistake("a schedule one step off", "cnn", "8b", "rate of step 2", SCHEDULED, hidden=True),
    Mistake(
        "GELU's two forms",
        "transformer",
        "4a",
        "narrow input",
        (
            torch(
                "functional.gelu(self.wide(self.norm2(x)))",
                'functional.gelu(self.wide(self.norm2(x)), approximate="tanh")',
            ),
        ),
    ),
    Mistake(
        "LayerNorm's epsilon",
        "transformer",
        "4a",
        "norm1 output",
        (torch("self.norm1 = nn.LayerNorm(8, eps=1e-5)", "self.norm1 = nn.LayerNorm(8, eps=1e-6)"),),
    ),
    Mistake(
        "key size of a head for the whole",
        "transformer",
        "1",
        "attention",
        (keras("MultiHeadAttention(2, 4)", "MultiHeadAttention(2, 8)"),),
    ),
    Mistake(
        "norm after the sum", "transformer", "4a", "attention input", (torch("y = self.norm1(x)", "y = x"),)
    ),
    Mistake("tokens averaged for the last", "gru", "4a", "head input", (torch("x[:, -1]", "x.mean(dim=1)"),)),
    Mistake(
        "GRU resets before the product",
        "gru",
        "1",
        "second/recurrent_bias",
        (keras("layers.GRU(5", "layers.GRU(5, reset_after=False"),),
    ),
    Mistake(
        "padding masked on one side",
        "gru",
        "4a",
        "first sequence",
        (keras("20, 8, name", "20, 8, mask_zero=True, name"),),
    ),
    Mistake(
        "embedding frozen",
        "gru",
        "6",
        "gradient of embedding/embeddings",
        (
            torch(
                "self.embedding = nn.Embedding(20, 8)",
                "self.embedding = nn.Embedding(20, 8).requires_grad_(False)",
            ),
        ),
        hidden=True,
    ),
    Mistake("LSTM's two biases", "lstm", "7", "first/forward/bias", (), hidden=True),
    Mistake(
        "MobileNetV2 with torchvision's own BatchNorm",
        "mobilenet",
        "4a",
        "bn_Conv1 output",
        (torch(", norm_layer=NORM", ""),),
    ),
    Mistake(
        "MobileNetV2 at an even size",
        "mobilenet",
        "4a",
        "Conv1 output",
        (task("SIZE = 33", "SIZE = 32"), keras("(33, 33, 3)", "(32, 32, 3)")),
    ),
    Mistake("ResNet50's biases", "resnet", "1", "conv1_conv/bias", ()),
    Mistake(
        "ResNet50's strides",
        "resnet",
        "4a",
        "conv3_block1_1_conv output",
        (task("steps = 2\n", 'steps = 2\ndiffers = {"*_conv/bias": "BatchNorm takes a bias away again"}\n'),),
    ),
)
