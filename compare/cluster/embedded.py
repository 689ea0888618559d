"""Starts Ray on this machine for one run: on the loopback only, with a new token, without a dashboard."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from compare.cluster.guard import MARK
from compare.cluster.task import ROOT
from compare.errors import UserError
from compare.processes.scratch import Scratch

LONGEST_PATH = 107  # bytes of a socket's, on Linux
SOCKET = "/session_2026-01-31_23-59-59_999999_9999999/sockets/plasma_store"  # as Ray names it

# RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER: if it is off, Ray listens on the loopback only, on Linux too. Ray would
# lower its workers' priority, which ours inherit, and kill tasks once memory is short, as frameworks make it.
# With its worker it would kill our command, which ends in order by itself, and removes its temporary files.
SETTINGS = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_worker_niceness": "0",
    "RAY_memory_monitor_refresh_ms": "0",
    "RAY_kill_child_processes_on_worker_exit": "0",
    # The rest would take CPU time beside the training, and serves nothing here (`make cluster-cost`).
    "RAY_enable_metrics_collection": "0",
    "RAY_event_stats": "0",
    "RAY_task_events_report_interval_ms": "0",
    "RAY_raylet_report_resources_period_milliseconds": "1000",
    "RAY_gcs_pull_resource_loads_period_milliseconds": "5000",
    "RAY_object_manager_timer_freq_ms": "1000",
}


@contextmanager
def prepared() -> Iterator[None]:
    """Set the environment for `ray.init()`. At the end, stop all processes of Ray and remove its directory.

    Raises UserError if the path of the directory for temporary files is too long for sockets.
    """
    scratch = Scratch()
    try:
        if len(os.fsencode(scratch.name + SOCKET)) > LONGEST_PATH:
            raise UserError(
                f"--cluster local: sockets under {scratch.name} would have paths of more than {LONGEST_PATH} "
                "bytes.\nName a shorter directory for temporary files: TMPDIR=/tmp"
            )
        os.environ.update(SETTINGS, **{MARK: scratch.name, "RAY_AUTH_TOKEN": secrets.token_hex(32)})
        guard = subprocess.Popen(
            [sys.executable, "-m", "compare.cluster.guard", scratch.name],
            stdin=subprocess.PIPE, cwd=ROOT, start_new_session=True,
            env={name: value for name, value in os.environ.items() if name != MARK},
        )  # fmt: skip
        try:
            yield
        finally:
            with contextlib.suppress(BrokenPipeError):
                guard.communicate()
    finally:
        scratch.cleanup()
