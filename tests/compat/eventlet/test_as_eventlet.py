"""``import eventlet`` gives Celadon's: in a process of its own, as the facade is for a process."""

import os
import re
import subprocess
import sys
import textwrap

import pytest

from celadon.compat.eventlet import patcher


def run(program, *arguments, environment=None):
    command = [sys.executable, *arguments, "-c", textwrap.dedent(program)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **(environment or {})}
    )


def test_a_program_of_eventlets():
    program = """
        import eventlet
        eventlet.monkey_patch()
        import importlib.metadata, threading, time
        from eventlet.green import socket
        from eventlet import greenthread, queue, semaphore, event, timeout, tpool, pools, debug, hubs
        import eventlet.green.urllib.request, eventlet.green.http.client, eventlet.green.subprocess

        assert eventlet.patcher.is_monkey_patched("socket") and eventlet.patcher.is_monkey_patched(time)
        begin = time.monotonic()
        pool = eventlet.GreenPool()
        for _ in range(20):
            pool.spawn(time.sleep, 0.05)
        pool.waitall()
        assert time.monotonic() - begin < 0.5
        print(eventlet.__file__, eventlet.__version__, importlib.metadata.version("eventlet"))
        print(importlib.metadata.metadata("eventlet")["Summary"])
    """
    done = run(program, "-m", "celadon", "--as", "eventlet")
    assert done.stderr == ""
    assert re.match(r"\S+/celadon/compat/eventlet/__init__.py (0\.4\S+) \1\n", done.stdout)
    assert "Celadon" in done.stdout


def test_asked_for_by_the_environment():
    done = run("import celadon, eventlet; print(eventlet.__file__)", environment={"CELADON_AS": "eventlet"})
    assert done.stdout.endswith("/celadon/compat/eventlet/__init__.py\n"), done.stderr


@pytest.mark.parametrize(
    ("call", "patched"),
    [
        ("", "os select socket subprocess thread time"),
        ("socket=True, select=True", "select socket"),
        ("socket=False, time=False", "os select subprocess thread"),
        ("all=False, socket=False, select=True", "select"),
    ],
)
def test_keywords_of_monkey_patch(call, patched):
    program = f"""
        from celadon import compat; compat.install("eventlet")
        from eventlet import patcher
        patcher.monkey_patch({call})
        print(*sorted(set(patcher.already_patched) - {{"psycopg"}}))
    """
    assert run(program).stdout == patched + "\n"


def test_an_unknown_keyword():
    with pytest.raises(TypeError, match="'finagle'"):
        patcher.monkey_patch(finagle=True)


def test_one_library_green(tmp_path):
    (tmp_path / "lib.py").write_text("import socket, time\n")
    program = f"""
        from celadon import compat; compat.install("eventlet")
        import sys; sys.path.insert(0, {str(tmp_path)!r})
        import eventlet, socket, lib
        from eventlet.green import socket as green
        copy = eventlet.import_patched("lib")
        assert copy is not lib and copy.socket is green and lib.socket is socket
        assert sys.modules["lib"] is lib and sys.modules["socket"] is socket
        assert eventlet.import_patched("lib") is copy
        names = {{}}
        eventlet.patcher.inject("lib", names)
        assert names["socket"] is green
        print(eventlet.patcher.original("socket").socket is socket.socket)
    """
    done = run(program)
    assert done.stdout == "False\n", done.stderr


def test_coroutines_in_green_threads():
    program = """
        from celadon import compat; compat.install("eventlet")
        import asyncio, eventlet, time
        from eventlet.asyncio import spawn_for_awaitable

        async def slow(word):
            await asyncio.sleep(0.05)
            return word

        async def waits():
            return await eventlet.spawn(lambda: "awaited")

        begin = time.monotonic()
        print(*[one.wait() for one in [spawn_for_awaitable(slow(n)) for n in range(10)]])
        assert time.monotonic() - begin < 0.4
        print(spawn_for_awaitable(waits()).wait())
        dying = spawn_for_awaitable(asyncio.sleep(10))
        eventlet.sleep(0.01)
        dying.kill()
        try:
            dying.wait()
        except BaseException as error:
            print(type(error).__name__)
    """
    done = run(program)
    assert done.stdout == "0 1 2 3 4 5 6 7 8 9\nawaited\nGreenletExit\n", done.stderr


def test_nothing_of_it_is_imported_unasked():
    done = run("import celadon, celadon.green, sys; print([one for one in sys.modules if 'compat' in one])")
    assert done.stdout == "[]\n"
