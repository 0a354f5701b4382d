"""``bulk()``: lazy, one outcome for each question, and nothing left in flight."""

import itertools

import pytest

from celadon.hub import get_hub, sleep, spawn
from celadon.resolver import Answer, Kind, ResolveError, ResolverConfigError, bulk
from celadon.resolver.engines.static import make_static
from celadon.resolver.testing import Drop, synthetic_address

from .cli.bulk.lossy import RECORDS, SCRIPTS, SYNTHETIC, Lossy  # noqa: F401  (the fixture `server` reads three)


def test_a_generator_that_reads_no_further_than_it_must(server):
    taken = []
    source = (taken.append(n) or f"n{n}.test" for n in itertools.count())
    run = bulk(source, servers=server.servers, concurrency=10)
    first = list(itertools.islice(run, 25))
    assert len(taken) <= 36
    assert all(isinstance(outcome, Answer) for _, outcome in first)
    assert all(outcome.records[0].data == synthetic_address(question.name) for question, outcome in first)
    run.close()
    assert len(get_hub().timers) == 0


def test_the_outcome_of_what_cannot_be_asked_or_is_not_answered(server):
    given = ["n1.test", "", "a..b", "x" * 64, "N2.test.", "dead.test", "fail.test", "münchen.test"]
    found = {
        question.name: outcome for question, outcome in bulk(given, servers=server.servers, timeout=0.2, attempts=1)
    }
    assert list(found) != []
    assert set(found) == set(given)
    assert [found[one].kind for one in ("", "a..b", "x" * 64, "dead.test")] == [Kind.ILLEGAL] * 3 + [Kind.TIMEOUT]
    assert found["fail.test"].rcode == 2
    assert found["N2.test."].records[0].data == synthetic_address("n2.test")
    assert found["münchen.test"].question.name == "xn--mnchen-3ya.test"


def test_ordered(server):
    given = [f"n{n}.test" for n in range(300)]
    given[3] = "dead.test"
    found = [
        q.name for q, _ in bulk(given, servers=server.servers, timeout=0.1, attempts=1, ordered=True, concurrency=50)
    ]
    assert found == given


def test_duplicates_in_flight_are_one_query():
    engine = make_static({"a.test": {"A": ["192.0.2.1"]}})
    found = list(bulk(["a.test"] * 50, engine=engine))
    assert len(found) == 50
    with Lossy(delay=0.05) as server:
        found = list(bulk(["n1.test"] * 50, servers=[server.address]))
        assert [one.records[0].data for _, one in found] == [synthetic_address("n1.test")] * 50
        assert sum(server.names.values()) == 1
    engine.close()


def test_errors_of_duplicates_are_each_an_object_of_its_own(server):
    found = [outcome for _, outcome in bulk(["dead.test"] * 3, servers=server.servers, timeout=0.1, attempts=1)]
    assert all(isinstance(one, ResolveError) for one in found)
    assert len(set(map(id, found))) == 3


def test_a_kill_cancels_what_is_in_flight(server):
    def work():
        for _ in bulk((f"dead{n}.test" if n else "dead.test" for n in range(100)), servers=server.servers, timeout=30):
            pass

    server.synthetic = False
    for n in range(100):
        server.add(f"dead{n}.test", "A", "192.0.2.1")
        server.script(f"dead{n}.test", Drop())
    working = spawn(work)
    sleep(0.05)
    working.kill()
    assert working.dead
    assert len(get_hub().timers) == 0


def test_what_cannot_be():
    with pytest.raises(ResolverConfigError):
        bulk(["a"], ["NONSENSE"])
    with pytest.raises(ResolverConfigError):
        bulk(["a"], servers=["nowhere"])
    with pytest.raises(ResolverConfigError):
        bulk(["a"], engine="ares", rate=10)
