"""How many descriptors a run may have: each server has a socket of its own, and lists of servers have thousands."""

from __future__ import annotations

import resource

_OTHERS = 256  # descriptors that are no server's
_EACH = 2  # a port that is given up stays open for its last answers


def make_room(servers: int) -> None:
    """Raise the process' own bound of open files as far as so many servers need, and the system allows."""
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = servers * _EACH + _OTHERS
    if most != resource.RLIM_INFINITY:
        wanted = min(wanted, most)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
