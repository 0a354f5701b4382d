"""What the options say of a run's checks: wildcards, canaries, the cut of RFC 8020. ``stages`` makes them."""

from __future__ import annotations

from ...frozen import frozen
from ..exits import UsageError
from .bulk_options import Options

_WORDS = ("--wildcard", "--nxdomain-cut", "--canary")
_NEEDS = {"--wildcard-tests": "--wildcard", "--write-wildcards": "--wildcard", "--canary-name": "--canary"}
_NEEDS |= {"--canary-stop": "--canary"}


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


def checks_of(options: Options) -> Checks | None:
    """The checks; None without any. UsageError for an option that does nothing without another."""
    for option, needed in _NEEDS.items():
        if option in options.values and not options[needed]:
            raise UsageError(f"{option} needs {needed}")
    if not any(options[word] for word in _WORDS):
        return None
    json = options["--output-format"].startswith("J")
    wildcard = options["--wildcard"] or ""
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
    )
