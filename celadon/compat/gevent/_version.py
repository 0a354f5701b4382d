"""The version of gevent that this stands for, for programs that ask before they go on."""

from __future__ import annotations

from typing import NamedTuple

from celadon.compat.facade import PEERS

__version__ = PEERS["gevent"]


class _VersionInfo(NamedTuple):
    major: int
    minor: int
    micro: int
    releaselevel: str
    serial: int


_numbers = [int(one) for one in PEERS["gevent"].split(".")]
version_info = _VersionInfo(_numbers[0], _numbers[1], _numbers[2], "final", 0)
