"""A worker's environment favours neither side."""

import pytest

from compare.processes.environment import REMOVED_PREFIXES, worker_environment

ARGUMENTS = {"device": "cpu", "threads": 3, "allocator": "stable"}


@pytest.mark.parametrize("name", REMOVED_PREFIXES)
def test_what_could_favour_one_side_is_not_inherited(name: str) -> None:
    """Thread counts, allocators, import paths and framework switches of the user's shell stay there."""
    environment = worker_environment({name + "X": "7", "HOME": "/home/me"}, **ARGUMENTS)
    assert name + "X" not in environment
    assert environment["HOME"] == "/home/me"


def test_threads_are_set_for_every_library() -> None:
    """One number, whichever library makes the pool."""
    environment = worker_environment({"OMP_NUM_THREADS": "1"}, **ARGUMENTS)
    names = [name for name in environment if name.endswith(("NUM_THREADS", "OP_THREADS"))]
    assert {"OMP_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"} <= set(names)
    assert {environment[name] for name in names} == {"3"}


def test_the_allocator_is_a_choice() -> None:
    """`system` leaves glibc as it comes, whatever the user's shell says."""
    stable = worker_environment({}, **ARGUMENTS)
    system = worker_environment({"MALLOC_TRIM_THRESHOLD_": "1"}, **ARGUMENTS | {"allocator": "system"})
    assert [name for name in stable if name.startswith("MALLOC_")]
    assert not [name for name in system if name.startswith("MALLOC_")]


def test_a_cpu_run_sees_no_card() -> None:
    """CUDA is hidden on the CPU and left as the user set it on CUDA."""
    shell = {"CUDA_VISIBLE_DEVICES": "1"}
    assert worker_environment(shell, **ARGUMENTS)["CUDA_VISIBLE_DEVICES"] == "-1"
    assert worker_environment(shell, **ARGUMENTS | {"device": "cuda"})["CUDA_VISIBLE_DEVICES"] == "1"
