"""host.conf and the file of HOSTALIASES (host.conf(5), hostname(7))."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple


class HostConf(NamedTuple):
    """host.conf(5). ``multi``: every line of a name in the hosts file counts, not only the first.

    ``reorder``: an address on a local net goes first. ``trim``: domains that are cut off names found by address.
    """

    multi: bool = False
    reorder: bool = False
    trim: tuple[str, ...] = ()


def parse_host_conf(text: bytes, environ: Mapping[str, str] | None = None) -> HostConf:
    """The file's settings, overridden by the variables in ``environ`` (RESOLV_MULTI and the like)."""
    flags = {"multi": False, "reorder": False}
    trim: list[str] = []
    for raw in text.split(b"\n"):
        line = raw.partition(b"\0")[0].decode("latin-1")
        found = re.match(r"\s*([^\s#,]*)\s*(.*)", line, re.ASCII | re.DOTALL)
        assert found is not None
        command, rest = found[1].lower(), found[2]
        if command in flags:
            _set_switch(flags, command, rest)
        elif command == "trim":
            trim += _domains(rest)
    for command in flags:
        _set_switch(flags, command, (environ or {}).get(f"RESOLV_{command.upper()}", ""))
    trim += _domains((environ or {}).get("RESOLV_ADD_TRIM_DOMAINS", ""))
    if environ and "RESOLV_OVERRIDE_TRIM_DOMAINS" in environ:
        trim = _domains(environ["RESOLV_OVERRIDE_TRIM_DOMAINS"])
    return HostConf(flags["multi"], flags["reorder"], tuple(trim[:4]))  # TRIMDOMAINS_MAX


def _set_switch(flags: dict[str, bool], name: str, text: str) -> None:
    if text[:2].lower() == "on":
        flags[name] = True
    elif text[:3].lower() == "off":
        flags[name] = False


def _domains(text: str) -> list[str]:
    return [one for one in re.split(r"[\s,:;]+", text.partition("#")[0], flags=re.ASCII) if one]


def parse_aliases(text: bytes) -> dict[str, str]:
    """The file that HOSTALIASES names: names without a dot to other names (gethostbyname(3), hostname(7)).

    A name begins its line; its first line counts. A name with nothing after it has the alias ``""``: none.
    """
    made: dict[str, str] = {}
    for raw in text.split(b"\n"):
        found = re.match(r"(\S*)\s*(\S*)", raw.partition(b"\0")[0].decode("latin-1"), re.ASCII)
        assert found is not None
        made.setdefault(found[1].lower().removesuffix("."), found[2])
    return made
