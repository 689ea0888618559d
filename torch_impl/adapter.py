"""Gives the ladder access to a porter's torch model, loss and optimizer. See tf_impl/adapter.py.

The model's file defines `model()`, `loss(outputs, targets)` and `optimizer(parameters)`. It does not use the
ladder. Arrays come in and go out as NumPy in canonical layouts.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np
import torch

from torch_impl.axes import channels_first
from torch_impl.kinds import Leaf, leaves
from torch_impl.recorder import Mask, NotProvable, Recorder, Recording
from torch_impl.tags import Tags

LAYOUTS = {"NHWC": 4, "NDHWC": 5, "NWC": 3}  # layouts that are turned into channels first, with their ranks


class Adapter:
    """One model, with its loss and its optimizer, on one device in one dtype.

    layouts: the layout of each input by name; torch gets "NHWC" inputs as NCHW. mask: makes dropout's masks.
    """

    def __init__(
        self, module: ModuleType, layouts: Mapping[str, str], mask: Mask, *, device: str, dtype: str
    ) -> None:
        self.module, self.layouts, self.device = module, dict(layouts), torch.device(device)
        self.dtype = getattr(torch, dtype)
        torch.set_default_dtype(self.dtype)
        torch.backends.mha.set_fastpath_enabled(False)  # the fast path would skip the layers inside
        self.model = module.model()
        check_model(self.model)
        self.model.to(self.device, self.dtype)
        self.leaves: list[Leaf] = []
        self.mask = mask
        self.repeated: set[int] = set()  # torch sums the rows of an embedding's gradient

    def build(self, inputs: Mapping[str, np.ndarray]) -> None:
        """Call the model once: lazy layers have no parameters before their first call."""
        self.names = input_names(self.model, self.layouts)
        self.recorder = Recorder([], self.mask)
        self.model.eval()
        with torch.no_grad():
            self.call(inputs)
        check_layers(self.model)
        self.leaves = leaves(self.model)
        self.recorder = Recorder(self.leaves, self.mask)

    def rebuilt(self, seed: int, inputs: Mapping[str, np.ndarray]) -> list[Leaf]:
        """Build the model again with another seed, and return its leaves, for their initial weights."""
        torch.manual_seed(seed)
        return leaves(self.module.model())

    def forward(self, inputs: Mapping[str, np.ndarray], *, training: bool) -> Recording:
        """Record a forward pass. The recording holds the model's outputs as taps named `output`."""
        self.model.train(training)
        with torch.no_grad(), self.recorder.running(record=True) as recording:
            outputs = self.call(inputs)
            for name, tensor in named_outputs(outputs).items():
                with torch._C.DisableTorchFunction():
                    recording.taps[name] = self.recorder.tags.canonical(tensor)
        return recording

    def call(self, inputs: Mapping[str, np.ndarray]) -> Any:
        tags = self.recorder.tags
        return self.applied(
            self.model, {name: self.to_device(name, array, tags) for name, array in inputs.items()}
        )

    def applied(self, model: Any, tensors: Mapping[str, torch.Tensor]) -> Any:
        """Call a model with its inputs in the form that it takes: one tensor, a list or names."""
        if self.names:
            return model(**{self.names[name]: tensor for name, tensor in tensors.items()})
        return model(*tensors.values())

    def to_device(self, name: str, array: np.ndarray, tags: Tags) -> torch.Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(array)).to(self.device)
        if array.dtype.kind == "f":
            tensor = tensor.to(self.dtype)
        if LAYOUTS.get(self.layouts.get(name, "")) == array.ndim:
            tensor = tensor.movedim(-1, 1).contiguous()
            tags.put(tensor, channels_first(tensor.shape))
        return tensor

    def value(self, inputs: Mapping[str, np.ndarray], targets: Any, *, training: bool = True) -> torch.Tensor:
        """Return the loss of one batch, with its autograd graph."""
        self.model.train(training)
        with self.recorder.running(record=False):
            outputs = self.call(inputs)
        wanted = tree(lambda array: self.to_device("", array, Tags()), targets)
        loss: torch.Tensor = with_model(self.module.loss, self.model)(outputs, wanted)
        check_loss(loss)
        return loss

    def penalties(self) -> float:
        """Return the sum of the penalties that layers added to the loss: torch's layers add none."""
        return 0.0

    def loss(self, inputs: Mapping[str, np.ndarray], targets: Any) -> float:
        """Return the loss of one batch in training mode, which updates running statistics."""
        with torch.no_grad():
            return float(self.value(inputs, targets))

    def loss_dtype(self, inputs: Mapping[str, np.ndarray], targets: Any) -> str:
        return str(self.value(inputs, targets).dtype).removeprefix("torch.")

    def gradients(self, inputs: Mapping[str, np.ndarray], targets: Any) -> tuple[float, dict[int, Any]]:
        """Return the loss and the gradients by variable. A frozen or unused variable has no gradient."""
        variables = [one for one in self.model.parameters() if one.requires_grad]
        loss = self.value(inputs, targets)
        found = torch.autograd.grad(loss, variables, allow_unused=True)
        named = zip(variables, found, strict=True)
        return float(loss.detach()), {id(one): gradient for one, gradient in named if gradient is not None}

    def prepare(self, plain_rate: float | None) -> None:
        """Make a new optimizer: the declared one, or plain SGD if a rate is given."""
        self.model.zero_grad()  # of parameters that the optimizer does not hold, too
        parameters = [one for one in self.model.parameters() if one.requires_grad]
        if plain_rate is not None:
            made: Any = torch.optim.SGD(parameters, lr=plain_rate)
        else:
            made = with_model(self.module.optimizer, self.model, needed=1)(self.model.parameters())
        self.optimizer, self.schedule = made if isinstance(made, tuple) else (made, None)
        if not isinstance(self.optimizer, torch.optim.Optimizer):
            kind = type(self.optimizer).__name__
            raise NotProvable(f"optimizer() returns {kind}; it must return a torch.optim.Optimizer")

    def step(self, inputs: Mapping[str, np.ndarray], targets: Any) -> tuple[float, dict[int, Any]]:
        """Make one update. Return the loss from before it, and the gradients that it used, after clipping."""
        self.optimizer.zero_grad()
        loss = self.value(inputs, targets)
        loss.backward()
        self.optimizer.step()  # a hook that clips changes the gradients in place
        variables = self.model.parameters()
        found = {id(one): one.grad.detach().clone() for one in variables if one.grad is not None}
        if self.schedule is not None:
            self.schedule.step()
        return float(loss.detach()), found

    def rule(self) -> dict[str, Any]:
        """Return the optimizer's name and the numbers of its first parameter group."""
        group = {name: value for name, value in self.optimizer.param_groups[0].items() if name != "params"}
        numbers = {name: value for name, value in group.items() if plain_number(value)}
        known = (one.__name__ for one in type(self.optimizer).__mro__ if one.__module__.startswith("torch"))
        return {"name": next(known), **numbers}

    def decays(self) -> dict[int, float]:
        """Return the weight decay of each variable."""
        groups = self.optimizer.param_groups
        return {id(one): float(group.get("weight_decay") or 0) for group in groups for one in group["params"]}

    def slots(self) -> dict[int, dict[str, Any]]:
        """Return the optimizer's state of each variable, such as moments, under the ladder's names."""
        known = {"exp_avg": "first_moment", "exp_avg_sq": "second_moment", "square_avg": "mean_square",
                 "sum": "sum_of_squares"}  # fmt: skip
        return {
            id(one): {known[name]: value for name, value in slots.items() if name in known}
            for one, slots in self.optimizer.state.items()
        }

    def read(self, variable: Any) -> np.ndarray:
        array: np.ndarray = variable.detach().cpu().numpy()
        return array.copy()

    def write(self, variable: Any, array: np.ndarray) -> None:
        with torch.no_grad():
            variable.copy_(torch.from_numpy(np.ascontiguousarray(array)).to(variable))

    def key(self, variable: Any) -> int:
        return id(variable)

    def trainable(self, variable: Any) -> bool:
        return bool(variable.requires_grad)

    def dtypes(self) -> dict[str, str]:
        """Return the dtype of every parameter and floating-point buffer, by the model's name for it."""
        tensors = {**dict(self.model.named_parameters()), **dict(self.model.named_buffers())}
        return {
            name: str(one.dtype).removeprefix("torch.")
            for name, one in tensors.items()
            if one.is_floating_point()
        }

    def unbound(self) -> list[str]:
        """Return the names of the parameters that belong to no leaf."""
        known = {id(one) for leaf in self.leaves for own in leaf.tensors.values() for one in own.variables}
        return [name for name, one in self.model.named_parameters() if id(one) not in known]

    def tap(self, name: str, tensor: Any) -> None:
        if self.recorder.recording is not None:
            with torch._C.DisableTorchFunction():
                self.recorder.recording.taps[f"tap {name}"] = self.recorder.tags.canonical(tensor)


