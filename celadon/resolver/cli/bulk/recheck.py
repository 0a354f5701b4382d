"""The servers of a run are checked while it goes on; one that has begun to lie, or is silent, is asked no more."""

from __future__ import annotations

from typing import Any

from ....hub import Pool, sleep, spawn
from ...model import Question, Server
from ...protocols import Cancel, Done, Engine
from ..servers.server_checks import Wanted
from ..servers.servers_command import check
from .checks import Checks
from .notes import Notes

_AT_ONCE = 20  # servers
_TIMEOUT, _TRIES = 2.0, 3  # seconds for a try, and tries
_NEEDED = frozenset(("alive", "honest"))  # what a server must be to stay


class Recheck:
    """An engine in front of another, whose servers it checks every so many seconds. ``exchange`` is that engine's."""

    name = "recheck"

    checked: int
    left_out: int

    def __init__(
        self, engine: Engine, exchange: Any, notes: Notes, servers: tuple[Server, ...], checks: Checks
    ) -> None:
        self.engine = engine
        self.notes = notes
        self.checked = self.left_out = 0
        self._exchange = exchange
        self._servers = list(servers)
        self._every = checks.recheck
        self._wanted = Wanted(zones=checks.recheck_zones)
        self._checking = spawn(self._check)

    def submit(self, question: Question, done: Done) -> Cancel:
        """See ``Engine.submit``."""
        return self.engine.submit(question, done)

    def close(self) -> None:
        """See ``Engine.close``."""
        self._checking.kill()
        self.engine.close()

    def counts(self) -> dict[str, int]:
        """For the summary."""
        return {"server_checks": self.checked, "servers_left_out": self.left_out}

    def _check(self) -> None:
        pool = Pool(_AT_ONCE)
        try:
            while True:
                for server, why in pool.imap_unordered(self._why, list(self._servers), maxsize=_AT_ONCE):
                    self.checked += 1
                    if why:
                        self._leave_out(server, why)
                sleep(self._every)
        finally:
            pool.kill()

    def _why(self, server: Server) -> tuple[Server, str]:
        findings, _ = check(server, self._wanted, _TIMEOUT, _TRIES)
        failed = [one for one in findings if one.check in _NEEDED and one.ok is False]
        return server, failed[0].why or failed[0].check if failed else ""

    def _leave_out(self, server: Server, why: str) -> None:
        self._servers.remove(server)
        self.left_out += 1
        if not self._exchange.leave_out(server):
            self.notes.unfit = f"no server is left that may be asked; the last one was {server}: {why}"
