"""The cache without a clock of its own: every rule of how long what is believed."""

import gc

import pytest
from dns.message import make_query, make_response
from dns.rrset import from_text

from celadon.resolver import Answer, Cache, CachePolicy, Question, Record, ResolverConfigError, make
from celadon.resolver.answers.cache import aged, asked_as
from celadon.resolver.dns import wire

Q = Question("a.test", 1)


def answer(*records, rcode=0, authority=(), question=Q):
    return Answer(question, rcode, tuple(records), tuple(authority))


def a(ttl, data="192.0.2.1", name="a.test"):
    return Record(name, 1, ttl, data)


SOA = Record("test", 6, 600, "ns.test. host.test. 1 2 3 4 60")


@pytest.mark.parametrize(
    ("policy", "given", "seconds"),
    [
        ({}, answer(a(300)), 300),
        ({}, answer(a(300), a(20, "192.0.2.2")), 20),
        ({}, answer(a(0)), 0),
        ({"min_ttl": 5}, answer(a(0)), 5),
        ({"max_ttl": 60}, answer(a(300)), 60),
        ({}, answer(a(2**31 - 1)), 86400),
        ({}, answer(Record("a.test", 5, 10, "b.test."), a(300, name="b.test")), 10),
        ({}, answer(rcode=3), 5),
        ({}, answer(rcode=3, authority=[SOA]), 60),
        ({"negative_max": 30}, answer(rcode=3, authority=[SOA]), 30),
        ({}, answer(authority=[SOA]), 60),
        ({"negative": 0}, answer(), 0),
        ({}, answer(Record("a.test", 5, 2, "b.test.")), 2),
        ({}, answer(rcode=2), 1),
        ({"failure": 0}, answer(rcode=5), 0),
    ],
)
def test_how_long(policy, given, seconds):
    cache = Cache(CachePolicy(**policy))
    cache.put(given, 1000.0)
    if not seconds:
        assert cache.get(Q, 1000.0) is None
        return
    assert cache.get(Q, 1000.0 + seconds - 0.001).answer is given
    assert cache.get(Q, 1000.0 + seconds) is None


def test_a_name_in_any_case_is_one_entry_and_each_asker_gets_his_own():
    cache = Cache()
    cache.put(answer(a(300, name="A.Test"), question=Question("A.Test", 1)), 0.0)
    entry = cache.get(Q, 1.0)
    assert asked_as(Q, entry.answer).records == (a(300),)
    assert asked_as(Q, entry.answer).question == Q
    assert cache.get(Question("a.test", 28), 1.0) is None
    assert cache.get(Question("a.test", 1, 3), 1.0) is None


def test_the_least_recently_used_leaves_first():
    cache = Cache(CachePolicy(entries=3))
    for n in range(3):
        cache.put(answer(a(300), question=Question(f"n{n}.test", 1)), 0.0)
    assert cache.get(Question("n0.test", 1), 1.0)
    cache.put(answer(a(300), question=Question("n3.test", 1)), 2.0)
    assert cache.get(Question("n1.test", 1), 3.0) is None
    assert cache.get(Question("n0.test", 1), 3.0)
    stats = cache.stats()
    assert (stats.entries, stats.hits, stats.misses, stats.evicted, stats.stored) == (3, 2, 1, 1, 4)


def test_ttls_count_down():
    cache = Cache(CachePolicy(max_ttl=100))
    cache.put(answer(a(300), a(90, "192.0.2.2")), 0.0)
    got = aged(cache.get(Q, 10.5), 10.5, cache.policy)
    assert [one.ttl for one in got.records] == [79, 79]
    assert got.cached
    assert not got.stale


def test_stale_serves_when_servers_do_not_and_lets_them_rest():
    cache = Cache(CachePolicy(stale=1000))
    cache.put(answer(a(10)), 0.0)
    assert cache.get(Q, 11.0) is None
    entry = cache.stale(Q, 11.0)
    cache.put(answer(rcode=2), 11.0)  # the failure does not drive it out
    cache.served_stale(entry, 11.0)
    again = cache.get(Q, 40.0)
    assert again is entry
    told = aged(again, 40.0, cache.policy)
    assert (told.stale, [one.ttl for one in told.records]) == (True, [30])
    assert cache.get(Q, 41.0) is None  # rested: ask again
    assert cache.stale(Q, 1010.0) is None
    cache.put(answer(a(10, "192.0.2.9")), 42.0)
    assert cache.get(Q, 43.0).answer.records[0].data == "192.0.2.9"


def test_without_stale_nothing_old_is_given():
    cache = Cache()
    cache.put(answer(a(10)), 0.0)
    assert cache.stale(Q, 11.0) is None


