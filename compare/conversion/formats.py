"""Which kind of file a path names: by its suffix, and a .safetensors file by the names in it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from compare.errors import UserError

Format = Literal["canonical", "tf", "torch"]  # the latter two need that framework

FORMATS: dict[str, Format] = {
    ".pt": "torch",
    ".pth": "torch",
    ".keras": "tf",
    ".weights.h5": "tf",
    ".safetensors": "canonical",
}


def format_of_target(path: Path) -> Format:
    """Raise UserError for a suffix that stands for no format."""
    name = path.name.lower()
    for suffix, kind in FORMATS.items():
        if name.endswith(suffix) and name != suffix:
            return kind
    if name.endswith((".h5", ".hdf5")):
        raise UserError(
            f"{path} has the suffix of Keras's old whole-model files, which are not converted.\n"
            "Save with model.save('name.keras') or model.save_weights('name.weights.h5')."
        )
    raise UserError(f"{path} has no suffix of a known kind. Use one of: {', '.join(FORMATS)}.")


def format_of_source(path: Path) -> Format:
    """As for a target; a .safetensors file without a name like conv1/kernel is taken for torch's."""
    kind = format_of_target(path)
    if kind != "canonical":
        return kind
    names = stored_names(path)
    return "torch" if names and not any("/" in name for name in names) else "canonical"


def stored_names(path: Path) -> list[str]:
    """Return the names in a safetensors file; no tensor is read. Raises UserError for another file."""
    import safetensors

    try:
        with safetensors.safe_open(path, "numpy") as file:
            return list(file.keys())
    except (safetensors.SafetensorError, OSError) as error:
        raise UserError(
            f"{path} is not a safetensors file: {error}\nCopy it again, or save it again."
        ) from error
