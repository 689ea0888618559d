"""Finds the format of a file: by the suffix for a file to write, by the content for a file to read."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Literal

from compare.errors import UserError

Format = Literal["canonical", "tf", "torch"]  # "tf" and "torch" need that framework

FORMATS: dict[str, Format] = {
    ".pt": "torch",
    ".pth": "torch",
    ".keras": "tf",
    ".weights.h5": "tf",
    ".safetensors": "canonical",
}
HDF5 = b"\x89HDF\r\n\x1a\n"
ZIP = b"PK\x03\x04"
PICKLE = b"\x80"  # the format of torch.save before PyTorch 1.6
START_BYTES = 16


def format_of_target(path: Path) -> Format:
    """Return the format that a target's suffix names. Raises UserError if it names none."""
    if kind := format_of_suffix(path):
        return kind
    if path.name.lower().endswith((".h5", ".hdf5")):
        raise UserError(
            f"{path} has the suffix of Keras 2's files, which are read, but not written.\n"
            "Name it .keras or .weights.h5, which every Keras since 2.12 reads."
        )
    raise UserError(f"{path} has no suffix of a known kind. Use one of: {', '.join(FORMATS)}.")


def format_of_suffix(path: Path) -> Format | None:
    name = path.name.lower()
    return next((kind for suffix, kind in FORMATS.items() if name.endswith(suffix) and name != suffix), None)


def format_of_source(path: Path) -> Format:
    """Return the format of a file by its content; by its suffix if the content does not show it.

    A safetensors file without a name like conv1/kernel counts as torch's. Raises UserError for a file of no
    known format.
    """
    with path.open("rb") as file:
        start = file.read(START_BYTES)
    if start.startswith(HDF5):
        return "tf"
    if start.startswith(ZIP) and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return "tf" if "config.json" in archive.namelist() else "torch"
    if start.startswith(PICKLE):
        return "torch"
    kind = format_of_suffix(path)
    if kind == "canonical" or start[8:9] == b"{":
        names = stored_names(path)
        return "torch" if names and not any("/" in name for name in names) else "canonical"
    if kind is None:
        raise UserError(
            f"{path} is not a file of torch, of Keras or of safetensors.\n"
            "Save the weights in one of these forms: docs/checkpoints.md lists them."
        )
    return kind


def stored_names(path: Path) -> list[str]:
    """Return the names in a safetensors file without reading a tensor. Raises UserError for another file."""
    import safetensors

    try:
        with safetensors.safe_open(path, "numpy") as file:
            return list(file.keys())
    except (safetensors.SafetensorError, OSError) as error:
        raise UserError(
            f"{path} is not a safetensors file: {error}\nCopy it again, or save it again."
        ) from error
