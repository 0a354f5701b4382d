"""What the options say of a run's checks: wildcards, canaries, the cut of RFC 8020. ``stages`` makes them."""

from __future__ import annotations

from ...frozen import frozen
from ...model import Server
from ...system.servers import parse_server
from ..exits import UsageError
from ..server_list import server_list
from .bulk_options import Options

_WORDS = (
    *("--wildcard", "--nxdomain-cut", "--canary", "--trusted-resolvers", "--recheck"),
    *("--lookup", "--nsid", "--client-subnet", "--fields"),
)
_NEEDS = {"--wildcard-tests": "--wildcard", "--write-wildcards": "--wildcard", "--canary-name": "--canary"}
_NEEDS |= {"--canary-stop": "--canary", "--rate-trusted": "--trusted-resolvers", "--recheck-zones": "--recheck"}


@frozen
class Checks:
    """What the options ask for. ``wildcard`` is empty, ``mark`` or ``drop``; ``json``: records can carry notes."""

    wildcard: str
    wildcard_tests: int
    wildcards_file: str | None
    nxdomain_cut: bool
    canary: int
    canary_base: str
    canary_stop: bool
    json: bool
    trusted: tuple[Server, ...]
    rate_trusted: float
    recheck: float
    recheck_zones: tuple[str, ...]
    lookup: str | None
    edns: bool
    fields: tuple[str, ...]


def checks_of(options: Options, share: int) -> Checks | None:
    """The checks of one of ``share`` processes; None without any. UsageError for what cannot be together."""
    for option, needed in _NEEDS.items():
        if option in options.values and not options[needed]:
            raise UsageError(f"{option} needs {needed}")
    if not any(options[word] for word in _WORDS):
        return None
    json = options["--output-format"].startswith(("J", "parquet"))
    wildcard = options["--wildcard"] or ""
    for option in ("--lookup", "--fields"):
        if options[option] and not json:
            raise UsageError(f"{option} needs records with fields: -o J")
    if options["--fields"] and not options["--fields"].strip(", "):
        raise UsageError("--fields: no field named; write them as name,status,data.answers")
    if wildcard == "mark" and not json:
        raise UsageError("--wildcard mark needs records with fields: -o J; --wildcard drop leaves records out")
    if wildcard == "auto":
        wildcard = "mark" if json else "drop"
    return Checks(
        wildcard,
        options["--wildcard-tests"],
        options["--write-wildcards"],
        options["--nxdomain-cut"],
        options["--canary"],
        options["--canary-name"].strip("."),
        options["--canary-stop"],
        json,
        _servers(options["--trusted-resolvers"]),
        options["--rate-trusted"] / share,
        options["--recheck"],
        tuple(options["--recheck-zones"].split(",")),
        options["--lookup"],
        bool(options["--nsid"] or options["--client-subnet"]),
        tuple(filter(None, (options["--fields"] or "").split(","))),
    )


def _servers(given: str | None) -> tuple[Server, ...]:
    return () if given is None else tuple([parse_server(one) for one in server_list(given)[0]])
