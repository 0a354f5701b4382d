"""What the soak's greenlets suffer: closes under waiters, failing handlers, a hub that stands still, forks."""

from __future__ import annotations

import _socket
import os
import select
import signal
import traceback

from greenlet import greenlet

from celadon.hub import AsyncResult, GreenletExit, LoopExit, get_hub, getcurrent, notify_closing, sleep, spawn
from celadon.hub.lowlevel import Registration, park, root_greenlet

MOST_FORKS = 2  # in a world


class Killed(Exception):
    """What some are killed with, and may catch."""


class Nasty(Killed):
    """Nobody can print it."""

    def __str__(self):
        raise RuntimeError("no text")

    __repr__ = __str__


class Odd(BaseException):
    """No Exception: what a callback raises so is reported like any other error."""


class FailingStderr:
    """What is written fails, every other time."""

    def __init__(self):
        self.times = 0

    def write(self, text):
        self.times += 1
        if self.times % 2:
            raise OSError(28, "No space left on device")


def ready_for(fd, what):
    """Whether the kernel reports ``what`` for ``fd`` now."""
    poller = select.poll()
    poller.register(fd, what)
    return bool(poller.poll(0))


def _pair():
    left, right = _socket.socketpair()
    left.setblocking(False)
    right.setblocking(False)
    return left, right


class Full:
    """A socket that is full: who writes to it waits, until somebody reads at the other end, or closes it."""

    def __init__(self):
        self.left, self.right = _pair()
        self.left.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF, 4096)
        self.owner = Registration(self.left.fileno())
        self.sent = self.read = 0
        self.closed = False

    def close(self):
        self.closed = True
        notify_closing(self.left.fileno())
        self.owner.close()
        self.left.close()
        self.right.close()

    def is_due(self):
        return self.closed or ready_for(self.left.fileno(), select.POLLOUT)


class Listener:
    """A listener, the clients that have connected, by their numbers, and those that were accepted."""

    def __init__(self):
        self.socket = _socket.socket(_socket.AF_UNIX)
        self.socket.setblocking(False)
        self.socket.bind("")  # a name that the kernel chooses
        self.socket.listen(8)
        self.owner = Registration(self.socket.fileno())
        self.connected, self.accepted = set(), set()
        self.closed = False

    def close(self):
        self.closed = True
        notify_closing(self.socket.fileno())
        self.owner.close()
        self.socket.close()

    def is_due(self):
        return self.closed or ready_for(self.socket.fileno(), select.POLLIN)


