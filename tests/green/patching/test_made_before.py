"""What took names and locks before the patch: modules, classes, defaults of functions, objects; in fresh processes."""

import _asyncio
import asyncio
import gc
import subprocess
import sys
import weakref
from collections import deque
from functools import partial
from types import SimpleNamespace

import pytest

from celadon.green.patching import made_before
from celadon.hub.debug import tree

LIBRARY = """
import select, socket, time
from time import sleep


class Poller:
    kind = select.epoll
    pause = time.sleep

    class Inner:
        kind = select.poll

    def wait(self, sleep=time.sleep, *, create=socket.create_connection):
        return sleep, create

    @staticmethod
    def later(sleep=time.sleep):
        return sleep

    @classmethod
    def now(cls, sleep=time.sleep):
        return sleep


def retry(times, sleep=time.sleep):
    return sleep


class Taken(Poller):
    again = Poller
"""
CHECK = """
import library, select, socket, time
from celadon import patch_all
from celadon.green import report, restore

def seen():
    poller = library.Poller
    return [library.sleep, poller.kind, poller.pause, poller.Inner.kind, *poller().wait(), poller.later(), poller.now(),
            library.retry(1), poller.wait.__defaults__, library.Taken.kind]

def expected():
    return [time.sleep, select.epoll, time.sleep, select.poll, time.sleep, socket.create_connection, time.sleep,
            time.sleep, time.sleep, (time.sleep,), select.epoll]

before = seen()
assert before == expected()
patch_all()
assert seen() == expected()
assert seen() != before
assert all(one != other for one, other in zip(seen(), before))
told = report().rebound
for name in ("library.sleep", "library.Poller.kind", "library.Poller.pause", "library.Poller.Inner.kind",
             "library.Poller.wait.__defaults__", "library.Poller.wait.__kwdefaults__", "library.retry.__defaults__",
             "library.Poller.later.__defaults__", "library.Poller.now.__defaults__"):
    assert told.count(name) == 1, (name, [one for one in told if one.startswith("library")])
restore()
assert seen() == before == expected()
"""


def run(program, where):
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=50, cwd=where, check=False
    )
    assert done.returncode == 0, done.stderr


def test_classes_and_defaults_of_functions_are_mended(tmp_path):
    (tmp_path / "library.py").write_text(LIBRARY)
    run(CHECK, tmp_path)


LOCKS = """
import _thread, collections, threading

class Plain:
    def __init__(self):
        self.lock = threading.Lock()
        self.take = self.lock.acquire

class Slots:
    __slots__ = ("lock",)
    def __init__(self):
        self.lock = threading.Lock()

class Over(dict):  # a class made in C stands under it
    def __init__(self):
        self.lock = threading.Lock()

class Failing(Exception):
    def __init__(self):
        self.lock = threading.Lock()

def unwelcome(*args):
    raise RuntimeError("looking must not ask")

class Meta(type):
    def __eq__(self, other):
        return True  # and so it has no hash
    __mro__ = __base__ = __flags__ = property(unwelcome)

class Odd(metaclass=Meta):
    def __init__(self):
        self.lock = threading.Lock()

class Proxy:
    __module__ = property(unwelcome)
    def __init__(self):
        object.__setattr__(self, "lock", threading.Lock())
    __class__ = property(unwelcome)
    __getattr__ = __setattr__ = __eq__ = unwelcome

class Hidden:
    __slots__ = ("lock", "__weakref__")
    __dict__ = property(unwelcome)
    def __init__(self):
        self.lock = threading.Lock()

mended = [Plain(), Over(), Failing(), Odd()]
proxy = Proxy()
shared = mended[0].lock
registry = {"a": shared, 3: threading.Lock()}
left = [Slots(), Hidden(), [threading.Lock()], {threading.Lock()}, collections.deque([threading.Lock()])]
native = [type(shared)]  # a name of its own would be given the green one
before = [one.lock for one in mended]

from celadon import patch_all
from celadon.green import report, restore

patch_all()
for one in mended:
    assert type(one.lock) is not native[0], one
assert type(object.__getattribute__(proxy, "lock")) is not native[0]
assert mended[0].lock is registry["a"]
assert mended[0].take.__self__ is registry["a"]
assert type(registry[3]) is not native[0]
told = "".join(report().left)
for kind in ("__main__.Slots", "__main__.Hidden", "builtins.list", "builtins.set", "collections.deque"):
    assert f"a lock is held by a {kind}, which" in told, (kind, told)
restore()
assert [one.lock for one in mended] == before
"""

# On CPython 3.12 the module `_asyncio` shows futures that are freed already to whoever asks what it holds.
AFTER_ASYNCIO = """
import asyncio
async def many():
    loop = asyncio.get_running_loop()
    for _ in range(20):
        futures = [loop.create_future() for _ in range(50)]
        async def wait(one):
            await one
        tasks = [loop.create_task(wait(one)) for one in futures]
        await asyncio.sleep(0)
        for one in futures:
            one.set_result(None)
        await asyncio.gather(*tasks)
asyncio.run(many())
import celadon
from celadon.green import restore
for _ in range(3):
    celadon.patch_all()
    asyncio.run(many())
    restore()
    asyncio.run(many())
"""


@pytest.mark.parametrize("program", [LOCKS, AFTER_ASYNCIO], ids=["locks", "after asyncio"])
def test_locks_are_found_without_asking_types_made_in_c(program, tmp_path):
    run(program, tmp_path)


def test_what_is_asked_what_it_holds(monkeypatch):
    asked = set()

    def get_referents(*objects):
        asked.update(map(type, objects))
        return gc.get_referents(*objects)

    future = _asyncio.Future(loop=asyncio.new_event_loop())
    future.get_loop().close()
    monkeypatch.setattr(made_before, "_FEW", -1)  # so that all are asked
    kept = SimpleNamespace(get_objects=gc.get_objects, get_referents=get_referents, get_referrers=gc.get_referrers)
    monkeypatch.setattr(made_before, "gc", kept)
    assert list(made_before._holders())
    assert dict in asked
    assert not asked & {type(future), type(_asyncio), type}


def test_the_tree_of_greenlets_asks_no_proxy_what_it_is():
    class Gone:
        pass

    proxy = weakref.proxy(Gone())
    assert tree()
    del proxy


class Slotted:
    __slots__ = ("lock",)


class Plain:
    pass


class OverC(dict):
    pass


@pytest.mark.parametrize("few", [-1, 10**9])
def test_every_kind_of_holder_is_found_by_either_way(monkeypatch, few):
    """Asking who refers to the locks, where they are few, or asking each object what it holds."""
    monkeypatch.setattr(made_before, "_FEW", few)
    make, reentrant = made_before.ORIGINAL["_thread"].allocate_lock, made_before._NATIVE_RLOCK
    slotted, over_c, plain = Slotted(), OverC(), Plain()
    slotted.lock, over_c.lock, plain.lock = make(), reentrant(), make()
    holders = [slotted, plain, {"a": make().acquire}, {1: reentrant().release}, deque([make()])]
    holders += [partial(make().release), [make() for _ in range(5)], (lambda one: lambda: one)(make()).__closure__[0]]
    found = {id(one) for one in made_before._holders()}
    assert [one for one in holders if id(one) not in found] == []
    assert id(vars(over_c)) in found or id(over_c) in found
