"""``resolve bulk --iterative`` beside Unbound, over a private root, top-level domains and zones served by NSD."""

import os
import socket
from contextlib import closing

import pytest

from . import private_root
from .servers import find

pytestmark = pytest.mark.timeout(300)


def may_listen():
    """Whether port 53 of the addresses that the tree needs is ours to take."""
    for address in private_root.LEVELS.values():
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
            try:
                probe.bind((address, 53))
            except OSError:
                return False
    return True


def test_every_answer_is_unbounds(tmp_path):
    for program in ("nsd", "nsd-control", "unbound"):
        if find(program) is None:
            pytest.skip(f"{program} is not installed")
    if os.geteuid() or not may_listen():
        pytest.skip("port 53 on 127.53.0.0/16 needs root, and must be free")
    wrong, warm, _, count = private_root.compare(1000, tmp_path)
    assert wrong == []
    assert count > 10_000
    assert warm[0] <= warm[1] * 1.1
