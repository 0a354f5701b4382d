"""pytest's plug-in: ``pytest -p celadon.integrations.pytest --resolver=static`` runs the tests patched.

It patches before any conftest.py is imported. A test fails that blocks the hub for longer than ``--celadon-block``
seconds while another greenlet could run, or that leaves greenlets behind. With ``--resolver=static`` only names that
the tests give have addresses, and no packet is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from ipaddress import ip_address
from time import monotonic
from typing import Any
from weakref import WeakSet

import pytest

from celadon import resolver
from celadon.hub import Greenlet, get_hub, getcurrent, sleep
from celadon.hub.debug import Block, Watchdog, where
from celadon.resolver.testing import StaticEngine

from .wishes import UsageError, patch

#: Seconds that greenlets of a test have to end by themselves after it, and between two looks.
_GRACE, _LOOK = 0.3, 0.01
_MARK = "celadon(block=SECONDS, leaks='fail'|'warn'|'ignore'): other limits for one test"

# -- the options -----------------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    """See pytest's hook of that name."""
    group = parser.getgroup("celadon", "Celadon: the tests run patched")
    group.addoption(
        "--resolver",
        metavar="NAME",
        help="static (only names that the tests give), auto, ares, python, thread, block, or pkg.mod:obj;"
        " CELADON_OPTIONS has further options",
    )
    group.addoption("--celadon-no-patch", action="store_true", help="leave the standard library as it is")
    group.addoption(
        "--celadon-block",
        metavar="SECONDS",
        type=float,
        default=1.0,
        help="a test fails that keeps others from running for so long (default 1; 0: never)",
    )
    group.addoption(
        "--celadon-leaks",
        choices=("fail", "warn", "ignore"),
        default="fail",
        help="what becomes of a test that leaves greenlets behind (default: fail)",
    )
    parser.addini("celadon_names", "for --resolver=static: a name and its addresses in each line", type="linelist")
    parser.addini("celadon_leaks_ignore", "patterns of greenlets that may be left, one in each line", type="linelist")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Patch, before a conftest.py can import anything."""
    _patch(early_config, early_config.known_args_namespace)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Patch, if the plug-in was loaded by a conftest.py; and watch from now on."""
    _patch(config, config.option)
    config.addinivalue_line("markers", _MARK)
    config.pluginmanager.register(_Watch(config), "celadon-watch")


_patched = pytest.StashKey[bool]()


def _patch(config: pytest.Config, options: Any) -> None:
    if config.stash.get(_patched, False):
        return
    config.stash[_patched] = True
    chosen = options.resolver
    try:
        for line in config.getini("celadon_names"):
            name, *addresses = line.split()
            names[name] = addresses
        own = {} if chosen is None else {"resolver": chosen}
        if chosen == "static":
            own = {"resolver": _Static, "cache": None}
        if not options.celadon_no_patch:
            patch(**own)
        elif own:
            resolver.use(**own)
    except (UsageError, ValueError) as error:
        raise pytest.UsageError(f"celadon: {error}") from None


# -- names -----------------------------------------------------------------------------------------------------


class Names:
    """The names that ``--resolver=static`` knows, beside those of the hosts file.

    ``names["api.test"] = "192.0.2.1"``, or a list of addresses, or records: ``{"MX": ["10 mail.test."]}``.
    """

    def __init__(self) -> None:
        self.zone: dict[str, dict[str, list[str]]] = {}

    def __setitem__(self, name: str, given: str | Iterable[str] | dict[str, list[str]]) -> None:
        if isinstance(given, dict):
            self.zone[name] = given
            return
        node: dict[str, list[str]] = {"A": [], "AAAA": []}
        for one in [given] if isinstance(given, str) else given:
            node["A" if ip_address(one).version == 4 else "AAAA"].append(one)
        self.zone[name] = node

    def __delitem__(self, name: str) -> None:
        del self.zone[name]

    def __contains__(self, name: object) -> bool:
        return name in self.zone


#: Those of the session; a test adds to them by the fixture ``celadon_names``.
names: Names = Names()


