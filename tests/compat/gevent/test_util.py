"""Reports of what runs, by gevent's names."""

import threading

import pytest

from celadon.compat import gevent
from celadon.compat.gevent import local, util


@pytest.fixture
def tracked():
    """The setting of spawning stacks, off again afterwards."""
    yield
    gevent.config.track_greenlet_tree = False
    del vars(gevent.config)["_values"]["track_greenlet_tree"]


class Mine(local.local):
    value = 0


def test_a_tree_has_who_spawned_which_and_what_each_has():
    mine, found = Mine(), []

    def child():
        mine.value = 7
        found.append(util.GreenletTree.current_tree())
        gevent.sleep(10)

    def parent():
        gevent.getcurrent().spawn_tree_locals["shared"] = 1
        gevent.spawn(child).name = "the child"
        gevent.sleep(10)

    above = gevent.spawn(parent)
    above.name = "the parent"
    gevent.sleep(0)
    gevent.sleep(0)
    (tree,) = found
    assert tree.root
    assert tree.is_current_tree
    assert tree.greenlet is gevent.getcurrent()
    (family,) = [one for one in tree.child_trees if one.greenlet is above]
    assert [one.name for one in family.child_trees] == ["the child"]
    plain, full = str(family).splitlines(), family.format()
    assert len(plain) == 2
    assert plain[0].startswith('<Greenlet "the parent" at ')
    assert plain[1].startswith(' +--- <Greenlet "the child" at ')
    for part in (
        " :    Parent: <Hub",
        "Running:",
        "Spawn Tree Locals",
        "'shared': 1",
        "Greenlet Locals:",
        "'value': 7",
    ):
        assert part in full
    assert "Running:" not in family.format({"running_stacks": False})
    gevent.killall([above, family.child_trees[0].greenlet])


def test_a_report_has_all_threads_and_as_much_of_their_stacks_as_is_asked_for():
    held = threading.Lock()
    held.acquire()
    other = threading.Thread(target=held.acquire, name="planted")
    other.start()
    try:
        whole = "\n".join(util.format_run_info())
        short = "\n".join(util.format_run_info(thread_stacks=False, greenlet_stacks=False))
    finally:
        held.release()
        other.join()
    for part in ("* Threads", "(planted)", ") (CURRENT)", "* Greenlets", "---- Thread boundary", "test_util.py"):
        assert part in whole
    assert "...stack elided..." in short
    assert "test_util.py" not in short
    assert "Spawned at:" not in short


def test_the_spawners_stack_is_kept_if_the_settings_say_so(tracked):
    gevent.config.track_greenlet_tree = True
    one = gevent.spawn(gevent.sleep, 10)
    assert "Spawned at:" in util.GreenletTree(one).format()
    one.kill()
