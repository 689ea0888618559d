"""Defines the options of a conversion on the command line."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro


@dataclass(frozen=True)
class ConvertConfig:
    """Convert LeNet's weights between PyTorch (.pt, .pth), Keras (.keras, .weights.h5) and .safetensors.

    TARGET is kept only if the logits of all 10,000 test images agree.
    """

    source: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="SOURCE")]
    """the trained weights; a .safetensors file may be this project's own or a torch state_dict"""
    target: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="TARGET")]
    """the file to write; its suffix tells the kind of file"""
    overwrite: bool = False
    """replace TARGET if it exists"""
    tf_python: Path = field(default_factory=lambda: Path(sys.executable))
    """the Python interpreter that has TensorFlow; default: the one that runs this command"""
    torch_python: Path = field(default_factory=lambda: Path(sys.executable))
    """the Python interpreter that has PyTorch; default: the one that runs this command"""
    timeout: float = 600.0
    """seconds that a framework may take to read or write a file"""

    def python(self, framework: str) -> Path:
        return self.tf_python if framework == "tf" else self.torch_python
