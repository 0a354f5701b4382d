"""The master: it holds the listening sockets, starts workers, looks after them, and does nothing else.

It runs no greenlet and no line of the application, so nothing of that can stop it. ``supervisor`` decides; here is only
how: fork, signals, a channel to each worker, and a poll.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # the stubs leave it out
import _socket
import atexit
import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from ...patching.patch_all import original
from ...socket import socket
from ..inherited import from_fd
from ..listeners import Listener
from . import pid_file
from .inheritance import VARIABLE, Left, Sockets, left
from .supervisor import Fork, Leave, Rules, Send, Supervisor
from .worker import BEAT, FAILED, READY, RETIRES, Worker

log: logging.Logger = logging.getLogger("celadon.prefork")

_TERM, _INT, _QUIT, _HUP = signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP
_USR2, _TTIN, _TTOU, _CHLD = signal.SIGUSR2, signal.SIGTTIN, signal.SIGTTOU, signal.SIGCHLD
_HEEDED = (_TERM, _INT, _QUIT, _HUP, _USR2, _TTIN, _TTOU, _CHLD)

_RULES = Rules()


class Channel:
    """The master's end of the line to one worker."""

    end: _socket.socket
    pid: int

    def __init__(self, pid: int, end: _socket.socket) -> None:
        self.pid, self.end = pid, end
        self._rest = b""

    def lines(self) -> list[bytes] | None:
        """What has arrived; None once the worker has closed its end."""
        try:
            data = self.end.recv(65536)
        except BlockingIOError:
            return []
        except OSError:
            return None
        if not data:
            return None
        *lines, self._rest = (self._rest + data).split(b"\n")
        return lines


