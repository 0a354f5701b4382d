"""One meaning of the argument ``cache``."""

import pytest

from celadon import resolver
from celadon.hub import get_hub
from celadon.resolver import Answer, Config, Record, StubResolver
from celadon.resolver.system.hosts import Hosts
from celadon.resolver.system.world import World

WORLD = World(Config(), Hosts())


class Engine:
    """An engine that answers in the next turn, and counts."""

    name = "counted"

    def __init__(self):
        self.asked = 0

    def submit(self, question, done):
        self.asked += 1
        answer = Answer(question, 0, (Record(question.name, 1, 100, "192.0.2.1"),), server="127.0.0.1#53")
        return get_hub().call_later(0, done, answer).cancel

    def close(self):
        pass


@pytest.mark.parametrize("cache", [None, False])
def test_no_cache_by_either_way_to_make_a_resolver(cache):
    assert resolver.make("python", cache=cache).cache is None
    assert StubResolver("counted", lambda config: Engine(), lambda: WORLD, cache=None).cache is None


def test_a_cache_unless_something_is_said():
    assert resolver.make("python").cache is not None
    assert resolver.make("python", cache=True).cache is not None
