"""For tests: a scriptable name server, an engine over a mapping, and suites for engines and resolvers of any kind."""

from ..engines.static import StaticEngine
from .conformance import ZONE, check_dns_engine, check_engine, check_resolver, outcome_of
from .hostile import FAULTS
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
    Sent,
    Servfail,
    Truncate,
    WrongId,
    WrongQuestion,
    WrongSource,
    synthetic_address,
)

__all__ = [
    "FAULTS",
    "ZONE",
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
    "Sent",
    "Servfail",
    "StaticEngine",
    "Truncate",
    "WrongId",
    "WrongQuestion",
    "WrongSource",
    "check_dns_engine",
    "check_engine",
    "check_resolver",
    "outcome_of",
    "synthetic_address",
]
