"""The one kind of error that is shown to a user instead of a traceback, and how it writes advice to type."""

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


def typed(word: object) -> str:
    """Return a path, or another word, as a message advises to type it: quoted if a shell needs that.

    A path that begins with `-` is no option: it becomes `./-…`.
    """
    text = str(word)
    return shlex.quote(f".{os.sep}{text}" if text.startswith("-") else text)