def check_model(model: Any) -> None:
    if not isinstance(model, torch.nn.Module):
        raise NotProvable(f"model() returns {type(model).__name__}; it must return a torch.nn.Module")


def check_loss(loss: Any) -> None:
    if not isinstance(loss, torch.Tensor) or loss.numel() != 1:
        tensor = isinstance(loss, torch.Tensor)
        said = f"a tensor of shape {list(loss.shape)}" if tensor else type(loss).__name__
        raise NotProvable(
            f"loss() of the torch model returns {said}; it must return a scalar, such as its mean"
        )


def check_layers(model: Any) -> None:
    """Raise NotProvable, with the layer's name, for a layer that cannot be compared."""
    for path, module in model.named_modules():
        if isinstance(module, torch.nn.RNNBase) and module.dropout and module.num_layers > 1:
            raise NotProvable(
                f"{path} drops out between its layers, inside one fused operation, where no mask can be "
                "shared. Set its dropout to 0 for the proof"
            )


def input_names(model: Any, layouts: Mapping[str, str]) -> dict[str, str]:
    """Map each input to its name in `forward`. An empty map means: pass them in the order of the task."""
    known = inspect.signature(model.forward).parameters
    return {name: name for name in layouts} if all(name in known for name in layouts) else {}


def named_outputs(outputs: Any, name: str = "output") -> dict[str, torch.Tensor]:
    """Return the model's output tensors by name, from any nesting of lists, tuples and mappings."""
    if isinstance(outputs, torch.Tensor):
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
