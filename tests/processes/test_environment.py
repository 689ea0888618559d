"""A worker's environment favours neither side."""

from functools import partial

import pytest

from compare.processes.environment import worker_environment
from compare.variables import REMOVED_PREFIXES

environment_of = partial(worker_environment, device="cpu", threads=3, allocator="stable")


@pytest.mark.parametrize("name", REMOVED_PREFIXES)
def test_what_could_favour_one_side_is_not_inherited(name: str) -> None:
    """Thread counts, allocators, import paths and framework switches of the user's shell stay there."""
    environment = environment_of({name + "X": "7", "HOME": "/home/me"})
    assert name + "X" not in environment
    assert environment["HOME"] == "/home/me"


def test_threads_are_set_for_every_library() -> None:
    """One number, whichever library makes the pool."""
    environment = environment_of({"OMP_NUM_THREADS": "1"})
    names = [name for name in environment if name.endswith(("NUM_THREADS", "OP_THREADS"))]
    assert {"OMP_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"} <= set(names)
    assert {environment[name] for name in names} == {"3"}


def test_the_allocator_is_a_choice() -> None:
    """`system` leaves glibc as it comes, whatever the user's shell says."""
    stable = environment_of({})
    system = environment_of({"MALLOC_TRIM_THRESHOLD_": "1"}, allocator="system")
    assert [name for name in stable if name.startswith("MALLOC_")]
    assert not [name for name in system if name.startswith("MALLOC_")]


def test_a_cpu_run_sees_no_card() -> None:
    """CUDA is hidden on the CPU and left as the user set it on CUDA."""
    shell = {"CUDA_VISIBLE_DEVICES": "1"}
    assert environment_of(shell)["CUDA_VISIBLE_DEVICES"] == "-1"
    assert environment_of(shell, device="cuda")["CUDA_VISIBLE_DEVICES"] == "1"
