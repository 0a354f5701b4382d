"""What the tests of reads have in common: each way to read, and how often the system is asked for bytes."""

import pytest

from celadon.green import socket as module


def counted(monkeypatch):
    """A list that gets one item for each call of the system."""
    count = []
    real, real_into = module._recv, module._recv_into
    monkeypatch.setattr(module, "_recv", lambda *args: count.append(1) or real(*args))
    monkeypatch.setattr(module, "_recv_into", lambda *args: count.append(1) or real_into(*args))
    return count


def into(green, size):
    """``recv``, by way of ``recv_into``."""
    buffer = bytearray(size)
    return bytes(buffer[: green.recv_into(buffer)])


READS = pytest.mark.parametrize("read", [module.socket.recv, into], ids=["recv", "recv_into"])
