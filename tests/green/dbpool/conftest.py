"""A server that is no server, its pools, and a clock that the test moves."""

import pytest

from celadon.green.dbpool import Pool
from celadon.hub.testing import MockClock

from .driver import Server


@pytest.fixture
def clock():
    with MockClock() as made:
        yield made


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def make(server):
    """Makes pools, and closes them; then each connection is closed, and no slot was lost."""
    made = []

    def make(**options):
        options.setdefault("connect_timeout", 1.0)
        made.append(Pool(server.connect, **options))
        return made[-1]

    yield make
    for pool in made:
        assert pool.close()
        stats = pool.stats()
        assert (stats.size, stats.opening, stats.waiting) == (0, 0, 0)
        assert stats.opened == stats.closed - stats.failed or stats.opened <= stats.closed
    assert not server.open
