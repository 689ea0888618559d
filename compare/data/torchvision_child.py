"""Runs as the child process of `download`: `python torchvision_child.py NAME DIRECTORY`.

Started by its path, in an interpreter that may lack this project's packages. Its import loads no framework.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence

NO_TORCHVISION = 3  # exit status
SOCKET_TIMEOUT_SECONDS = 30.0  # torchvision sets none: if a network drops packets, it would wait for ever


def main(argv: Sequence[str]) -> int:
    name, directory = argv
    try:
        from torchvision import datasets
    except ImportError as error:
        print(error, file=sys.stderr)
        return NO_TORCHVISION
    socket.setdefaulttimeout(SOCKET_TIMEOUT_SECONDS)
    getattr(datasets, name)(directory, download=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
