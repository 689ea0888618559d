"""Checks which device holds each tensor, so that no work on the CPU is reported as work of a card."""

from __future__ import annotations

from collections.abc import Mapping


def misplaced(devices: Mapping[str, str], wanted: str) -> str | None:
    """Return, in words, the first tensor that is not on the `wanted` device ("cpu" or "cuda"), or None."""
    for name, device in devices.items():
        if device != wanted:
            return (
                f"{name} is on {device}, but the run is for {wanted}: the times would be those of another "
                f"device. Build it on the device that the trainer is given"
            )
    return None