def test_discard_takes_one_address_and_the_last_one_takes_the_answer():
    cache = Cache()
    cache.put(answer(a(300), a(300, "192.0.2.2")), 0.0)
    before = cache.generation
    assert not cache.discard("a.test", "192.0.2.99")
    assert cache.generation == before
    assert cache.discard("A.test.", "192.0.2.1")
    assert cache.generation != before
    assert [one.data for one in cache.get(Q, 1.0).answer.records] == ["192.0.2.2"]
    assert cache.discard("a.test", "192.0.2.2")
    assert cache.get(Q, 1.0) is None


def test_flush():
    cache = Cache()
    cache.put(answer(a(300)), 0.0)
    cache.put(answer(a(300), question=Question("b.test", 1)), 0.0)
    assert cache.flush("A.TEST") == 1
    assert cache.get(Question("b.test", 1), 1.0)
    assert cache.flush() == 1
    assert len(cache) == 0


def test_dump_and_load_keep_the_age_by_the_wall_clock():
    cache = Cache()
    cache.put(answer(a(300)), 100.0)
    cache.put(answer(rcode=3, authority=[SOA], question=Question("nx.test", 1)), 100.0)
    cache.put(answer(rcode=2, question=Question("fail.test", 1)), 100.0)
    lines = list(cache.dump(110.0, 5000.0))
    assert len(lines) == 2
    other = Cache()
    assert other.load([*lines, "", "{", "[]", '{"name": 1}'], 7.0, 5100.0) == 1  # the negative one is over
    entry = other.get(Q, 8.0)
    assert entry.expires - 7.0 == pytest.approx(190, abs=0.01)
    assert entry.answer.records == (a(300),)
    assert Cache().load(lines, 0.0, 4000.0) == 0  # from the future: the wall clock jumped


def test_prefetch_near_the_end():
    cache = Cache(CachePolicy(prefetch=0.1))
    cache.put(answer(a(100)), 0.0)
    entry = cache.peek(Q)
    assert not cache.wants_refresh(entry, 89.0)
    assert cache.wants_refresh(entry, 90.0)
    assert not cache.wants_refresh(entry, 100.0)


@pytest.mark.parametrize("cache", [0, -1, {"entries": 0}, {"nonsense": 1}, {"stale": -1}, {"prefetch": 1}, "big"])
def test_impossible_caches(cache):
    with pytest.raises(ResolverConfigError):
        make("python", cache=cache)


def packed_reply(edns, minimal, name="A.test"):
    """What ``dns/wire`` makes of a reply with one address."""
    asked = make_query(f"{name}.", "A", use_edns=0 if edns else -1)
    reply = make_response(asked)
    reply.answer.append(from_text(f"{name}.", 300, "IN", "A", "192.0.2.7"))
    if not minimal:
        reply.authority.append(from_text("test.", 300, "IN", "NS", "ns.test."))
        reply.additional.append(from_text("ns.test.", 300, "IN", "A", "192.0.2.1"))
    question = Question(name, 1)
    message = reply.to_wire()
    return wire.decode(question, (message, 12 + len(wire.question_tail(question)), "192.0.2.53#53", 0.01, False, 1))


@pytest.mark.parametrize("edns", [True, False])
@pytest.mark.parametrize("minimal", [True, False])
def test_a_reply_with_one_address_is_kept_packed_and_comes_back_whole(edns, minimal):
    given = packed_reply(edns, minimal)
    assert given.one == (300, "192.0.2.7")
    cache = Cache()
    assert cache.put(given, 1000.0)
    for _ in range(2):
        entry = cache.get(Question("A.test", 1), 1000.5)
        assert entry.answer == given
        assert (entry.stored, entry.expires) == (1000.0, 1300.0)
    assert cache.get(Question("a.TEST", 1), 1000.5).answer.records[0].name == "a.TEST"  # as it was asked for now
    assert cache.get(Question("A.test", 1), 1300.0) is None
    assert cache.stats().hits == 3
    assert len(list(cache.dump(1000.5, 0.0))) == 1
    assert cache.discard("a.test", "192.0.2.7")
    assert len(cache) == 0


def test_the_collector_lets_go_of_what_is_kept_packed():
    cache = Cache()
    cache.put(packed_reply(True, True), 0.0)
    gc.collect()
    ((key, kept),) = cache._entries.items()
    assert not gc.is_tracked(key)
    assert not gc.is_tracked(kept)


def test_an_answer_that_may_be_served_stale_remembers_that_it_rests():
    cache = Cache(CachePolicy(stale=1000))
    cache.put(packed_reply(True, True), 0.0)
    question = Question("a.test", 1)
    cache.served_stale(cache.stale(question, 301.0), 301.0)
    assert cache.get(question, 302.0).answer.one == (300, "192.0.2.7")