class Prefork:
    """Several processes that serve the same addresses: a master, and ``workers`` that it starts and looks after.

    ``work(worker)`` runs in each worker; it makes servers of ``worker.listeners``, and ends with
    ``worker.run(server)``. Whatever the application is made of is imported there: so a reload gets it anew, and the
    master never runs it. ``preload`` is called in the master before the first worker is started: what it imports is
    shared by all, and stays as it is at a reload.

    Signals: TERM ends all after what they have begun, INT or QUIT at once; HUP replaces all workers, each when its
    successor is ready; TTIN and TTOU are for a worker more or less; USR2 starts ``command`` (default: this program)
    in ``folder`` (default: the present one) as another master on the same sockets, and once that one's workers are
    ready, this one ends as by TERM.

    ``max_requests`` and ``max_age`` (seconds), if not 0, are after how many connections, or after how long, a worker is
    replaced. ``reuse_port`` gives each worker a socket of its own (SO_REUSEPORT), which the master holds as well.
    """

    def __init__(
        self,
        addresses: Iterable[Listener],
        work: Callable[[Worker], object],
        workers: int = 2,
        *,
        rules: Rules = _RULES,
        backlog: int = 256,
        reuse_port: bool = False,
        unix_mode: int | None = None,
        max_requests: int = 0,
        max_age: float = 0,
        preload: Callable[[], object] | None = None,
        pid_path: str | None = None,
        command: Sequence[str] | None = None,
        folder: str | None = None,
    ) -> None:
        found = [from_fd(int(one[5:])) if isinstance(one, str) and one[:5] == "fd://" else one for one in addresses]
        self._work, self._preload, self._rules = work, preload, rules
        self._max_requests, self._max_age = max_requests, max_age
        self._sockets = Sockets(found, reuse_port, backlog, unix_mode)
        self._supervisor = Supervisor(workers, rules)
        self._pid_path = pid_path
        self._command = [sys.executable, *sys.orig_argv[1:]] if command is None else list(command)
        self._folder = folder or os.getcwd()
        self._channels: dict[int, Channel] = {}
        self._came: list[int] = []
        self._said: set[bytes] = set()
        #: The master that is to take over, and the one that this one takes over from.
        self._successor: int | None = None
        self._before: int | None = None
        self._poll: Any = original("select", "poll")()

    # -- the whole life --------------------------------------------------------------------------------------

    def run(self) -> int:
        """Serve until a signal ends it; returns the exit code. In the main thread, before the program has greenlets.

        OSError if an address cannot be listened on, RuntimeError if the pid file names a process that runs.
        """
        found = left(os.environ, os.getppid())
        if found is not None:
            self._before = found.master
            self._sockets.inherit(found.fds)
        self._claim_pid_file()
        if self._preload is not None:
            self._preload()
        try:
            for slot in range(self._supervisor.wanted):
                self._sockets.of(slot)
            self._sockets.close_the_rest()
            return self._supervise()
        finally:
            taken_over = self._successor is not None
            self._sockets.close(leave_paths=taken_over)
            if self._pid_path is not None and not taken_over:
                pid_file.remove(self._pid_path)

    def _claim_pid_file(self) -> None:
        if self._pid_path is None:
            return
        other = pid_file.running(self._pid_path)
        if other is not None and other not in (self._before, os.getpid()):
            raise RuntimeError(f"{self._pid_path} says that process {other} runs; stop it, or remove the file")
        if self._before is None:
            pid_file.write(self._pid_path)

    def _supervise(self) -> int:
        wake, waker = _socket.socketpair()
        wake.setblocking(False)
        waker.setblocking(False)
        # The C module's own: a patched one would make a greenlet for each signal.
        before = {number: _signal.signal(number, self._heed) for number in _HEEDED}
        fd_before = _signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        self._wake, self._waker = wake, waker
        self._poll.register(wake.fileno(), 1)
        try:
            while True:
                code = self._act()
                if code is not None:
                    return code
                self._await()
        finally:
            _signal.set_wakeup_fd(fd_before)
            for number, handler in before.items():
                _signal.signal(number, handler or _signal.SIG_DFL)
            self._poll.unregister(wake.fileno())
            wake.close()
            waker.close()

    def _heed(self, number: int, _: object) -> None:
        self._came.append(number)

    def _await(self) -> None:
        """Wait for a signal, a word of a worker, or the next deadline; and take note of it."""
        now = time.monotonic()
        deadline = self._supervisor.deadline(now)
        for fd, _ in [] if self._came else self._poll.poll(None if deadline is None else (deadline - now) * 1000 + 1):
            if fd in self._channels:
                self._listen_to(fd)
            else:
                with suppress(BlockingIOError):
                    while self._wake.recv(4096):
                        pass
        while self._came:
            self._signalled(self._came.pop(0))

    # -- what is done ----------------------------------------------------------------------------------------

    def _act(self) -> int | None:
        """Do what is due; the exit code once all is over."""
        for action in self._supervisor.due(time.monotonic()):
            if isinstance(action, Leave):
                return action.code
            if isinstance(action, Fork):
                self._fork(action.slot)
            elif isinstance(action, Send):
                if action.why:
                    log.error("worker %d gets %s: %s", action.pid, signal.Signals(action.number).name, action.why)
                with suppress(ProcessLookupError):
                    os.kill(action.pid, action.number)
        return None

    def _fork(self, slot: int) -> None:
        ours, theirs = _socket.socketpair()
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
        # Until the child has its own handlers, no signal may reach it: it would tell the master's.
        _signal.pthread_sigmask(_signal.SIG_BLOCK, _HEEDED)
        try:
            listeners = self._sockets.of(slot)
            pid = os.fork()
            if not pid:
                ours.close()  # it would keep the worker from seeing the master's end
                self._be_a_worker(slot, theirs, listeners)
        except OSError as error:
            log.error("no worker for slot %d: %s", slot, error)
            ours.close()
            self._supervisor.not_forked(slot, time.monotonic())
            return
        finally:
            theirs.close()
            _signal.pthread_sigmask(_signal.SIG_UNBLOCK, _HEEDED)
        ours.setblocking(False)
        self._channels[ours.fileno()] = Channel(pid, ours)
        self._poll.register(ours.fileno(), 1)
        self._supervisor.forked(slot, pid, time.monotonic())
        log.debug("worker %d starts", pid)

    def _be_a_worker(self, slot: int, theirs: _socket.socket, listeners: list[socket]) -> None:
        """The rest of the child's life; it never returns."""
        code = 1
        try:
            _signal.set_wakeup_fd(-1)
            for number in _HEEDED:
                _signal.signal(number, _signal.SIG_DFL)
            _signal.pthread_sigmask(_signal.SIG_UNBLOCK, _HEEDED)
            for one in (self._wake, self._waker, *(channel.end for channel in self._channels.values())):
                one.close()
            self._sockets.keep_only(listeners)
            channel = socket(fileno=theirs.detach())
            self._work(
                Worker(
                    listeners, channel, self._rules, slot=slot, max_requests=self._max_requests, max_age=self._max_age
                )
            )
            code = 0
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else int(error.code is not None)
        except BaseException:  # noqa: BLE001  (as the interpreter does with what escapes from a program)
            traceback.print_exc()
        finally:
            _end_process(code)

    # -- what happens ----------------------------------------------------------------------------------------

    def _listen_to(self, fd: int) -> None:
        channel = self._channels[fd]
        lines = channel.lines()
        if lines is None:
            self._poll.unregister(fd)
            del self._channels[fd]
            channel.end.close()
            return
        now = time.monotonic()
        for line in lines:
            word, _, rest = line.partition(b" ")
            if word == READY:
                log.info("worker %d is ready", channel.pid)
                self._supervisor.ready(channel.pid, now)
                self._take_over()
            elif word == BEAT:
                self._supervisor.heard(channel.pid, now)
            elif word == RETIRES:
                self._supervisor.retires(channel.pid)
            elif word == FAILED:
                self._failed(rest)

    def _failed(self, said: bytes) -> None:
        code, _, text = said.partition(b" ")
        if said not in self._said:
            self._said.add(said)
            print(text.decode(errors="replace").replace("\\n", "\n"), file=sys.stderr, flush=True)
        if not self._supervisor.complete:
            self._supervisor.stop(quick=True, code=int(code))

    def _signalled(self, number: int) -> None:
        if number == _CHLD:
            self._reap()
            return
        log.info("%s came", signal.Signals(number).name)
        if number in (_TERM, _INT, _QUIT):
            self._supervisor.stop(quick=number != _TERM)
            # The workers close theirs: with the last one the system refuses who comes, and nobody waits in vain.
            self._sockets.close(leave_paths=self._successor is not None)
        elif number == _HUP:
            self._said.clear()
            self._supervisor.reload(time.monotonic())
        elif number in (_TTIN, _TTOU):
            self._supervisor.resize(1 if number == _TTIN else -1)
        elif number == _USR2:
            self._hand_over()

    def _reap(self) -> None:
        for pid in self._supervisor.pids():
            status = _status(pid)
            if status is None:
                continue
            for fd in [fd for fd, channel in self._channels.items() if channel.pid == pid]:
                self._listen_to(fd)  # its last words come before its end
            if self._supervisor.died(pid, time.monotonic()):
                log.error("worker %d has %s", pid, _how(status))
            else:
                log.log(logging.INFO if self._supervisor.complete else logging.DEBUG, "worker %d has ended", pid)
        if self._successor is not None:
            status = _status(self._successor)
            if status is not None:
                log.error("the new master %d has %s; this one goes on", self._successor, _how(status))
                self._successor = None

    # -- another master --------------------------------------------------------------------------------------

    def _hand_over(self) -> None:
        if self._successor is not None or self._supervisor.stopping:
            log.error("USR2 is ignored: %s", "another master starts already" if self._successor else "this one ends")
            return
        if any(isinstance(one, socket) for one in self._sockets.addresses):
            log.error("USR2 is ignored: this master was given open sockets, which another could not find again")
            return
        fds = self._sockets.fds()
        environ = {**os.environ, VARIABLE: Left(os.getpid(), fds).written()}
        _signal.pthread_sigmask(_signal.SIG_BLOCK, _HEEDED)
        try:
            pid = os.fork()
            if not pid:
                self._be_another_master(fds, environ)
        finally:
            _signal.pthread_sigmask(_signal.SIG_UNBLOCK, _HEEDED)
        self._successor = pid
        log.info("master %d starts, to take over", pid)

    def _be_another_master(self, fds: dict[str, int], environ: dict[str, str]) -> None:
        try:
            _signal.set_wakeup_fd(-1)
            for number in _HEEDED:
                _signal.signal(number, _signal.SIG_DFL)
            _signal.pthread_sigmask(_signal.SIG_UNBLOCK, _HEEDED)
            for fd in fds.values():
                os.set_inheritable(fd, True)
            os.chdir(self._folder)
            os.execve(self._command[0], self._command, environ)
        except BaseException:  # noqa: BLE001  (the child must not go on as a second master of the same workers)
            traceback.print_exc()
        finally:
            os._exit(1)

    def _take_over(self) -> None:
        """Once all our workers are ready, have the master that started us end."""
        if self._before is None or not self._supervisor.complete:
            return
        before, self._before = self._before, None
        if self._pid_path is not None:
            pid_file.write(self._pid_path)
        if os.getppid() == before:
            log.info("this master takes over from %d", before)
            os.kill(before, signal.SIGTERM)


def _status(pid: int) -> int | None:
    """How a child has ended, reaping it; None if it has not."""
    try:
        found, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return 0
    return status if found else None


def _how(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"been killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"


def _end_process(code: int) -> None:
    """End as the interpreter would, without a way back into the master's frames."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]  # waits for the program's threads, as at every end
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    except BaseException:  # noqa: BLE001  (reported, and the end comes all the same)
        traceback.print_exc()
    finally:
        os._exit(code)


__all__ = ["Prefork"]
