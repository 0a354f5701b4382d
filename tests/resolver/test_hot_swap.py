"""Resolver, resolv.conf and hosts exchanged under a thousand lookups in flight: all end, none wrong, nothing is left.

Rows 29, 30 and 31 of the fault list. A lookup ends on what it began on; one that begins after the change sees the new.
"""

import os
import random
import time

import pytest

from celadon import resolver
from celadon.hub import get_hub, joinall, sleep, spawn
from celadon.resolver import Cache, Config, Question, Server, StubResolver
from celadon.resolver.frozen import replace
from celadon.resolver.registry import make_engine
from celadon.resolver.system.reload import System
from celadon.resolver.testing import Delay, NameServer, Script, synthetic_address

ENGINES = ["ares", "python"]
LOOKUPS = 1000
PATIENCE = 10.0  # seconds per try, for a busy machine: no lookup may fail for want of time


def fds():
    return len(os.listdir("/proc/self/fd"))


def settle(count):
    """Wait until no more than ``count`` fds are open: pycares closes in a thread of its own."""
    ends = time.monotonic() + 5
    while fds() > count and time.monotonic() < ends:
        sleep(0.01)
    return fds()


class Slow(NameServer):
    """Answers any name with an address computed from it, 50 to 250 ms late and out of order."""

    def __init__(self):
        super().__init__(synthetic=True)
        for number in range(LOOKUPS):
            self.script(f"n{number}.test", Delay(0.05 + number * 7919 % 200 / 1000))


def addresses(found):
    return [one[4][0] for one in found]


@pytest.mark.parametrize("names", [("ares", "python"), ("ares",), ("python",)], ids="-".join)
def test_fifty_swaps_of_the_resolver(names):
    draw = random.Random(29)
    before = fds()
    with Slow() as server:
        during = fds()
        shared = Cache()
        running = []
        for swap in range(50):
            # Some with the cache of the one before, some with their own, some without.
            cache = draw.choice((shared, None, False))
            resolver.use(draw.choice(names), servers=server.servers, timeout=PATIENCE, cache=cache)
            step = LOOKUPS // 50
            running += [spawn(resolver.getaddrinfo, f"n{swap * step + n}.test", 80, 2, 1) for n in range(step)]
            sleep(0)
        assert sum(not one.dead for one in running) > LOOKUPS // 10, "too few were in flight to tell anything"
        joinall(running, raise_error=True)
        assert [addresses(one.get()) for one in running] == [[synthetic_address(f"n{n}.test")] for n in range(LOOKUPS)]
        resolver.reset()
        assert not len(get_hub().timers)
        assert settle(during) <= during
    assert settle(before) <= before


def test_swaps_to_the_system_resolver_and_back():
    """libc's lookups block a thread each, so fewer of them."""
    draw = random.Random(30)
    with NameServer(synthetic=True) as server:
        running = []
        for swap in range(12):
            resolver.use(draw.choice(("thread", "ares", "python", "block")), servers=server.servers, timeout=PATIENCE)
            running += [spawn(resolver.getaddrinfo, f"n{swap}-{n}.test", 80, 2, 1) for n in range(10)]
            sleep(0)
        joinall(running, raise_error=True)
        wanted = [[synthetic_address(f"n{swap}-{n}.test")] for swap in range(12) for n in range(10)]
        assert [addresses(one.get()) for one in running] == wanted


def test_each_lookup_ends_once_and_the_old_engine_is_closed_by_the_last():
    closed = []

    class Engine:
        name = "slow"

        def __init__(self, number):
            self.number = number

        def submit(self, question, done):
            return get_hub().call_later(0.5, done, self.answer(question)).cancel

        def answer(self, question):
            record = resolver.Record(question.name, 1, 60, f"192.0.2.{self.number}")
            return resolver.Answer(question, 0, (record,))

        def close(self):
            closed.append(self.number)

    made = []
    world = System(*[os.devnull] * 5).world

    def make(config):
        made.append(Engine(len(made)))
        return made[-1]

    running = []
    for number in range(5):
        resolver.use(StubResolver("slow", make, world, cache=None))
        running += [spawn(resolver.getaddrinfo, f"n{n}.test", 80, 2, 1) for n in range(20)]
        sleep(0)
        assert len(made) == number + 1
    assert closed == []
    resolver.reset()
    assert closed == []
    joinall(running, raise_error=True)
    assert [addresses(one.get())[0] for one in running] == [f"192.0.2.{n // 20}" for n in range(100)]
    assert sorted(closed) == [0, 1, 2, 3, 4]


