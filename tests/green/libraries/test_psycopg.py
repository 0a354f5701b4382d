"""The hooks for drivers in C: when they are installed, and what they do with the words of a connection."""

import sys
from types import SimpleNamespace

import pytest

from celadon import patch_all, resolver
from celadon.green import is_patched, report, restore
from celadon.green.libraries import psycopg
from celadon.green.patching.hook import Hook
from celadon.green.patching.table import TABLE
from celadon.resolver.testing import NameServer


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Makes a package that is patched, and takes it out again."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(**files):
        (tmp_path / "driver").mkdir()
        for name, text in files.items():
            (tmp_path / "driver" / f"{name}.py").write_text(text)

    yield make
    restore()
    for name in [one for one in sys.modules if one.partition(".")[0] == "driver"]:
        del sys.modules[name]


def test_a_hook_is_installed_at_the_import_and_removed(package, monkeypatch):
    done = []
    hook = Hook(lambda module: done.append(("in", module)), lambda module: done.append(("out", module)))
    monkeypatch.setitem(TABLE, "driver", {"driver.part": hook})
    package(__init__="", part="")
    patch_all(driver=True)
    import driver

    assert not done
    import driver.part

    assert done == [("in", driver.part)]
    assert "driver.part" in report().patched
    assert is_patched("driver.part")
    assert is_patched("driver")
    restore()
    assert done == [("in", driver.part), ("out", driver.part)]
    assert not is_patched("driver")


def test_a_module_in_a_circle_is_patched_once_it_is_whole(package, monkeypatch):
    seen = []

    def replaced(module):
        seen.append((module.__name__, hasattr(module, "wait")))
        return {"wait": "green"}

    monkeypatch.setitem(TABLE, "driver", {"driver.waiting": replaced, "driver.other": {}})
    # As in psycopg: `waiting` is in the midst of its import as `other`, and then the package, are done.
    package(__init__="from . import other", waiting="from . import other\nwait = 'in C'", other="from . import waiting")
    patch_all(driver=True)
    import driver.waiting

    assert driver.waiting.wait == "green"
    assert set(seen) == {("driver.waiting", True)}


def test_each_address_is_an_attempt():
    with NameServer() as server:
        for address in ("127.0.0.1", "127.0.0.2"):
            server.add("db.test", "A", address)
        server.add("other.test", "A", "127.0.0.3")
        resolver.use("python", servers=server.servers)

        def tried(**given):
            return [
                one if isinstance(one, str) else (one.get("host"), one.get("port"), one.get("hostaddr"))
                for one in psycopg._attempts(given)
            ]

        assert sorted(tried(host="db.test", port="1")) == [
            ("db.test", "1", "127.0.0.1"),
            ("db.test", "1", "127.0.0.2"),
        ]
        assert tried(host="other.test,/run", port="1,2") == [("other.test", "1", "127.0.0.3"), ("/run", "2", None)]
        assert tried(host="other.test,127.0.0.9", port="5") == [
            ("other.test", "5", "127.0.0.3"),
            ("127.0.0.9", "5", "127.0.0.9"),
        ]
        assert tried() == [(None, None, None)]
        (lost,) = tried(host="nowhere.test")
        assert lost.startswith("could not translate host name 'nowhere.test' to address: ")


def test_a_standby_is_preferred():
    both = list(psycopg._preferred({"host": "a", "target_session_attrs": "prefer-standby"}))
    assert both == [{"host": "a", "target_session_attrs": "standby"}, {"host": "a"}]
    assert list(psycopg._preferred({"host": "a"})) == [{"host": "a"}]


@pytest.mark.parametrize("state", ["own", "none"])
def test_a_callback_of_the_user_stays(state):
    callback = print if state == "own" else None
    module = SimpleNamespace(POLL_OK=0, POLL_READ=1, POLL_WRITE=2, callback=callback)
    module.get_wait_callback = lambda: module.callback
    module.set_wait_callback = lambda value: setattr(module, "callback", value)
    psycopg.PATIENT.install(module)
    assert (module.callback is print) == (state == "own")
    psycopg.PATIENT.remove(module)
    assert module.callback is callback
