"""The little of man(7)'s language that the manual pages of the commands need, and how they are shown."""

from __future__ import annotations

import os
import sys
from shutil import which


def escape(text: str) -> str:
    """Text as it is to be read: no request, no escape, and hyphens that can be copied into a shell."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + escaped if escaped[:1] in (".", "'") else escaped


def show(page: str) -> None:
    """On a terminal by man(1), in place of this process; else, or without man, as it is, for ``| man -l -``."""
    man = which("man")
    if not sys.stdout.isatty() or man is None or not hasattr(os, "memfd_create"):
        print(page, end="")
        return
    fd = os.memfd_create("manual", 0)  # inherited, and gone with man
    with os.fdopen(os.dup(fd), "w", encoding="utf-8") as file:
        file.write(page)
    os.execv(man, ["man", "-l", f"/proc/self/fd/{fd}"])
