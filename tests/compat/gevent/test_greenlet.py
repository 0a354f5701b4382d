"""Greenlets by gevent's names: what cannot be raised, blocks that fail, names."""

import pytest

from celadon import hub as own
from celadon.compat import gevent
from celadon.compat.gevent import event, pool


class NeedsTwo(Exception):
    def __init__(self, one, two):
        super().__init__(one, two)


@pytest.mark.parametrize("wrong", [42, "text", object, (1, 2, 3), NeedsTwo])
@pytest.mark.parametrize("begun", [False, True])
def test_what_cannot_be_raised_is_an_error_of_the_greenlet(wrong, begun):
    """The caller of ``kill`` and ``throw`` is not the one who gets it."""
    for kill in (
        lambda one: one.kill(wrong),
        lambda one: one.kill(wrong, block=False),
        lambda one: one.throw(wrong),
        lambda one: gevent.killall([one], wrong),
        lambda one: pool.Group([one]).kill(wrong),
        lambda one: gevent.kill(one, wrong),
    ):
        seen = []

        def run(seen=seen):
            try:
                gevent.sleep(10)
            except TypeError as error:
                seen.append(error)
                raise gevent.GreenletExit from None

        one = gevent.spawn(run)
        if begun:
            gevent.sleep(0)
        kill(one)
        one.join(1)
        assert one.dead
        assert isinstance(seen[0] if begun else one.exception, TypeError)


def test_celadons_own_names_stay_strict():
    one = own.spawn(gevent.sleep, 10)
    with pytest.raises(TypeError):
        one.kill(42)
    one.kill()
    assert isinstance(one, gevent.Greenlet)
    assert not isinstance(one, type("Below", (gevent.Greenlet,), {}))
    assert not isinstance(own.getcurrent(), gevent.Greenlet)


def test_an_exception_with_its_traceback_may_be_given_as_three():
    try:
        raise ValueError("planted")
    except ValueError as error:
        three = (type(error), error, error.__traceback__)
    one = gevent.spawn(gevent.sleep, 10)
    gevent.sleep(0)
    one.kill(three)
    assert one.exception is three[1]


def test_a_block_that_fails_raises_its_error_in_the_greenlet(hub):
    hub.print_exception = lambda *args: None
    one = gevent.spawn(gevent.sleep, 10)

    def block():
        with one:
            gevent.sleep(0)
            raise ValueError("planted")

    with pytest.raises(ValueError, match="planted"):
        block()
    with pytest.raises(ValueError, match="planted"):
        one.get()
    with gevent.spawn(gevent.sleep, 0) as two:
        pass
    assert two.successful()


def test_names():
    def work():
        """Nothing."""

    one = gevent.spawn(work)
    assert repr(one) == f"<Greenlet at {id(one):#x}: work>"
    assert one.name == f"Greenlet-{one.minimal_ident}"
    assert repr(one).startswith(f'<Greenlet "{one.name}" at 0x')
    one.name = "mine"
    assert repr(one).startswith('<Greenlet "mine" at 0x')
    assert repr(gevent.Greenlet(work, 1, key=len)).endswith(f": work(1, key={len!r})>")
    assert repr(type("Below", (gevent.Greenlet,), {"_run": work})()).endswith(": _run>")
    one.join()
    for make in (gevent.spawn, gevent.Greenlet.spawn):
        with pytest.raises(TypeError):
            make()


def test_a_pool_makes_gevents_greenlets():
    assert type(pool.Pool(1).spawn(int)) is gevent.Greenlet
    assert type(pool.Group().spawn(int)) is gevent.Greenlet
    gevent.wait()


def test_a_bare_greenlet_is_in_the_tree():
    found = []

    def work():
        child = gevent.Greenlet()
        found.extend((child.spawn_tree_locals, child.spawning_greenlet()))

    bare = gevent.spawn_raw(work)
    gevent.sleep(0)
    assert found[0] is bare.spawn_tree_locals
    assert found[1] is bare
    assert bare.spawning_greenlet() is gevent.getcurrent()


def test_joinall_takes_what_wait_takes():
    result, one = event.AsyncResult(), gevent.spawn(int)
    gevent.spawn(result.set, 1)
    assert set(gevent.joinall([one, result])) == {one, result}
    assert gevent.joinall([event.AsyncResult()], timeout=0.001) == []
    assert gevent.joinall([gevent.spawn(int), gevent.spawn(gevent.sleep, 0.001)], count=1)
    gevent.wait()
