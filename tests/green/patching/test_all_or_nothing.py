"""``patch_all`` changes everything that was asked for, or nothing."""

import _thread
import socket
import subprocess
import sys
import time

import pytest

from celadon import patch_all, resolver
from celadon.green import after_patch, before_patch, is_patched, original_module, report, restore
from celadon.green.patching import made_before
from celadon.green.patching import patch_all as module

ORIGINALS = (socket.socket, time.sleep, _thread.start_new_thread, open)


@pytest.fixture(autouse=True)
def put_back():
    resolver.reset()
    yield
    restore()


def nothing_is_patched():
    now = (socket.socket, time.sleep, _thread.start_new_thread, open)
    return now == ORIGINALS and report().patched == () and report().locks == 0 and module._finder not in sys.meta_path


def raising(path):
    if path == "ssl.SSLContext":
        raise OSError("a callback that fails")


def broken(*args):
    raise OSError("broken in the middle")


@pytest.mark.parametrize("where", ["before", "after", "names", "locks", "signals"])
def test_a_failure_in_the_middle(monkeypatch, where):
    if where in ("before", "after"):
        monkeypatch.setattr(module, "_before", [])
        monkeypatch.setattr(module, "_after", [])
        (before_patch if where == "before" else after_patch)(raising)
    elif where == "names":
        monkeypatch.setattr(made_before, "subclasses", broken)
    elif where == "locks":
        mend, done = made_before.LockRepair._mend, []

        def some(self, holder):
            done.append(mend(self, holder))
            if len(self.changed) > 1 or len(done) > 50:
                broken()

        monkeypatch.setattr(made_before.LockRepair, "_mend", some)
    else:
        monkeypatch.setattr(module.signal, "adopt", broken)
    used = resolver.current()
    with pytest.raises(OSError, match=r"fails|broken"):
        patch_all("python", servers="127.0.0.1")
    assert nothing_is_patched()
    assert resolver.current() is used
    monkeypatch.undo()
    patch_all("python")
    assert is_patched("ssl")
    assert resolver.current() is not used


def test_a_failure_keeps_what_an_earlier_call_patched(monkeypatch):
    patch_all(time=True)
    green = time.sleep
    monkeypatch.setattr(module.signal, "adopt", broken)
    with pytest.raises(OSError, match="broken"):
        patch_all()
    assert time.sleep is green
    assert module._now.keywords == {"time"}
    assert socket.socket is ORIGINALS[0]
    assert module._finder in sys.meta_path


def in_a_thread(function):
    outcome = []

    def run():
        try:
            outcome.append(function())
        except Exception as error:
            outcome.append(error)

    thread = original_module("threading").Thread(target=run)
    thread.start()
    thread.join()
    return outcome[0]


def test_outside_the_main_thread():
    error = in_a_thread(patch_all)
    assert isinstance(error, RuntimeError)
    assert "call it in the main thread" in str(error)
    assert nothing_is_patched()
    patch_all()
    assert in_a_thread(patch_all) is None  # nothing to do
    restore()


def test_a_green_thread_of_the_main_thread_may_add():
    patch_all(ssl=False)
    import threading

    threading.Thread(target=patch_all).start()
    time.sleep(0)
    assert is_patched("ssl")


def test_every_option_of_use():
    patch_all("python", servers="127.0.0.1", timeout=0.5, attempts=1, deadline=2, cache=10, search=["a.test"], rate=9)
    assert resolver.current().deadline == 2
    assert resolver.current().cache is not None
    patch_all(deadline=3)
    assert resolver.current().deadline == 3


WRONG = {
    "CELADON_RESOLVER": "nope",
    "CELADON_POLLER": "nope",
    "CELADON_WATCHDOG": "soon",
    "CELADON_ACCEL": "off",
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_environment_variable(monkeypatch, name):
    monkeypatch.setenv(name, WRONG[name])
    with pytest.raises(ValueError, match=f"^{name}={WRONG[name]}: ") as caught:
        patch_all()
    assert "\n" not in str(caught.value)
    assert nothing_is_patched()
    monkeypatch.setenv(name, "")
    patch_all()


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_environment_variable_of_the_command(name):
    command = [sys.executable, "-m", "celadon", "-c", "print('run')"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=30, check=False, env={name: WRONG[name], "PYTHONPATH": "."}
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert done.stderr.startswith(f"celadon: {name}={WRONG[name]}: ")