class Faults:
    """The part of a world that is here; ``World`` is the whole."""

    def __init__(self):
        self.full = [Full(), Full()]
        self.listeners = [Listener(), Listener()]
        self.reports = {}  # an error that foreign code raises in the hub: how often it was reported
        self.perhaps = set()  # of these, those whose code may never run
        self.forks = 0

    def check_faults(self):
        """All have come to rest: see ``World.check``."""
        for one in self.full:
            assert one.sent - one.read == self.unread(one.right), "bytes were lost or read twice"
        for one in self.listeners:
            assert one.accepted <= one.connected
            assert bool(one.connected - one.accepted) == one.is_due(), "a connection was lost"
        for error, count in self.reports.items():
            assert count or error in self.perhaps, f"{type(error).__name__} was never reported"

    def close_faults(self):
        for one in (*self.full, *self.listeners):
            one.close()

    def is_foreign(self, error):
        """Whether this error was raised on purpose by code that the hub runs; counts its reports."""
        if error not in self.reports:
            return False
        self.reports[error] += 1
        assert self.reports[error] == 1, f"{type(error).__name__} was reported twice"
        if self.random.random() < 0.3:
            raise self.random.choice((Odd, ValueError, Nasty, GreenletExit))
        return True

    # -- closes under who waits --------------------------------------------------------------------------------

    def do_write(self):
        full = self.random.choice(self.full)
        for _ in range(100):
            try:
                full.sent += full.left.send(b"x" * self.random.choice((1, 1000)))
            except BlockingIOError:
                self.waiting[getcurrent()] = ("due", full)
                full.owner.wait_writable(self.some_time())
                return

    def do_drain(self):
        full = self.random.choice(self.full)
        for _ in range(self.random.choice((1, 1000))):
            try:
                full.read += len(full.right.recv(4096))
            except BlockingIOError:
                return

    def do_connect(self):
        listener = self.random.choice(self.listeners)
        self.serial += 1
        client = _socket.socket(_socket.AF_UNIX)
        client.setblocking(False)
        try:
            client.connect(listener.socket.getsockname())
            client.send(b"%d" % self.serial)
            listener.connected.add(self.serial)
        except BlockingIOError:
            pass  # as many wait already as may
        finally:
            client.close()

    def do_accept(self):
        listener = self.random.choice(self.listeners)
        for _ in range(3):
            try:
                fd, _ = listener.socket._accept()
            except BlockingIOError:
                self.waiting[getcurrent()] = ("due", listener)
                listener.owner.wait_readable(self.some_time())
                continue
            number = int(os.read(fd, 20))
            os.close(fd)
            assert number in listener.connected - listener.accepted, (
                f"a stray connection: {number} {listener.connected} {listener.accepted}"
            )
            listener.accepted.add(number)
            return

    do_accept_2 = do_accept

    def do_close_fault(self):
        if self.random.random() < 0.5:
            group, kind = self.random.choice(((self.full, Full), (self.listeners, Listener)))
            n = self.random.randrange(len(group))
            before, group[n] = group[n], kind()
            before.close()

    # -- callees -----------------------------------------------------------------------------------------------

    def do_callee(self):
        """A greenlet that the program switches to by itself, and that waits on behalf of its caller."""
        root = root_greenlet()

        def callee():
            try:
                assert root_greenlet() is root, "a callee is its caller for whoever asks"
                self.random.choice(self.doings)()
                assert root_greenlet() is root
            finally:
                self.waiting.pop(getcurrent(), None)
            return "done"

        one = greenlet(callee)
        found = one.switch()
        assert one.dead, "the caller went on before its callee had ended"
        if isinstance(found, GreenletExit):
            raise found
        assert found == "done", f"a stray value: {found!r}"

    do_callee_2 = do_callee

    # -- what fails in the hub ---------------------------------------------------------------------------------

    def do_fail(self):
        """Code that the hub runs fails: reported once, whatever the handler and stderr do, and the loop goes on."""

        def fail(*_args):
            raise error

        hub = get_hub()
        error = self.random.choice((ValueError, Odd, LoopExit, GreenletExit, Nasty))("on purpose")
        how = self.random.randrange(7)
        self.reports[error] = 0
        if how == 0:
            hub.call_soon(fail)
        elif how == 1:
            hub.call_later(0, fail)
        elif how == 2:
            hub.call_soon_threadsafe(fail)
        elif how == 3:
            spawn(lambda: None).rawlink(fail)
        elif how == 4:
            result = AsyncResult()
            result.rawlink(fail)
            result.set(1)
        elif how == 5:
            if isinstance(error, GreenletExit):  # an end like any other
                self.perhaps.add(error)
            spawn(fail)
        else:
            self._fail_in_abort(fail, error)

    def _fail_in_abort(self, fail, error):
        if not isinstance(error, Exception):  # an abort's others are the killer's
            self.perhaps.add(error)
            return
        stuck = spawn(park, fail)
        while stuck not in get_hub().parked and not stuck.ready():
            try:
                sleep(0)
            except BaseException:
                self.perhaps.add(error)
                stuck.kill(block=False)
                raise
        stuck.kill(block=False)

    # -- a hub that stands still -------------------------------------------------------------------------------

    def do_stand_still(self):
        """The process is stopped for longer than a time-out: what came meanwhile counts before what is late."""
        hub = get_hub()
        left, right = _pair()
        owner = Registration(right.fileno())

        def wait(seconds):
            try:
                owner.wait_readable(seconds)
            except OSError as error:
                return error

        reader = spawn(wait, self.random.choice((0.001, 0.5, 2)))
        try:
            while reader not in hub.parked:
                if reader.ready():  # another one has made the clock jump
                    return
                sleep(0)
            left.send(b"x")
            self.clock.jump(self.random.choice((1, 3, 100)))
            reader.join()
            assert reader.value is None, f"{reader.value} was believed before what had come already"
        finally:
            reader.kill(block=False)
            owner.close()
            left.close()
            right.close()

    # -- forks -------------------------------------------------------------------------------------------------

    def do_fork(self):
        """The child lives through a small world of its own and exits; the parent goes on."""
        if self.forks == MOST_FORKS or self.random.random() > 0.1:
            return
        self.forks += 1
        child = os.fork()
        if not child:
            self._live_as_child(f"{self.serial}")
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status == 0, f"the child ended with {status}"

    def _live_as_child(self, seed):
        status = 1
        try:
            signal.alarm(30)
            hub = get_hub()
            here = (len(hub.parked), len(hub.timers), len(hub.ready), hub.holds, hub.io_waiters)
            assert here == (0, 0, 0, 0, 0), f"the parent's work is in the child: {here}"
            self.small_world(seed)
            status = 0
        except BaseException:  # nothing of the parent's may run in the child
            os.write(2, traceback.format_exc().encode())
        finally:
            os._exit(status)


__all__ = ["FailingStderr", "Faults", "Killed", "Nasty"]
