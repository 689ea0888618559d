"""Ends the processes of an embedded Ray if its driver is killed, and removes its directory.

It runs as a separate process. Ray ends its daemons with the driver, but not the agents that they started.
"""

from __future__ import annotations

import shutil
import sys

from compare.processes.killing import kill_by_environment

MARK = "RAY_TMPDIR"  # which Ray takes for its directory, its processes inherit, and ours do not get


def main() -> None:
    """Wait until standard input closes, which means that the driver has ended. Then clean up."""
    sys.stdin.read()
    directory = sys.argv[1]
    kill_by_environment(MARK, directory)
    shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
