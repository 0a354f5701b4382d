"""A client that speaks SOCKS 5: its handshake, and its tunnel."""

from __future__ import annotations

from typing import Any

from ....hub import fail_after
from ..wsgi.errors import BodyError
from .flow import Flow
from .refused import BAD_REQUEST, LOGIN, Refused
from .socks5 import Reply, Socks5, SocksError, SocksLoginError, reply


def serve_socks(server: Any, flow: Flow) -> None:
    """Serve one client until its end. ``server`` is a ProxyServer."""
    client = flow.client
    handshake = Socks5(None if server.credentials is None else server.credentials.holds)
    try:
        with fail_after(server.limits.header_seconds):
            while handshake.asked is None:
                answer = handshake.feed(client.receive())
                if answer:
                    client.send(answer)
    except SocksError as error:
        sort = LOGIN if isinstance(error, SocksLoginError) else BAD_REQUEST
        server.note(flow, "socks", Refused(sort, str(error)))
        if error.last:
            client.send(error.last)
            client.linger()
        return
    except (BodyError, TimeoutError):
        return  # it left, or was too slow, before it said what it wants
    assert handshake.asked is not None
    host, port = handshake.asked
    client.buffer = handshake.rest
    with server.entry(flow, "socks", host, port, handshake.user) as entry:
        try:
            with server.connected(flow, entry):
                client.send(reply(Reply.SUCCEEDED))
                entry.status = 200
                flow.relay()
        except Refused as error:
            entry.fail(error)
            client.send(reply(error.sort.reply))
            client.linger()
