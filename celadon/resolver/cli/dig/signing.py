"""Keys of the command line (``-y``, ``-k``), and what the command says of signatures."""

from __future__ import annotations

import time

from ...dns.tsig import SignedExchange, TsigError, TsigKey, key_of, key_of_file
from ...errors import ResolverConfigError
from ..exits import OK, FileError, UsageError, complain


def key(text: str) -> TsigKey:
    """The key of ``-y``. UsageError for what is no key."""
    try:
        return key_of(text)
    except ResolverConfigError as error:
        raise UsageError(str(error)) from None


def key_in(path: str) -> TsigKey:
    """The key in the file of ``-k``. FileError if it cannot be read, UsageError if it has no key."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return key_of_file(file.read())
    except OSError as error:
        raise FileError(f"option -k: {path}: {error.strerror or error}") from None
    except ResolverConfigError as error:
        raise UsageError(f"option -k: {path}: {error}") from None


def exchange(made: TsigKey) -> SignedExchange:
    """A signed exchange by the machine's clock."""
    return SignedExchange(made, time.time)


def judge(signed: SignedExchange, reply: bytes) -> None:
    """Say on stderr if a reply is not signed as it must be; as dig, show it nevertheless."""
    try:
        signed.check(reply)
    except TsigError as error:
        complain(f"warning: the signature (TSIG) could not be verified: {error}", OK)
