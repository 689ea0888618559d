"""Where tensors lie: what is asked of a card must be done there, and no CPU work be called CUDA."""

from __future__ import annotations

from collections.abc import Mapping


def misplaced(devices: Mapping[str, str], wanted: str) -> str | None:
    """Return the first tensor that lies elsewhere than on `wanted`, "cpu" or "cuda", in words, or None."""
    for name, device in devices.items():
        if device != wanted:
            return (
                f"{name} lies on {device}, but the run is for {wanted}: what was timed would be another "
                f"device's work. Build it on the device that the trainer is given"
            )
    return None
