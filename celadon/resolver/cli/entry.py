"""The ``resolve`` command: one name as dig, many as massdns. stdout is data only; an error is one line on stderr.

Exit status as dig's: 0 for any answer, 1 for bad usage, 8 for files that cannot be read or written, 9 when no server
answered, 10 for what went wrong inside; 130 after Ctrl-C, 141 when nobody reads the output any more.
"""

from __future__ import annotations

import os
import sys

from ..errors import ResolveError, ResolverConfigError, ResolverUnavailable
from .commands import load, version
from .exits import BROKEN_PIPE, FILES, INSIDE, INTERRUPTED, NO_REPLY, USAGE, FileError, UsageError, complain

# The first word of a command line -> the module whose ``main`` takes the rest; any other word is dig's.
MODULES = {
    "bench": "bench.bench_command",
    "bulk": "bulk.bulk_command",
    "compare": "compare",
    "hosts": "ahosts",
    "massdns": "massdns",
    "servers": "servers.servers_command",
}
_DIG = "dig.dig_command"


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    if argv is None and os.path.basename(sys.argv[0]) == "massdns":
        words.insert(0, "massdns")  # a link by that name, for programs that call it
    command = MODULES.get(words[0]) if words else None
    try:
        if command and words[-1] == "--man":
            load("manual").show_man_page(version())
            return 0
        code: int = load(command).main(words[1:]) if command else load(_DIG).main(words)
        sys.stdout.flush()
        return code
    except (UsageError, ResolverConfigError, ResolverUnavailable) as error:
        return complain(str(error), USAGE)
    except FileError as error:
        return complain(str(error), FILES)
    except BrokenPipeError:
        _stdout_to_nowhere()
        return BROKEN_PIPE
    except ResolveError as error:
        return complain(error.explain(), NO_REPLY)
    except OSError as error:
        return complain(f"{error.filename or ''}: {error.strerror or error}".lstrip(": "), FILES)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001  (a person sees one line, whatever broke)
        return complain(f"internal error: {type(error).__name__}: {error}", INSIDE)


def _stdout_to_nowhere() -> None:
    """Or the interpreter complains at its end that what is still buffered cannot be written."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
