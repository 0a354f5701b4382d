"""Greenlets that depend on each other's results."""

import pytest

from celadon.hub import Collision, DAGPool, PropagateError, sleep, spawn
from celadon.hub.testing import wait_all_parked

pytestmark = pytest.mark.usefixtures("clock")


def add(key, results, seconds=1):
    total = sum(value for _, value in results)
    sleep(seconds)
    return total + len(str(key))


def test_values_flow_along_the_dependencies(clock):
    pool = DAGPool({"a": 10})
    begin = clock.now()
    pool.spawn("dd", ["bb", "cc"], add)
    pool.spawn("bb", ["a"], add)
    pool.spawn("cc", ["a"], add, seconds=2)
    wait_all_parked()
    assert pool.running() == 3
    assert set(pool.running_keys()) == {"bb", "cc", "dd"}
    assert pool.waiting() == 1
    assert pool.waiting_for() == {"dd": {"bb", "cc"}}
    assert pool.waitall() == {"a": 10, "bb": 12, "cc": 12, "dd": 26}
    assert clock.now() == begin + 3
    assert pool["dd"] == 26
    assert pool.waiting_for("dd") == set()
    with pytest.raises(KeyError):
        pool.waiting_for("nobody")
    assert pool.running() == 0


def test_each_comes_as_it_is_there():
    pool = DAGPool()
    pool.spawn_many({"slow": [], "fast": []}, lambda key, _: sleep({"slow": 5, "fast": 1}[key]))
    assert [key for key, _ in pool.wait_each()] == ["fast", "slow"]
    waiting = spawn(pool.__getitem__, "posted")
    wait_all_parked()
    assert pool.get("posted", "none") == "none"
    pool.post("posted", 3)
    assert waiting.get() == 3
    assert set(pool.keys()) == {"fast", "slow", "posted"}
    assert dict(pool.items())["posted"] == 3


def test_failures_propagate_with_their_keys_and_are_new_each_time():
    pool = DAGPool()
    pool.spawn("bad", [], lambda key, _: 1 / 0)
    pool.spawn("heir", ["bad"], add)
    pool.spawn("good", [], add)
    errors = []
    for _ in range(2):
        with pytest.raises(PropagateError) as caught:
            pool["heir"]
        errors.append(caught.value)
    assert errors[0] is not errors[1]
    assert errors[0].key == "heir"
    assert errors[0].exc.key == "bad"
    assert isinstance(errors[0].exc.exc, ZeroDivisionError)
    assert "bad" in str(errors[0].exc)
    assert dict(pool.wait_each_success()) == {"good": 4}
    assert {key for key, _ in pool.wait_each_exception()} == {"bad", "heir"}
    with pytest.raises(PropagateError):
        pool.waitall()
    assert pool.wait(["good"]) == {"good": 4}


def test_collisions():
    pool = DAGPool([("a", 1)])
    with pytest.raises(Collision):
        pool.spawn("a", [], add)
    with pytest.raises(Collision):
        pool.post("a", 2)
    pool.post("a", 2, replace=True)
    assert pool["a"] == 2
    pool.spawn("b", [], add)
    with pytest.raises(Collision):
        pool.spawn("b", [], add)
    with pytest.raises(Collision):
        pool.post("b", 2)
    pool.waitall()


def test_a_greenlet_may_post_its_own_value():
    pool = DAGPool()
    pool.spawn("a", [], lambda key, _: pool.post(key, "posted"))
    assert pool.waitall() == {"a": "posted"}


@pytest.mark.parametrize("started", [True, False])
def test_a_killed_one_leaves_its_key_free(started):
    pool = DAGPool()
    pool.spawn("a", ["never"], add)
    if started:
        wait_all_parked()
    pool.kill("a")
    assert pool.running() == 0
    with pytest.raises(KeyError):
        pool.kill("a")
    pool.spawn("a", [], add)
    assert pool["a"] == 1
