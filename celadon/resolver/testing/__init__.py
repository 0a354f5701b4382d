"""For tests: a scriptable name server, and what every engine and resolver must do."""

from .nameserver import (
    Delay,
    Drop,
    Duplicate,
    Formerr,
    Garbage,
    NameServer,
    Query,
    Rcode,
    Refused,
    Script,
    Servfail,
    Truncate,
    WrongId,
    WrongQuestion,
    WrongSource,
    synthetic_address,
)

__all__ = [
    "Delay",
    "Drop",
    "Duplicate",
    "Formerr",
    "Garbage",
    "NameServer",
    "Query",
    "Rcode",
    "Refused",
    "Script",
    "Servfail",
    "Truncate",
    "WrongId",
    "WrongQuestion",
    "WrongSource",
    "synthetic_address",
]
