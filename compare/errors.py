"""The one kind of error that is shown to a user instead of a traceback."""

from __future__ import annotations


class UserError(Exception):
    """A mistake that a user can mend: wrong options, bad data, a device that is not there.

    The message is one or two lines that name the thing, the rule, the value found and the next action.
    The command line prints it without a traceback and exits with `status`.
    """

    status = 2


class Unwritable(UserError):
    """A file that cannot be written once a run is under way: the disk is full, or is gone."""

    status = 1