# -- the files -----------------------------------------------------------------------------------------------------


class Place:
    """The system's files in a folder, a clock for their checks, and name servers under the addresses that they name."""

    def __init__(self, folder, servers):
        self.folder = folder
        self.clock = 0.0
        self.servers = {f"192.0.2.{n}": Server("127.0.0.1", one.port) for n, one in enumerate(servers, 1)}
        self.put("resolv.conf", "nameserver 192.0.2.1\n")
        self.put("hosts", "10.9.0.1 local.test\n")
        paths = [str(folder / one) for one in ("resolv.conf", "hosts", "nsswitch.conf", "gai.conf", "host.conf")]
        self.system = System(*paths, now=lambda: self.clock)
        self._last = None

    def put(self, name, text):
        """As most programs do it: a new file renamed over the old one."""
        new = self.folder / (name + ".new")
        new.write_text(text)
        os.replace(new, self.folder / name)

    def check(self):
        """Let the time pass after which the files are looked at again."""
        self.clock += 2.5

    def world(self):
        """What the files say, with their servers at the ports where ours are."""
        now = self.system.world()
        if self._last is None or self._last[0] is not now:
            servers = tuple(self.servers.get(one.address, one) for one in now.config.servers)
            config = replace(now.config, servers=servers, timeout=PATIENCE)
            self._last = (now, replace(now, config=config))
        return self._last[1]


@pytest.fixture
def servers():
    """Three, each with its own answer to everything, the first one slowly."""
    with NameServer() as one, NameServer() as two, NameServer() as three:
        made = (one, two, three)
        for number, server in enumerate(made, 1):
            server.add("*.test", "A", f"10.0.0.{number}")
            server.add("extra.test", "A", f"10.0.0.{number}")
        yield made


@pytest.fixture(params=ENGINES)
def place(request, servers, tmp_path):
    made = Place(tmp_path, servers)
    made.resolver = resolver.use(
        StubResolver(request.param, lambda config: make_engine(request.param, config), made.world, cache=Cache())
    )
    return made


def look(name="extra.test"):
    return addresses(resolver.getaddrinfo(name, 80, 2, 1))


