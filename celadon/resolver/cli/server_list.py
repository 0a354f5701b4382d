"""Servers as an option gives them: addresses between commas, or a file of them."""

from __future__ import annotations

from ..errors import ResolverConfigError
from ..system.servers import parse_server
from .exits import FileError, UsageError


def server_list(given: str) -> tuple[list[str], str]:
    """The servers, each of which ``parse_server`` takes, and the file that they come from, empty if from none.

    The file has one a line, with or without resolv.conf's ``nameserver``; ``#`` begins a comment. FileError if it
    cannot be read, UsageError or ResolverConfigError if it, or what is given, has something else.
    """
    words = [one.strip() for one in given.split(",")]
    try:
        for one in words:
            parse_server(one)
        return words, ""
    except ResolverConfigError:
        if len(words) > 1:
            raise
    path = given.removeprefix("@")
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = ["" if line.startswith("#") else line.split(" #")[0] for line in file]
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise FileError(f"{given} is neither a server's address nor a file that can be read: {reason}") from None
    found = []
    for number, line in enumerate(lines, 1):
        text = line.strip().removeprefix("nameserver ").strip()
        if not text:
            continue
        try:
            parse_server(text)
        except ResolverConfigError as error:
            raise UsageError(f"{path}, line {number}: {error}") from None
        found.append(text)
    if not found:
        raise UsageError(f"{path}: no server in this file")
    return found, path
