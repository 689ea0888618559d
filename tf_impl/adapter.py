"""Gives the ladder access to a porter's Keras model, loss and optimizer. See torch_impl/adapter.py.

The model's file defines `model()`, `loss(outputs, targets)` and `optimizer()`. It does not use the ladder.
Arrays come in and go out as NumPy in canonical layouts, which are Keras's own.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_impl.kinds import Leaf, is_functional, leaves
from tf_impl.recorder import Mask, NotProvable, Recorder, Recording


class Adapter:
    """One model, with its loss and its optimizer, on one device in one dtype.

    layouts: the layout of each input by name; Keras gets every input unchanged. mask: makes dropout's masks.
    """

    def __init__(
        self, module: ModuleType, layouts: Mapping[str, str], mask: Mask, *, device: str, dtype: str
    ) -> None:
        self.module, self.layouts = module, dict(layouts)
        self.device = "/GPU:0" if device == "cuda" else "/CPU:0"
        self.dtype = tf.as_dtype(dtype)
        keras.config.set_floatx(dtype)
        keras.config.set_dtype_policy(dtype)  # otherwise the first policy stays in force
        with tf.device(self.device):
            self.model = module.model()
        self.leaves: list[Leaf] = []
        self.mask = mask
        self.repeated: set[int] = set()  # whose gradient, at the last step, had a row in several parts

    def build(self, inputs: Mapping[str, np.ndarray]) -> None:
        """Call the model once: a subclassed model has no variables before its first call."""
        check_model(self.model)
        self.call(inputs, training=False)
        check_layers(self.model)
        self.leaves = leaves(self.model)
        self.recorder = Recorder(self.leaves, self.mask)

    def rebuilt(self, seed: int, inputs: Mapping[str, np.ndarray]) -> list[Leaf]:
        """Build the model again with another seed, and return its leaves, for their initial weights."""
        keras.utils.set_random_seed(seed)
        model = self.module.model()
        self.called(model, inputs, training=False)
        return leaves(model)

    def forward(self, inputs: Mapping[str, np.ndarray], *, training: bool) -> Recording:
        """Record a forward pass. The recording holds the model's outputs as taps named `output`."""
        with tf.device(self.device), self.recorder.running(record=True) as recording:
            outputs = self.call(inputs, training=training)
            recording.taps |= {name: one.numpy() for name, one in named_outputs(outputs).items()}
        return recording

    def call(self, inputs: Mapping[str, np.ndarray], *, training: bool) -> Any:
        return self.called(self.model, inputs, training)

    def called(self, model: Any, inputs: Mapping[str, np.ndarray], training: bool) -> Any:
        return self.applied(model, {name: self.to_device(array) for name, array in inputs.items()}, training)

    def applied(self, model: Any, tensors: Mapping[str, tf.Tensor], training: bool) -> Any:
        """Call a model with its inputs in the form that it takes: one tensor, a list or names."""
        if len(tensors) == 1:
            return model(next(iter(tensors.values())), training=training)
        if is_functional(model) and set(tensors) != {one.name for one in model.inputs}:
            return model(list(tensors.values()), training=training)
        return model(dict(tensors), training=training)

    def to_device(self, array: np.ndarray) -> tf.Tensor:
        return tf.convert_to_tensor(array, self.dtype if array.dtype.kind == "f" else None)

    def value(self, inputs: Mapping[str, np.ndarray], targets: Any, *, training: bool = True) -> tf.Tensor:
        """Return the loss of one batch, including the penalties that layers add."""
        with self.recorder.running(record=False):
            outputs = self.call(inputs, training=training)
        wanted = tree(self.to_device, targets)
        loss = with_model(self.module.loss, self.model)(outputs, wanted)
        check_loss(loss)
        return tf.add_n([tf.reshape(loss, ()), *self.model.losses])

    def penalties(self) -> float:
        """Return the sum of the penalties that layers added to the loss in the last pass (`model.losses`)."""
        return float(sum(float(one) for one in self.model.losses))

    def loss(self, inputs: Mapping[str, np.ndarray], targets: Any) -> float:
        """Return the loss of one batch in training mode, which updates running statistics."""
        with tf.device(self.device):
            return float(self.value(inputs, targets))

    def loss_dtype(self, inputs: Mapping[str, np.ndarray], targets: Any) -> str:
        with tf.device(self.device):
            return str(self.value(inputs, targets).dtype.name)

    def gradients(self, inputs: Mapping[str, np.ndarray], targets: Any) -> tuple[float, dict[int, Any]]:
        """Return the loss and the gradients by variable. A frozen or unused variable has no gradient."""
        loss, found = self.taped(inputs, targets)
        return float(loss), {id(one): tf.convert_to_tensor(g) for one, g in found}

    def taped(self, inputs: Mapping[str, np.ndarray], targets: Any) -> tuple[Any, list[tuple[Any, Any]]]:
        """Return the loss, and variables with their gradients, of an embedding tf.IndexedSlices."""
        variables = self.model.trainable_variables
        with tf.device(self.device), tf.GradientTape() as tape:
            loss = self.value(inputs, targets)
        found = tape.gradient(loss, [one.value for one in variables])
        return loss, [(one, g) for one, g in zip(variables, found, strict=True) if g is not None]

    def prepare(self, plain_rate: float | None) -> None:
        """Make a new optimizer: the declared one, or plain SGD if a rate is given."""
        if plain_rate is not None:
            self.optimizer = keras.optimizers.SGD(plain_rate)
        else:
            self.optimizer = with_model(self.module.optimizer, self.model, needed=0)()
        if not isinstance(self.optimizer, keras.optimizers.Optimizer):
            kind = type(self.optimizer).__name__
            raise NotProvable(f"optimizer() returns {kind}; it must return a keras.optimizers.Optimizer")
        self.optimizer.build(self.model.trainable_variables)

    def step(self, inputs: Mapping[str, np.ndarray], targets: Any) -> tuple[float, dict[int, Any]]:
        """Make one update. Return the loss from before it, and the gradients that it used, after clipping."""
        loss, found = self.taped(inputs, targets)
        variables, given = [one for one, _ in found], list[Any]()
        clip = self.optimizer._clip_gradients

        def noted(gradients: Sequence[Any]) -> list[Any]:
            parts = zip(variables, gradients, strict=True)
            self.repeated = {id(one) for one, gradient in parts if repeats_rows(gradient)}
            given[:] = clip(gradients)
            return list(given)

        self.optimizer._clip_gradients = noted
        try:
            with tf.device(self.device):
                self.optimizer.apply([gradient for _, gradient in found], variables)
        finally:
            self.optimizer._clip_gradients = clip
        return float(loss), {
            id(one): tf.convert_to_tensor(g) for one, g in zip(variables, given, strict=True)
        }

    def rule(self) -> dict[str, Any]:
        """Return the optimizer's name and numbers."""
        config = self.optimizer.get_config()
        numbers = {name: value for name, value in config.items() if plain_number(value)}
        numbers |= {"learning_rate": float(self.optimizer.learning_rate)}
        known = (one.__name__ for one in type(self.optimizer).__mro__ if one.__module__.startswith("keras"))
        return {"name": next(known), **numbers}

    def decays(self) -> dict[int, float]:
        """Return the weight decay of each variable."""
        rate = float(self.optimizer.weight_decay or 0)
        use = getattr(self.optimizer, "_use_weight_decay", lambda _: True)
        return {id(one): rate if use(one) else 0.0 for one in self.model.trainable_variables}

    def slots(self) -> dict[int, dict[str, Any]]:
        """Return the optimizer's state of each variable, such as moments, under the ladder's names."""
        mean = "mean_square" if isinstance(self.optimizer, keras.optimizers.RMSprop) else "second_moment"
        adam = isinstance(self.optimizer, keras.optimizers.Adam)
        known = {"_momentums": "first_moment" if adam else None, "_velocities": mean,
                 "_accumulators": "sum_of_squares"}  # fmt: skip
        found: dict[int, dict[str, Any]] = {id(one): {} for one in self.model.trainable_variables}
        for attribute, name in known.items():
            own: list[Any] = getattr(self.optimizer, attribute, None) or []
            for one, slot in zip(self.model.trainable_variables, own if name else [], strict=False):
                found[id(one)][str(name)] = slot
        return found

    def read(self, variable: Any) -> np.ndarray:
        return np.array(variable)

    def write(self, variable: Any, array: np.ndarray) -> None:
        variable.assign(np.ascontiguousarray(array).astype(str(variable.dtype)))

    def key(self, variable: Any) -> int:
        return id(variable)

    def trainable(self, variable: Any) -> bool:
        return any(variable is one for one in self.model.trainable_variables)

    def dtypes(self) -> dict[str, str]:
        """Return the dtype of every floating-point variable, by the model's name for it."""
        return {one.path: str(one.dtype) for one in self.model.variables if "float" in str(one.dtype)}

    def unbound(self) -> list[str]:
        """Return the names of the trainable variables that belong to no leaf."""
        known = {id(one) for leaf in self.leaves for own in leaf.tensors.values() for one in own.variables}
        return [one.path for one in self.model.trainable_variables if id(one) not in known]

    def tap(self, name: str, tensor: Any) -> None:
        if self.recorder.recording is not None:
            self.recorder.recording.taps[f"tap {name}"] = tensor.numpy()