def test_resolv_conf_and_hosts_under_a_thousand_lookups(place, servers):
    before = fds()
    for number in range(LOOKUPS // 2):
        servers[0].script(f"n{number}.test", Delay(0.2 + number * 7919 % 200 / 1000))
    old = [spawn(look, f"n{n}.test") for n in range(LOOKUPS // 2)]
    local = [spawn(look, "local.test") for _ in range(50)]
    sleep(0)
    place.put("resolv.conf", "nameserver 192.0.2.2\n")
    place.put("hosts", "10.9.0.2 local.test\n10.9.0.3 n1.test\n")
    place.check()
    new = [spawn(look, f"n{n}.test") for n in range(LOOKUPS // 2)]
    local_now = [spawn(look, "local.test") for _ in range(50)]
    sleep(0)
    assert sum(not one.dead for one in old + new) > LOOKUPS // 10
    joinall(old + new + local + local_now, raise_error=True)
    assert {one.get()[0] for one in old} == {"10.0.0.1"}
    assert {one.get()[0] for one in local} == {"10.9.0.1"}
    assert {one.get()[0] for one in local_now} == {"10.9.0.2"}
    assert new[1].get() == ["10.9.0.3"]
    assert {one.get()[0] for one in new[2:]} == {"10.0.0.2"}
    # What the old servers said late is in no cache of the new ones.
    cached = [place.resolver.cache.peek(Question(f"n{n}.test", 1)) for n in range(2, LOOKUPS // 2)]
    assert {one.answer.records[0].data for one in cached if one is not None} <= {"10.0.0.2"}
    resolver.reset()
    assert settle(before) <= before


def rename_over(place):
    place.put("resolv.conf", "nameserver 192.0.2.2\n")


def truncate_and_write(place):
    (place.folder / "resolv.conf").write_text("nameserver 192.0.2.2\n")


def link_elsewhere(place):
    (place.folder / "other").write_text("nameserver 192.0.2.2\n")
    os.unlink(place.folder / "resolv.conf")
    os.symlink(place.folder / "other", place.folder / "resolv.conf")


def change_what_a_link_means(place):
    link_elsewhere(place)
    place.check()
    look()
    os.unlink(place.folder / "other")
    (place.folder / "other").write_text("nameserver 192.0.2.2\noptions ndots:3\n")


@pytest.mark.parametrize(
    "change", [rename_over, truncate_and_write, link_elsewhere, change_what_a_link_means], ids=lambda one: one.__name__
)
def test_resolv_conf_is_changed_in_every_way(place, change):
    assert look() == ["10.0.0.1"]
    change(place)
    place.check()
    assert look() == ["10.0.0.2"]  # not from the cache, which the old servers filled


@pytest.mark.parametrize("name", ["hosts", "resolv.conf"])
def test_a_file_that_cannot_be_read_stays_as_it_was(place, name, monkeypatch):
    assert look("local.test") == ["10.9.0.1"]
    place.put(name, "10.9.0.2 local.test\n" if name == "hosts" else "nameserver 192.0.2.2\n")
    real = os.open

    def fails(path, *args, **kwargs):
        if str(path).endswith(name):
            raise PermissionError(13, "Permission denied", path)
        return real(path, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", fails)
        place.check()
        assert look("local.test") == ["10.9.0.1"]
        assert look() == ["10.0.0.1"]
    place.check()
    assert look("local.test") == ["10.9.0.2" if name == "hosts" else "10.9.0.1"]
    assert look() == ["10.0.0.1" if name == "hosts" else "10.0.0.2"]


def test_a_hosts_file_written_in_two_parts_is_a_whole_table_at_every_moment(place):
    """Between the two writes half the file is all there is; what stood in the first half is whole."""
    lines = [f"10.9.{n >> 8}.{n & 255} host{n}.test alias{n}.test\n" for n in range(2000)]
    text = "".join(lines)
    half = text.index("host1000.test") + 6
    path = place.folder / "hosts"
    path.write_text(text[:half])
    place.check()
    assert look("host999.test") == ["10.9.3.231"]
    assert look("alias5.test") == ["10.9.0.5"]
    with open(path, "a", encoding="ascii") as file:
        file.write(text[half:])
    place.check()
    assert look("host1000.test") == ["10.9.3.232"]
    assert look("alias1999.test") == ["10.9.7.207"]


def test_the_files_are_not_looked_at_for_every_lookup(place, monkeypatch):
    calls = []
    real = os.stat
    look("local.test")
    monkeypatch.setattr(os, "stat", lambda path, *args, **kwargs: calls.append(path) or real(path, *args, **kwargs))
    for _ in range(100):
        look("local.test")
    assert not [one for one in calls if str(one).startswith(str(place.folder))]


def test_servers_that_go_on_without_the_first(place, servers):
    """Rows 25 and 26: the first is silent, then gone; the list is what resolv.conf says at the time."""
    servers[0].script("extra.test", Script(lambda query, reply: []))
    place.put("resolv.conf", "nameserver 192.0.2.1\nnameserver 192.0.2.3\n")
    world = place.world
    quick = lambda: replace(world(), config=replace(world().config, timeout=0.3, attempts=4))  # noqa: E731
    name = place.resolver.name
    resolver.use(StubResolver(name, lambda config: make_engine(name, config), quick, cache=None))
    place.check()
    assert look() == ["10.0.0.3"]


def test_a_config_as_before_keeps_the_engine(place):
    """Touching a file, or changing what means nothing, costs no open question and no cache."""
    assert look() == ["10.0.0.1"]
    place.put("resolv.conf", "# a comment\nnameserver 192.0.2.1\n")
    place.check()
    assert look() == ["10.0.0.1"]
    assert len(place.resolver.cache) == 1
    assert place.world().config == Config(servers=(place.servers["192.0.2.1"],), timeout=PATIENCE)
