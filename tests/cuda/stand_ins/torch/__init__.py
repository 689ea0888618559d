"""Stands in for torch: as much as `torch_impl.runtime` asks of it, on the card of scenario.json."""

import json
from pathlib import Path
from types import SimpleNamespace

SCENARIO = json.loads((Path(__file__).parents[1] / "scenario.json").read_text())["torch"]
if "import_error" in SCENARIO:
    raise ImportError(SCENARIO["import_error"])

__version__ = "2.14.1"
CARDS = SCENARIO.get("cards", [])
version = SimpleNamespace(cuda=SCENARIO.get("cuda"))
_C = SimpleNamespace(_cuda_getArchFlags=lambda: SCENARIO.get("capabilities", ""))
cuda = SimpleNamespace(
    is_available=lambda: bool(CARDS),
    device_count=lambda: len(CARDS),
    get_device_name=lambda number=0: CARDS[number][0],
    get_device_capability=lambda number: tuple(CARDS[number][1]),
    reset_peak_memory_stats=lambda: None,
)
backends = SimpleNamespace(
    cuda=SimpleNamespace(matmul=SimpleNamespace(allow_tf32=None)),
    cudnn=SimpleNamespace(allow_tf32=None, benchmark=None),
)


class Tensor:
    """Takes any operation, holds nothing."""

    def __lt__(self, other):
        return self

    def __mul__(self, other):
        return self

    def __truediv__(self, other):
        return self

    def __eq__(self, other):
        return self

    def all(self):
        return self

    def item(self) -> bool:
        return False


def full(*arguments, **options):
    if "first_use_error" in SCENARIO:
        raise RuntimeError(SCENARIO["first_use_error"])
    return Tensor()


ones = tensor = matmul = lambda *arguments, **options: Tensor()
set_num_threads = set_num_interop_threads = set_flush_denormal = lambda value: None
get_num_threads = get_num_interop_threads = lambda: 1


def are_deterministic_algorithms_enabled() -> bool:
    return False
