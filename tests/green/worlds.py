"""Two worlds for one contract: CPython's threads with its own sockets, and greenlets with ours.

A contract is a function of a world that returns what a program would see. Neither world is patched: the green one
uses the green classes directly, so that both can run in one process.
"""

import contextlib
import select as std_select
import socket as std_socket
import ssl as std_ssl
import threading
import time
from pathlib import Path

from celadon.green import connections
from celadon.green import select as green_select
from celadon.green import socket as green_socket
from celadon.green import ssl as green_ssl
from celadon.hub import joinall, sleep, spawn

TLS = Path(__file__).parents[2] / "fixtures" / "tls"
WAITING = "still waiting"
# Generous: only a hang takes as long.
PATIENCE = 10


def outcome(function, *args):
    """What came back; of an error its class and errno, which is what a program can tell apart."""
    try:
        return function(*args)
    except Exception as error:
        number = getattr(error, "errno", None)
        return (type(error).__name__, number) if number is not None else (type(error).__name__, str(error))


def _close(one):
    # Closing does not wake a thread that is in a system call; a shutdown does.
    if isinstance(one, std_socket.socket):
        with contextlib.suppress(OSError):
            one.shutdown(std_socket.SHUT_RDWR)
    with contextlib.suppress(OSError):
        one.close()


class _Worlds:
    def __init__(self):
        self._stack = contextlib.ExitStack()
        self._tasks = []

    def keep(self, *closable):
        """Have these closed at the end, last first."""
        for one in closable:
            self._stack.callback(_close, one)
        return closable[0] if len(closable) == 1 else closable

    def socket(self, *args, **kwargs):
        return self.keep(self.socket_class(*args, **kwargs))

    def pair(self, *args):
        return self.keep(*self._socketpair(*args))

    def listener(self, family=std_socket.AF_INET, backlog=5):
        listening = self.socket(family)
        listening.bind(("127.0.0.1", 0) if family == std_socket.AF_INET else ("::1", 0))
        listening.listen(backlog)
        return listening

    def tcp_pair(self):
        """Client and server end of a TCP connection."""
        listening = self.listener()
        client = self.socket()
        client.connect(listening.getsockname())
        server, _ = listening.accept()
        self.keep(server)
        listening.close()
        return client, server

    def context(self, server=False, **settings):
        context = std_ssl.SSLContext(std_ssl.PROTOCOL_TLS_SERVER if server else std_ssl.PROTOCOL_TLS_CLIENT)
        if server:
            context.load_cert_chain(TLS / "server.pem", TLS / "server.key")
        else:
            context.load_verify_locations(TLS / "ca.pem")
        for name, value in settings.items():
            setattr(context, name, value)
        self._make_green(context)
        return context

    def _make_green(self, context):
        """Nothing to do for the standard library's own."""

    def tls_pair(self, client_settings=(), server_settings=()):
        """Both ends of a TLS connection over a socketpair, the handshake done."""
        left, right = self.pair()
        server_context = self.context(server=True, **dict(server_settings))
        accepting = self.spawn(lambda: server_context.wrap_socket(right, server_side=True))
        client = self.context(**dict(client_settings)).wrap_socket(left, server_hostname="web.test")
        server = accepting.result()
        return self.keep(client, server)

    def close(self):
        self._stack.close()


class Threads(_Worlds):
    """CPython as it is."""

    name = "threads"
    socket_class = std_socket.socket
    create_connection = staticmethod(std_socket.create_connection)
    fromfd = staticmethod(std_socket.fromfd)
    select = std_select
    ssl_socket_class = std_ssl.SSLSocket
    _socketpair = staticmethod(std_socket.socketpair)
    sleep = staticmethod(time.sleep)

    class _Task:
        def __init__(self, function, args):
            self.value = WAITING
            self._thread = threading.Thread(target=self._run, args=(function, args), daemon=True)
            self._thread.start()

        def _run(self, function, args):
            self.value = outcome(function, *args)

        def result(self, seconds=PATIENCE):
            self._thread.join(seconds)
            return self.value

    def spawn(self, function, *args):
        task = self._Task(function, args)
        self._tasks.append(task)
        return task

    def settle(self):
        """Until everyone who was spawned waits in its system call."""
        time.sleep(0.05)

    def close(self):
        super().close()
        for task in self._tasks:
            task._thread.join(PATIENCE)


class Greenlets(_Worlds):
    """The green classes, on this thread's hub."""

    name = "greenlets"
    socket_class = green_socket.socket
    create_connection = staticmethod(connections.create_connection)
    fromfd = staticmethod(green_socket.fromfd)
    select = green_select
    ssl_socket_class = green_ssl.SSLSocket
    _socketpair = staticmethod(green_socket.socketpair)
    sleep = staticmethod(sleep)

    class _Task:
        def __init__(self, function, args):
            self._greenlet = spawn(outcome, function, *args)

        def result(self, seconds=PATIENCE):
            return self._greenlet.get() if joinall([self._greenlet], timeout=seconds) else WAITING

    def _make_green(self, context):
        context.sslsocket_class = green_ssl.SSLSocket

    def spawn(self, function, *args):
        task = self._Task(function, args)
        self._tasks.append(task)
        return task

    def settle(self):
        """Until everyone who was spawned waits for its fd, and the hub has looked at the kernel."""
        for _ in range(5):
            sleep(0)
        sleep(0.002)

    def close(self):
        super().close()
        joinall([task._greenlet for task in self._tasks], timeout=PATIENCE)


WORLDS = {"threads": Threads, "greenlets": Greenlets}


class Contracts:
    """A table of contracts, each with what must be seen in both worlds."""

    def __init__(self):
        self.table = []

    def __call__(self, *both, **each):
        """What is seen: one value for both worlds, or ``threads=``, ``greenlets=`` and ``because=``."""
        if both:
            (expected,) = both
            each = dict.fromkeys(WORLDS, expected)
        else:
            assert each.pop("because")

        def add(function):
            self.table.append((function, each))
            return function

        return add

    def cases(self):
        """(world, function, what must be seen) of each run, and their names."""
        rows = [(world, function, each[world]) for function, each in self.table for world in WORLDS]
        return {"argvalues": rows, "ids": [f"{function.__name__}-{world}" for world, function, _ in rows]}


def run(world, function):
    """What ``function`` sees in the world of this name; everything it opened is closed again."""
    with contextlib.closing(WORLDS[world]()) as made:
        return function(made)
