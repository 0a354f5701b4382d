"""The request target (RFC 9112 section 3.2) and the Host field: pure functions."""

from __future__ import annotations

import re
from typing import NamedTuple

from .errors import BadRequest

# RFC 3986 `host [":" port]` without a userinfo. A comma is allowed there, but no host has one, and a list of two
# Hosts looks like that.
_AUTHORITY = re.compile(r"(?:\[[0-9A-Fa-f:.]++\]|[A-Za-z0-9\-._~%!$&'()*+;=]*+)(?::([0-9]{0,5}))?")
_ABSOLUTE = re.compile(r"(?i:https?)://([^/?]*+)(/[^?]*+)?(?:\?(.*))?", re.DOTALL)


class Target(NamedTuple):
    """Where a request goes. ``authority`` is None unless the target has it; ``path`` is "" for ``*`` and CONNECT."""

    path: str
    query: str
    authority: str | None = None


def is_authority(text: str) -> bool:
    """Whether ``text`` is a valid Host: a name or an address, perhaps a port; empty is valid (RFC 9112 section 3.2)."""
    match = _AUTHORITY.fullmatch(text)
    return match is not None and (not match[1] or int(match[1]) <= 65535)


def split_target(method: str, text: str) -> Target:
    """The parts of a request target, which is visible ASCII. BadRequest for a form that the method cannot have."""
    if "#" in text:
        raise BadRequest(400, "the request target has a fragment (#)")
    if method == "CONNECT":
        host, colon, port = text.rpartition(":")
        if not host or not colon or not port or not is_authority(text):
            raise BadRequest(400, "the target of CONNECT is not host:port")
        return Target("", "", text)
    if text[0] == "/":
        path, _, query = text.partition("?")
        return Target(path, query)
    if text == "*":
        if method != "OPTIONS":
            raise BadRequest(400, "the request target * is for OPTIONS only")
        return Target("", "")
    match = _ABSOLUTE.fullmatch(text)
    if match is None:
        raise BadRequest(400, "the request target is neither a path nor an http URI")
    authority, path, query = match[1], match[2], match[3]
    if not authority or authority[0] == ":" or not is_authority(authority):
        raise BadRequest(400, "the host in the request target is not valid")
    if path is None and query is None and method == "OPTIONS":
        return Target("", "", authority)  # RFC 9112 section 3.2.4: the absolute form of *
    return Target(path or "/", query or "", authority)
