"""Defines the errors that a user sees as a message instead of a traceback, and how they quote advice."""

from __future__ import annotations

import os
import shlex


class UserError(Exception):
    """A mistake that a user can correct: wrong options, bad data, a missing device.

    The message is one or two lines that name the thing, the rule, the value found and the next action.
    The command line prints it without a traceback and exits with `status`.
    """

    status = 2


class Unwritable(UserError):
    """A file that cannot be written after a run has started, because the disk is full or was removed."""

    status = 1


class NodesLost(UserError):
    """Some seeds of a run on a cluster were not trained, because the nodes were lost or one of them fails."""

    status = 1


def typed(word: object) -> str:
    """Return a path or another word as a user can type it in a shell, with quotation marks if it needs them.

    A path that begins with `-` becomes `./-…`, so that no command takes it for an option.
    """
    text = str(word)
    return shlex.quote(f".{os.sep}{text}" if text.startswith("-") else text)
