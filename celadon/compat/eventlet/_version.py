"""The version of eventlet that this stands for, for programs that ask before they go on."""

from __future__ import annotations

from ..facade import PEERS

__version__ = version = PEERS["eventlet"]
__version_tuple__ = version_tuple = tuple(int(part) for part in version.split("."))
