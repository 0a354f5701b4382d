"""``resolve bulk merge DIR``: the parts of a finished run joined to one output."""

from __future__ import annotations

import sys

from ...distributed.merging import merge
from ..exits import UsageError

_HELP = """usage: resolve bulk merge DIR [-w OUT] [--ordered] [-q]

Join the parts that `resolve bulk --parts DIR` (or --dask) has left in DIR. Each part is checked against its note.

  -w, --output FILE   write to FILE, which appears whole or not at all (stdout)
  --ordered           in the order of the input also after --by-domain; others are in it anyway
  -q, --quiet         print no summary
  -h, --help          print this and exit"""


def main(words: list[str]) -> int:
    """Run ``resolve bulk merge`` with these arguments; returns the exit status."""
    output, ordered, quiet = "-", False, False
    folders: list[str] = []
    left = list(words)
    while left:
        word = left.pop(0)
        name, equals, value = word.partition("=")
        if word in ("-h", "--help"):
            print(_HELP)
            return 0
        if name in ("-w", "--output", "--output-file"):
            if not equals and not left:
                raise UsageError(f"option {word} needs a value (FILE)")
            output = value if equals else left.pop(0)
        elif word == "--ordered":
            ordered = True
        elif word in ("-q", "--quiet"):
            quiet = True
        elif word.startswith("-"):
            raise UsageError(f"bulk merge: unknown option {word}")
        else:
            folders.append(word)
    if len(folders) != 1:
        raise UsageError("bulk merge needs one directory of parts; a file of names called merge is ./merge")
    count = merge(folders[0], output, ordered=ordered)
    if not quiet:
        print(f"resolve: {count} records merged", file=sys.stderr)
    return 0
