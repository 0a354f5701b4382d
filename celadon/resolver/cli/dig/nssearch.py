"""``+nssearch``: the SOA record as each name server of a zone has it, side by side."""

from __future__ import annotations

from ...errors import ResolveError
from ...model import Answer, RRType, Server
from .asker import Asker
from .settings import Lookup


def search(asker: Asker, lookup: Lookup) -> tuple[str, list[ResolveError]]:
    """The lines, as dig's, one for each server that replied, and the errors of those that did not."""
    plain = lookup._replace(settings=lookup.settings._replace(nssearch=False))
    errors: list[ResolveError] = []

    def ask(name: str, rdtype: int) -> list[str]:
        outcome = asker.ask(plain._replace(name=name, rdtype=rdtype)).outcome
        if isinstance(outcome, ResolveError):
            errors.append(outcome)
            return []
        return [one.data for one in outcome.records if one.rdtype == rdtype]

    out = []
    port = asker.run.port or 53
    for server_name in ask(lookup.name, int(RRType.NS)):
        addresses = ask(server_name, int(RRType.A)) + ask(server_name, int(RRType.AAAA))
        for address in addresses:
            authoritative = plain._replace(rdtype=int(RRType.SOA), settings=plain.settings._replace(rd=False))
            outcome = asker.ask_one(authoritative, lookup.name.removesuffix("."), Server(address, port))
            if not isinstance(outcome, Answer):
                errors.append(outcome)
                continue
            ms = int(outcome.rtt * 1000)
            soa = [one.data for one in outcome.records if one.rdtype == RRType.SOA]
            out += [f"SOA {data} from server {address} in {ms} ms.\n" for data in soa]
    return "".join(out), errors
