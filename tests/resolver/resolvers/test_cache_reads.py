"""One meaning of the argument ``cache``, and one reading of the cache whichever call reads it."""

import pytest

from celadon import resolver
from celadon.hub import get_hub
from celadon.hub.testing import MockClock
from celadon.resolver import Answer, Cache, CachePolicy, Config, Question, Record, StubResolver
from celadon.resolver.system.hosts import Hosts
from celadon.resolver.system.world import World

WORLD = World(Config(), Hosts())
Q = Question("a.test", 1)


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


READS = {
    "getaddrinfo": lambda made: made.getaddrinfo("a.test", 80, 2, 1)[0][4][0],
    "gethostbyname": lambda made: made.gethostbyname("a.test"),
    "gethostbyname_ex": lambda made: made.gethostbyname_ex("a.test")[2][0],
    "query": lambda made: made.query(Q).records[0].data,
}


@pytest.mark.parametrize("cache", [None, False])
def test_no_cache_by_either_way_to_make_a_resolver(cache):
    assert resolver.make("python", cache=cache).cache is None
    assert StubResolver("counted", lambda config: Engine(), lambda: WORLD, cache=None).cache is None


def test_a_cache_unless_something_is_said():
    assert resolver.make("python").cache is not None
    assert resolver.make("python", cache=True).cache is not None


@pytest.mark.parametrize("call", READS)
def test_a_hit_near_its_end_is_renewed_whoever_reads_it(call):
    engine, cache = Engine(), Cache(CachePolicy(prefetch=0.5))
    made = StubResolver("counted", lambda config: engine, lambda: WORLD, cache=cache)
    with MockClock() as clock:
        assert READS[call](made) == "192.0.2.1"
        clock.advance(40)
        READS[call](made)
        assert (engine.asked, cache.stats().prefetched) == (1, 0)
        clock.advance(40)  # 80 s of a TTL of 100
        assert READS[call](made) == "192.0.2.1"
        clock.advance(0.001)
        assert (engine.asked, cache.stats().prefetched) == (2, 1)
    made.close()


def test_a_record_from_the_cache_has_the_ttl_that_is_left():
    made = StubResolver("counted", lambda config: Engine(), lambda: WORLD, cache=Cache())
    with MockClock() as clock:
        made.query(Q)
        clock.advance(30)
        answer = made.query(Question("A.test", 1))
    assert (answer.cached, answer.question.name, answer.records[0].ttl) == (True, "A.test", 70)
    made.close()
