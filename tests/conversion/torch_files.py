"""Child process: makes torch files, good and bad, in argv[2] from the canonical one argv[1]; reads each."""

import copy
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import safetensors.numpy
import safetensors.torch
import torch

from lenet_spec import LeNetSpec
from tests.conversion.attempts import report
from torch_impl import checkpoint
from torch_impl.model import LeNet, load


class Hostile:
    """Unpickled, it would leave a file that the test looks for."""

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (f"{sys.argv[2]}/executed",)


def contents(model: LeNet) -> dict[str, object]:
    """Return what to save, by case. `good` first."""
    state = model.state_dict()
    with_nan = {name: tensor.clone() for name, tensor in state.items()}
    with_nan["conv2.weight"][7, 3, 1, 2] = float("nan")
    with_infinity = {name: tensor.clone() for name, tensor in state.items()}
    with_infinity["dense2.bias"][4] = float("inf")
    return {
        "good": state,
        "wrapped": {"model_state_dict": state, "epoch": 3},
        "parallel": {f"module.{name}": tensor for name, tensor in state.items()},
        **wrapped(state, model),
        "missing": {name: tensor for name, tensor in state.items() if name != "conv1.bias"},
        "extra": {**state, "dense3.weight": torch.zeros(10, 10)},
        "misshaped": {**state, "dense1.weight": torch.zeros(1024, 3136)},
        "transposed": {**state, "dense2.weight": state["dense2.weight"].T.contiguous()},
        "half": {name: tensor.half() for name, tensor in state.items()},
        "bfloat16": {**state, "dense2.bias": state["dense2.bias"].bfloat16()},
        "mixed": {**state, "dense2.bias": state["dense2.bias"].double()},
        "sparse": {**state, "dense2.weight": state["dense2.weight"].to_sparse()},
        "number": {**state, "dense2.bias": 3},
        "nan": with_nan,
        "infinity": with_infinity,
        "list": [1, 2],
        "whole-model": model,
        "hostile": {**state, "dense2.bias": Hostile()},
    }


def prefixed(state: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """Return the state with something before each name."""
    return {f"{prefix}{name}": tensor for name, tensor in state.items()}


def wrapped(state: dict[str, torch.Tensor], model: LeNet) -> dict[str, object]:
    """Return LeNet as wrappers and scripts save it, and what must be told apart from that."""
    twice = {name: 2 * tensor for name, tensor in state.items()}
    stepped = copy.deepcopy(model)
    optimizer = torch.optim.Adam(stepped.parameters())
    stepped(torch.zeros(1, 1, 28, 28)).sum().backward()
    optimizer.step()
    averaged = torch.optim.swa_utils.AveragedModel(torch.nn.DataParallel(model))
    head = {"head.weight": torch.zeros(10, 10)}
    counters = {"conv1.total_ops": torch.zeros(1), "bn.num_batches_tracked": torch.tensor(7)}
    return {
        "compiled-parallel": prefixed(state, "_orig_mod.module."),
        "parallel-compiled": prefixed(state, "module._orig_mod."),
        "three-deep": prefixed(state, "module._forward_module._orig_mod.model.net."),
        "layer-compiled": {name.replace(".", "._orig_mod."): tensor for name, tensor in state.items()},
        "fsdp": {
            f"_fsdp_wrapped_module.{name.replace('.', '._fsdp_wrapped_module.')}": tensor
            for name, tensor in state.items()
        },
        "averaged": averaged.state_dict(),
        "deepspeed": {"module": prefixed(state, "module."), "optimizer": None, "global_steps": 3},
        "lightning": {
            "state_dict": {**prefixed(state, "model."), "criterion.weight": torch.ones(10)},
            "optimizer_states": [optimizer.state_dict()],
            "epoch": 3,
        },
        "own-attribute": {"epoch": 1, "model_state_dict": prefixed(state, "backbone.")},
        "deep-container": {"run": {"best": {"net": state}}},
        "listed": [state, optimizer.state_dict()],
        "with-average": {"model": state, "model_ema": twice, "opt": optimizer.state_dict()},
        "flat-average": {**prefixed(state, "model."), **prefixed(twice, "ema_model.")},
        "loose": {
            **state,
            "epoch": 3,
            "lr": 0.1,
            "note": "x",
            "optimizer": optimizer.state_dict(),
            **counters,
        },
        "two-models": {"teacher": state, "student": twice},
        "two-names": {"model": state, "net": twice},
        "a-layer-beside": {**prefixed(state, "model."), **head},
        "a-layer-within": prefixed({**state, **head}, "module."),
        "in-part": prefixed(
            {name: one for name, one in state.items() if name != "conv1.bias"}, "_orig_mod.net."
        ),
        "other-names": prefixed({f"features.{n}.weight": torch.zeros(3) for n in (0, 3)}, "module.backbone."),
        "no-tensor": {"epoch": 3, "args": {"lr": 0.1}},
    }


def main() -> None:
    """Write every file, and read each."""
    weights = safetensors.numpy.load_file(sys.argv[1])
    directory = Path(sys.argv[2])
    model = LeNet(LeNetSpec(), torch.float32)
    load(model, weights)
    files = {}
    for case, content in contents(model).items():
        files[case] = directory / f"{case}.pt"
        torch.save(content, files[case])
    files["safetensors"] = directory / "state.safetensors"
    safetensors.torch.save_file(model.state_dict(), files["safetensors"])
    files["truncated"] = directory / "truncated.pt"
    files["truncated"].write_bytes(files["good"].read_bytes()[:100_000])
    files["text"] = directory / "text.pt"
    files["text"].write_text("not a checkpoint")
    report(checkpoint, files, weights)


if __name__ == "__main__":
    main()
