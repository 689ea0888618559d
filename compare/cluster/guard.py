"""Ends what an embedded Ray leaves if its driver is killed, and removes its directory. A process of its own.

Ray ties its daemons to the driver, but not the agents that they start, nor the directory of its sockets.
"""

from __future__ import annotations

import shutil
import sys

from compare.processes.killing import kill_by_environment

MARK = "RAY_TMPDIR"  # which Ray takes for its directory, its processes inherit, and ours do not get


def main() -> None:
    """Wait until standard input closes: the driver has ended, in order or not."""
    sys.stdin.read()
    directory = sys.argv[1]
    kill_by_environment(MARK, directory)
    shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
