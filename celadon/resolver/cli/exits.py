"""How the command ends: the exit statuses, and the one line on stderr that says why."""

from __future__ import annotations

import sys

from .escapes import printable

#: dig's: 0 for any answer, 1 bad usage, 8 a file that cannot be read or written, 9 no server answered, 10 inside.
OK, USAGE, FILES, NO_REPLY, INSIDE = 0, 1, 8, 9, 10
UNPROVEN = 4  # with +validate: bogus or indeterminate
INTERRUPTED, BROKEN_PIPE = 130, 141  # as a shell says of SIGINT and SIGPIPE


class UsageError(Exception):
    """A command line that cannot be; the text is the one line to print."""


class FileError(Exception):
    """A file that cannot be used; the text is the one line to print."""


def must_be_readable(option: str, path: str) -> None:
    """FileError, which names the option, for a file that cannot be read."""
    try:
        with open(path, "rb"):
            pass
    except OSError as error:
        raise FileError(f"option {option}: {path}: {error.strerror or error}") from None


def complain(what: str, code: int) -> int:
    """Print one line on stderr; returns ``code``, to be returned."""
    print("resolve:", printable(what), file=sys.stderr)
    return code
