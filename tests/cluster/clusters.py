"""Clusters of several nodes on this machine, and runs on them over stand-in workers."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.commands import ROOT, command, wait_until
from tests.reliability.small_runs import Place

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is not installed: pip install '.[cluster]'"
)
TOKEN = "0123456789abcdef0123456789abcdef"  # noqa: S105  (of clusters that live for a test)


@contextmanager
def cluster_of(short: Path, *variables: dict[str, str]) -> Iterator[str]:
    """Start a node for each set of environment variables; yield the address of the head."""
    ray = {"RAY_AUTH_MODE": "token", "RAY_USAGE_STATS_ENABLED": "0", "RAY_TMPDIR": str(short / "ray")}
    (short / "ray").mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.cluster.nodes", json.dumps(variables)],
        cwd=ROOT, env=environment(short) | ray, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.communicate()


def environment(short: Path) -> dict[str, str]:
    """Return that of a command with the cluster's token, whose terminal folds no line."""
    return os.environ | {"TMPDIR": str(short), "RAY_AUTH_TOKEN": TOKEN, "COLUMNS": "400"}


def run_on(cluster: str, place: Place, short: Path, *options: object) -> subprocess.CompletedProcess[str]:
    """Run the command on a cluster to its end."""
    return command("--cluster", cluster, *place.where(), *options, env=environment(short))


@contextmanager
def started_on(cluster: str, place: Place, short: Path, *options: object) -> Iterator[subprocess.Popen[str]]:
    """Start the command on a cluster; kill it at the end of the block, if it has not ended."""
    with subprocess.Popen(
        [sys.executable, "-m", "compare.run", "--cluster", cluster, *place.where(), *map(str, options)],
        cwd=ROOT, env=environment(short), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def wait_for_line(process: subprocess.Popen[str], part: str) -> list[str]:
    """Read lines until one holds the part; return all that were read."""
    assert process.stdout is not None
    lines: list[str] = []
    while not lines or part not in lines[-1]:
        lines.append(process.stdout.readline())
        assert lines[-1], "".join(lines)
    return lines


def kill(process: int) -> None:
    """Kill a process, and wait until it is gone."""
    os.kill(process, signal.SIGKILL)
    wait_until(
        lambda: not Path(f"/proc/{process}/fd").exists() or not os.access(f"/proc/{process}/exe", os.R_OK)
    )


def raylet_that_trains(short: Path) -> int:
    """Return the process of the node on which a group trains: it starts Ray's, which starts our command."""
    [command] = [
        process
        for process in psutil.process_iter()
        if "compare.cluster.node" in process.cmdline() and process.environ()["TMPDIR"] == str(short)
    ]
    return int(command.parents()[1].pid)
