"""Child process: makes torch files, good and bad, in argv[2] from the canonical one argv[1]; reads each."""

import os
import sys
from collections.abc import Callable
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
