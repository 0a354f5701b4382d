"""Run a program with the standard library patched: ``python -m celadon [options] script.py|-m module [args...]``."""

from __future__ import annotations

import os
import runpy
import sys

from .green import patch_all
from .green.patching.table import BY_CHOICE, TABLE

_USAGE = """usage: python -m celadon [--resolver NAME] [--servers A,B] [--no-MODULE] [--sys] [--files]
                         script.py|-m module [args...]"""


def main(argv: list[str] | None = None) -> int:
    """Run the program; what it raises passes through. Returns 2, after one line on stderr, for bad arguments."""
    args = list(sys.argv[1:] if argv is None else argv)
    resolver: str | None = None
    servers: list[str] | None = None
    chosen: dict[str, bool] = {}
    while args and args[0].startswith("-") and args[0] != "-m":
        option, _, value = args.pop(0).partition("=")
        if option in {"-h", "--help"}:
            print(_USAGE)
            return 0
        if option in {"--resolver", "--servers"}:
            if not value and args:
                value = args.pop(0)
            if not value:
                return _complain(f"{option} needs a value")
            if option == "--resolver":
                resolver = value
            else:
                servers = value.split(",")
        elif option.startswith("--no-") and option[5:] in TABLE:
            chosen[option[5:]] = False
        elif option.removeprefix("--") in BY_CHOICE:
            chosen[option.removeprefix("--")] = True
        else:
            return _complain(f"unknown option {option}")
    if not args or args == ["-m"]:
        return _complain("no program given")
    try:
        patch_all(resolver, servers, **chosen)
    except (ValueError, LookupError) as error:
        return _complain(str(error))
    if args[0] == "-m":
        sys.argv = args[1:]
        sys.path[0] = os.getcwd()
        runpy.run_module(args[1], run_name="__main__", alter_sys=True)
    else:
        if not os.path.exists(args[0]):
            return _complain(f"can't open file {args[0]!r}")
        sys.argv = args
        sys.path[0] = os.path.dirname(os.path.realpath(args[0]))
        runpy.run_path(args[0], run_name="__main__")
    return 0


def _complain(what: str) -> int:
    print(f"celadon: {what}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
