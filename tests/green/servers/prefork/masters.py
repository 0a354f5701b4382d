"""Programs that prefork, run as they are used: in a process of their own."""

import contextlib
import os
import signal
import socket as std_socket
import subprocess
import sys
import time
from pathlib import Path

from celadon.green import socket as green
from celadon.hub import sleep

ROOT = str(Path(__file__).parents[4])

#: What says that it serves.
READY = "is ready"

PROGRAM = """
import logging, os, sys, time
from celadon.green.servers import StreamServer
from celadon.green.servers.prefork import Prefork, Rules
from celadon.hub import sleep

OPTIONS = {options!r}
RULES = Rules(**{rules!r})

def load():
    import application

def work(worker):
    {first}
    import application
    def handle(client, peer):
        application.handle(client, worker)
    worker.run(StreamServer(worker.listeners[0], handle))

logging.basicConfig(level="INFO", format="%(message)s", stream=open({log!r}, "a"))
sys.exit(Prefork([{path!r}], work, rules=RULES, preload={preload}, **OPTIONS).run())
"""

#: Answers with its pid and VERSION. "slow" and "wait" take a while, "block" blocks the whole worker, "exit" ends it.
APPLICATION = """
import os, time
from celadon.hub import sleep

VERSION = 1
IMPORTED_IN = os.getpid()

def handle(client, worker):
    asked = client.recv(100)
    if asked == b"block":
        time.sleep(100)
    if asked == b"exit":
        os._exit(7)
    if asked.startswith(b"slow"):
        client.sendall(b"%d begins\\n" % os.getpid())
        sleep(float(asked.split()[1]))
    if asked == b"wait":
        client.sendall(b"%d begins\\n" % os.getpid())
        client.recv(100)
    client.sendall(b"%d %d %d %d\\n" % (os.getpid(), VERSION, os.getppid(), IMPORTED_IN))
"""


class Master:
    """A running program with ``PROGRAM`` and ``APPLICATION`` in its folder."""

    def __init__(self, folder, application=APPLICATION, rules=None, first="", preload=None, **options):
        self.folder, self.path, self.log_path = folder, str(folder / "socket"), folder / "log"
        (folder / "application.py").write_text(application)
        rules = {"first_pause": 0.01, **(rules or {})}
        names = {"log": str(self.log_path), "path": self.path, "first": first, "preload": preload}
        (folder / "program.py").write_text(PROGRAM.format(options=options, rules=rules, **names))
        environ = {**os.environ, "PYTHONPATH": ROOT, "PYTHONDONTWRITEBYTECODE": "1"}
        with open(folder / "errors", "w") as errors:  # no pipe: another master would hold it open
            self.process = subprocess.Popen(
                [sys.executable, str(folder / "program.py")], env=environ, stderr=errors, start_new_session=True
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        with contextlib.suppress(ProcessLookupError):  # workers, and another master: they are in its session
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    @property
    def errors(self):
        return (self.folder / "errors").read_text()

    @property
    def log(self):
        return self.log_path.read_text() if self.log_path.exists() else ""

    def until(self, text, count=1):
        """Wait until a text stands so many times in the log."""
        deadline = time.monotonic() + 30
        while self.log.count(text) < count:
            assert self.process.poll() is None, self.log + self.errors
            assert time.monotonic() < deadline, f"{text!r} is not in the log:\n{self.log}"
            sleep(0.005)

    def send(self, number):
        self.process.send_signal(number)

    def end(self, number=signal.SIGTERM):
        """Have it end; returns its exit code and what it wrote on stderr."""
        self.send(number)
        return self.ended()

    def ended(self):
        deadline = time.monotonic() + 30
        while self.process.poll() is None:
            assert time.monotonic() < deadline, self.log
            sleep(0.005)  # clients of the test go on
        return self.process.returncode, self.errors

    def connect(self):
        one = green.socket(std_socket.AF_UNIX)
        one.settimeout(20)
        one.connect(self.path)
        return one

    def ask(self, what=b"hello"):
        """The pid that answered, the version of its application, its parent, and who imported the application."""
        with self.connect() as one:
            one.sendall(what)
            with one.makefile("rb") as file:
                lines = file.readlines()
        return tuple(int(word) for word in lines[-1].split()) if lines and b"begins" not in lines[-1] else None

    def workers(self, count=2):
        """Ask until so many workers have answered; their pids."""
        found = set()
        deadline = time.monotonic() + 20
        while len(found) < count:
            assert time.monotonic() < deadline, f"only {found} answer"
            found.add(self.ask()[0])
        return found
