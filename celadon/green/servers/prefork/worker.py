"""A worker, in its own process: it serves until the master, or the master's end, tells it to stop."""

from __future__ import annotations

import _socket
import faulthandler
import random
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NoReturn, Protocol

from ....hub import Event, Group, get_hub, signal_handler, sleep, spawn
from ...socket import socket
from .supervisor import Rules

#: What a worker says to its master, a line each. After FAILED comes a code and a text with "\\n" for its ends of lines.
READY, BEAT, RETIRES, FAILED = b"ready", b"beat", b"retires", b"failed"
#: How much of a failure's text is passed on.
_LONGEST = 8000
#: The shortest time between two signs of life, in seconds.
_OFTEN = 1.0
#: Limits are spread by up to this part, so that workers that began together do not end together.
_SPREAD = 0.1
#: Signals that are the master's business: they may reach the workers too, from a terminal.
_NOT_OURS = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTTIN, signal.SIGTTOU)


class Server(Protocol):
    """What ``Worker.run`` needs of a server: any BaseServer has it."""

    max_accept: int

    def start(self) -> None:
        """Accept; returns at once."""

    def stop(self, timeout: float | None = None) -> None:
        """Accept no more, wait for what has begun, kill the rest."""

    def kill(self) -> None:
        """``stop`` without waiting."""

    @property
    def statistics(self) -> Any:
        """``accepted`` is how many it has served."""


class Worker:
    """One worker process, as its own program sees it. ``listeners`` are the sockets, in the order of the addresses."""

    def __init__(
        self,
        listeners: Sequence[socket],
        channel: socket,
        rules: Rules,
        *,
        slot: int = 0,
        max_requests: int = 0,
        max_age: float = 0,
    ) -> None:
        self.listeners: tuple[socket, ...] = tuple(listeners)
        #: Its place among the workers, from 0; a replacement has the same.
        self.slot = slot
        self._channel, self._rules = channel, rules
        channel.settimeout(0)
        spread = 1 + random.uniform(0, _SPREAD)
        self._max_requests, self._max_age = max_requests * spread, max_age * spread
        self._told, self._hurry = Event(), Event()

    def __repr__(self) -> str:
        return f"<Worker in slot {self.slot}>"

    def fail(self, text: str, code: int = 1) -> NoReturn:
        """End, because it makes no sense to try again as things are.

        If the program is about to start, the master says ``text``, once for all workers, and ends with ``code``. If
        others serve already, as at a reload, they go on, and it is tried again after a pause.
        """
        self._say(b"%s %d %s" % (FAILED, code, text[-_LONGEST:].replace("\n", "\\n").encode()))
        sys.exit(code)

    def run(self, *servers: Server) -> None:
        """Serve until it is told to end. Starts the servers, says that it is ready, and stops them at the end."""
        faulthandler.enable()  # the master ends a blocked worker by SIGABRT: so one sees where it was
        for one in _NOT_OURS:
            signal.signal(one, signal.SIG_IGN)
        handlers = [
            signal_handler(signal.SIGTERM, self.stop),
            *(signal_handler(one, self.stop, True) for one in (signal.SIGINT, signal.SIGQUIT)),
        ]
        for server in servers:
            server.max_accept = 1  # the others accept as well
            server.start()
        self._say(READY)
        helpers = Group()
        helpers.spawn(self._beat, servers)
        helpers.spawn(self._watch_the_master)
        try:
            self._told.wait()
            self._end(servers)
        finally:
            helpers.kill()
            for handler in handlers:
                handler.cancel()

    def retire(self) -> None:
        """Ask to be replaced. It serves until its successor is ready, and is told to end then."""
        self._say(RETIRES)

    def stop(self, quick: bool = False) -> None:
        """Have ``run`` return: after what has begun, for at most ``graceful_timeout``, or at once if ``quick``."""
        if quick:
            self._hurry.set()
        self._told.set()

    def _end(self, servers: Sequence[Server]) -> None:
        ending = Group()
        for server in servers:
            ending.spawn(server.stop, self._rules.graceful_timeout)
        spawn(self._when_ended, ending)
        self._hurry.wait()
        ending.kill()
        for server in servers:
            server.kill()

    def _when_ended(self, ending: Group) -> None:
        ending.join()
        self._hurry.set()

    def _say(self, what: bytes) -> None:
        # A master that does not read is dead, or about to look who is silent.
        with suppress(OSError):
            self._channel.send(what + b"\n", _socket.MSG_NOSIGNAL)

    def _beat(self, servers: Sequence[Server]) -> None:
        now = get_hub().now
        begin, asked = now(), False
        while True:
            sleep(min(_OFTEN, self._rules.silence_timeout / 5))
            self._say(BEAT)
            old = self._max_age and now() - begin >= self._max_age
            used = self._max_requests and sum(one.statistics.accepted for one in servers) >= self._max_requests
            if (old or used) and not asked:
                asked = True
                self.retire()

    def _watch_the_master(self) -> None:
        self._channel.settimeout(None)
        with suppress(OSError):
            while self._channel.recv(100):
                pass
        self.stop()  # it has ended, and nobody else would tell us


__all__ = ["BEAT", "FAILED", "READY", "RETIRES", "Server", "Worker"]
