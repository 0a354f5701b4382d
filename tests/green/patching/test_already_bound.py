"""What took names before the patch: modules, classes and defaults of functions, each in a fresh process."""

import subprocess
import sys

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


def test_classes_and_defaults_of_functions_are_mended(tmp_path):
    (tmp_path / "library.py").write_text(LIBRARY)
    command = [sys.executable, "-c", CHECK]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