def check_model(model: Any) -> None:
    if not isinstance(model, keras.Model):
        raise NotProvable(f"model() returns {type(model).__name__}; it must return a keras.Model")


def repeats_rows(gradient: Any) -> bool:
    """Whether a row of an embedding's gradient comes in several parts, which are not summed yet."""
    if not isinstance(gradient, tf.IndexedSlices):
        return False
    rows = gradient.indices.numpy()
    return len(np.unique(rows)) < rows.size


def check_loss(loss: Any) -> None:
    if not tf.is_tensor(loss) or math.prod(loss.shape) != 1:
        said = f"a tensor of shape {list(loss.shape)}" if tf.is_tensor(loss) else type(loss).__name__
        raise NotProvable(
            f"loss() of the Keras model returns {said}; it must return a scalar, such as its mean"
        )


def check_layers(model: Any) -> None:
    """Raise NotProvable, with the layer's name, for a layer that cannot be compared."""
    for layer in model._flatten_layers():
        if getattr(layer, "data_format", None) == "channels_first":
            raise NotProvable(f"{layer.name} is channels_first; build the Keras side with channels_last")
        for option in ("dropout", "recurrent_dropout"):
            if isinstance(layer, keras.layers.RNN) and getattr(layer, option, None):
                raise NotProvable(
                    f"{layer.name} has {option} {getattr(layer, option)}, whose mask cannot be shared. "
                    f"Set it to 0 for the proof"
                )


def named_outputs(outputs: Any, name: str = "output") -> dict[str, tf.Tensor]:
    """Return the model's output tensors by name, from any nesting of lists, tuples and mappings."""
    if tf.is_tensor(outputs):
        return {name: outputs}
    if isinstance(outputs, Mapping):
        pairs = list(outputs.items())
    elif isinstance(outputs, tuple | list):
        pairs = list(enumerate(outputs))
    else:
        return {}
    return {own: one for key, value in pairs for own, one in named_outputs(value, f"{name}/{key}").items()}


def with_model(function: Any, model: Any, needed: int = 2) -> Any:
    """Pass the model as well to a loss or optimizer that takes one more argument."""
    count = len(inspect.signature(function).parameters)
    return (lambda *given: function(*given, model)) if count > needed else function


def tree(function: Any, value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return function(value)
    if isinstance(value, Mapping):
        return {key: tree(function, one) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(tree(function, one) for one in value)
    return value


def plain_number(value: Any) -> bool:
    numbers = isinstance(value, tuple) and all(isinstance(one, int | float) for one in value)
    return isinstance(value, bool | int | float) or numbers
