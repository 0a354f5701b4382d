"""``resolve bulk merge DIR``: the parts of a finished run joined to one output."""

from __future__ import annotations

import sys

from ...distributed.merging import merge
from .. import help_texts
from ..exits import UsageError


def main(words: list[str]) -> int:
    """Run ``resolve bulk merge`` with these arguments; returns the exit status."""
    output, ordered, quiet = "-", False, False
    folders: list[str] = []
    left = list(words)
    while left:
        word = left.pop(0)
        name, equals, value = word.partition("=")
        if word in ("-h", "--help"):
            print(help_texts.MERGE, end="")
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