class _Static(StaticEngine):
    """Looks into ``names`` at each question, so that they may change."""

    def __init__(self, config: object) -> None:
        super().__init__({})

    def lookup(self, question: Any) -> Any:
        """See StaticEngine."""
        return StaticEngine(names.zone).lookup(question)


@pytest.fixture
def celadon_names() -> Iterator[Names]:
    """Names for this test, with ``--resolver=static``: ``celadon_names["api.test"] = "192.0.2.1"``."""
    before = dict(names.zone)
    yield names
    names.zone = before


# -- what a test must not do -----------------------------------------------------------------------------------


class _Watch:
    """Looks at the hub around each test."""

    def __init__(self, config: pytest.Config) -> None:
        self._limit: float = config.option.celadon_block
        self._leaks: str = config.option.celadon_leaks
        self._ignored: list[str] = config.getini("celadon_leaks_ignore")
        self._blocks: list[Block] = []
        self._dog = Watchdog(self._limit, self._blocks.append).start() if self._limit > 0 else None
        #: Greenlets that were started and have not ended; those that belong to fixtures of more than one test.
        self._started: WeakSet[Any] = WeakSet()
        self._shared: WeakSet[Any] = WeakSet()
        self._before: set[Any] = set()
        self._begin = 0.0
        Greenlet.add_spawn_callback(self._started.add)

    def pytest_unconfigure(self) -> None:
        """The end of the session."""
        Greenlet.remove_spawn_callback(self._started.add)
        if self._dog is not None:
            self._dog.stop()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self) -> Iterator[None]:
        """The test begins."""
        self._before, self._begin = self._living(), monotonic()
        self._blocks.clear()
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Iterator[None]:
        """What a fixture starts that several tests share is not theirs."""
        before = self._living()
        try:
            return (yield)
        finally:
            if fixturedef.scope != "function":
                self._shared.update(self._living() - before)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Iterator[None]:
        """The test has ended, with its fixtures."""
        result = yield
        mark = item.get_closest_marker("celadon")
        wanted = mark.kwargs if mark is not None else {}
        faults = [*self._blocked(wanted.get("block", self._limit))]
        how = wanted.get("leaks", self._leaks)
        left = self._leaked() if how != "ignore" else []
        if left:
            text = f"greenlets are left by this test: {len(left)}\n" + "\n".join(map(_described, left))
            for one in left:
                if isinstance(one, Greenlet):  # others are threads, which have no end but their own
                    one.kill(block=False)
            sleep(0)
            if how == "warn":
                item.warn(pytest.PytestWarning(text))
            else:
                faults.append(text)
        if faults:
            pytest.fail("\n".join(faults), pytrace=False)
        return result

    def _blocked(self, limit: float) -> Iterator[str]:
        if self._dog is None or limit <= 0:
            return
        if monotonic() - self._begin >= self._limit / 2:
            sleep(self._limit / 4)  # the watchdog's own thread tells of a block after its end
        for block in self._blocks:
            if block.seconds >= limit * 0.875:
                yield f"the hub was blocked: {block}\n{block.stack}"

    def _living(self) -> set[Any]:
        """The greenlets that wait, or were started, of this thread; without the one that runs."""
        found = {one for one in self._started if not one.dead}
        return (found | set(get_hub().parked)) - {getcurrent(), get_hub().main}

    def _leaked(self) -> list[Any]:
        """Greenlets of this test that have not ended."""
        end = monotonic() + _GRACE
        while (left := [one for one in self._living() - self._before if not self._is_allowed(one)]) and (
            monotonic() < end
        ):
            sleep(_LOOK)
        return left

    def _is_allowed(self, one: Any) -> bool:
        if any(fnmatch(str(one), pattern) for pattern in self._ignored):
            return True
        while one is not None and one not in self._shared:  # a shared server's connections are its own
            one = one.spawning_greenlet() if isinstance(one, Greenlet) else None
        return one is not None


def _described(one: Any) -> str:
    waits = get_hub().parked.get(one)
    return f"{one}: {'waits on ' + str(waits) if waits is not None else 'has not begun'}\n{where(one)}"


__all__ = ["Names", "celadon_names", "names"]
