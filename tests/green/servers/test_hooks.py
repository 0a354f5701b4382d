"""gevent's hooks by gevent's names: what a subclass may override, and where handlers run."""

import errno
import os
import socket as std_socket

import pytest
from greenlet import GreenletExit, greenlet

from celadon.green import create_connection
from celadon.green import socket as green
from celadon.green.servers import BaseServer, DatagramServer, StreamServer, parse_address
from celadon.hub import Event, Greenlet, Group, Pool, get_hub, getcurrent, joinall, sleep, spawn, spawn_raw

LOCAL = ("127.0.0.1", 0)


def ask(address, data=b"hello"):
    with create_connection(address, 10) as one:
        one.sendall(data)
        return one.recv(100)


def upper(client, peer):
    client.sendall(client.recv(100).upper())


@pytest.fixture
def told():
    """What was reported of greenlets that failed."""
    found = []
    get_hub().exception_handler = lambda who, error: found.append(error)
    return found


# -- spawn -----------------------------------------------------------------------------------------------------

SPAWNS = {
    "default": lambda: "default",
    "raw": lambda: "raw",
    "None": lambda: None,
    "a number": lambda: 2,
    "a Pool": lambda: Pool(2),
    "a Group": Group,
    "spawn": lambda: spawn,
    "spawn_raw": lambda: spawn_raw,
    "a function": lambda: lambda function, *args: spawn_raw(function, *args) and None,
}
RUNS_IN = {"raw": greenlet, "spawn_raw": greenlet, "a function": greenlet}


@pytest.mark.parametrize("case", SPAWNS)
@pytest.mark.parametrize("later", [False, True], ids=["made with it", "set later"])
def test_where_a_handler_runs(case, later):
    def handle(client, peer):
        runs_in.append(getcurrent())
        upper(client, peer)

    runs_in = []
    server = StreamServer(LOCAL, handle, **({} if later else {"spawn": SPAWNS[case]()}))
    if later:
        server.set_spawn(SPAWNS[case]())
    with server:
        accepts = server._accepting
        assert [ask(server.address) for _ in range(3)] == [b"HELLO"] * 3
    assert isinstance(runs_in[0], RUNS_IN.get(case, Greenlet))
    assert isinstance(runs_in[0], Greenlet) is (case not in RUNS_IN)
    assert (runs_in == [accepts] * 3) is (case == "None")


@pytest.mark.parametrize("case", SPAWNS)
def test_stop_waits_and_kills_wherever_it_runs(case):
    def handle(client, peer):
        data = client.recv(100)
        began.append(data)
        try:
            sleep(0.01 if data == b"short" else 100)
            client.sendall(b"done")
        except GreenletExit:
            ends.append(data)
            raise

    for data, timeout, answer in ((b"short", 5, b"done"), (b"long", 0, b"")):
        began, ends = [], []
        server = StreamServer(LOCAL, handle, spawn=SPAWNS[case]())
        server.start()
        asking = spawn(ask, server.address, data)
        while not began:
            sleep(0.001)
        assert server.statistics.active == 1
        server.stop(timeout)
        assert asking.get() == answer
        assert ends == ([] if answer else [data])
        assert server.statistics[:3] == (1, 1, 0)


@pytest.mark.parametrize("case", ["default", "raw", "a function"])
def test_a_handler_that_never_began_leaves_no_connection(case):
    server = StreamServer(LOCAL, upper, spawn=SPAWNS[case]())
    server.start()
    with create_connection(server.address, 5) as one:
        while not server.serving:
            sleep(0)
        server.kill()
        assert one.recv(100) == b""
        sleep(0)
    assert server.statistics[:3] == (1, 1, 0)


@pytest.mark.parametrize("wrong", ["many", True, 1.5, object()], ids=str)
def test_a_spawn_that_is_none(wrong):
    with pytest.raises(TypeError, match="spawn is"):
        StreamServer(0, upper, spawn=wrong)


def test_a_spawn_that_fails_is_reported_and_the_server_goes_on(told):
    def fails(function, *args):
        if not told:
            raise OSError(errno.EBADF, "this is no error of the listener")
        return spawn(function, *args)

    server = StreamServer(LOCAL, upper, spawn=fails)
    server.min_delay = 0.001
    with server:
        assert ask(server.address) == b""
        assert ask(server.address) == b"HELLO"
    assert len(told) == 1


def test_other_handlers_in_a_shared_pool_are_left_alone():
    pool, leave = Pool(5), Event()

    def patient(client, peer):
        leave.wait()
        client.sendall(b"done")

    with StreamServer(LOCAL, patient, spawn=pool) as one:
        asking = spawn(ask, one.address)
        with StreamServer(LOCAL, upper, spawn=pool) as two:
            assert ask(two.address) == b"HELLO"
            two.stop(0)
        leave.set()
        assert asking.get() == b"done"


# -- the others ------------------------------------------------------------------------------------------------


def test_the_order_of_the_hooks():
    class Seen(StreamServer):
        def init_socket(self):
            seen.append("init_socket")
            super().init_socket()

        @classmethod
        def get_listener(cls, address, backlog=None, family=None):
            seen.append(("get_listener", address, backlog, family))
            return StreamServer.get_listener(address, backlog, family)

        def do_read(self):
            client, peer = super().do_read()
            seen.append("do_read")
            return client, peer, "more"

        def do_handle(self, *args):
            seen.append(("do_handle", len(args)))
            super().do_handle(*args)

        def handle(self, client, peer, more):
            seen.append(more)
            client.sendall(b"done")

        def do_close(self, *args):
            seen.append(("do_close", len(args)))
            super().do_close(*args)

    seen = []
    with Seen(LOCAL, backlog=7) as server:
        assert ask(server.address) == b"done"
    assert seen == [
        "init_socket", ("get_listener", LOCAL, 7, 0), "do_read", ("do_handle", 3), "more", ("do_close", 3),
    ]  # fmt: skip


def test_a_do_read_of_the_program_s_own_may_have_nothing():
    class Polite(StreamServer):
        def do_read(self):
            self.socket.settimeout(0)
            try:
                return self.socket.accept()
            except BlockingIOError:
                asked.append(1)
                return None

    asked = []
    with Polite(LOCAL, upper) as server:
        sleep(0.01)
        assert ask(server.address) == b"HELLO"
        sleep(0.01)
        assert len(asked) < 5


def test_a_do_read_that_fails_is_reported_and_the_server_goes_on(told):
    class Wrong(StreamServer):
        min_delay = 0.001

        def do_read(self):
            if not told:
                raise ArithmeticError
            return super().do_read()

    with Wrong(LOCAL, upper) as server:
        assert ask(server.address) == b"HELLO"
        assert server.statistics.errors == 1
    assert [type(one) for one in told] == [ArithmeticError]


@pytest.mark.parametrize(
    ("number", "fatal"),
    [(errno.EBADF, True), (errno.EINVAL, True), (errno.ENOTSOCK, True), (errno.EMFILE, False), (errno.EPROTO, False)],
)
def test_is_fatal_error(number, fatal):
    server = StreamServer(LOCAL, upper)
    assert server.is_fatal_error(OSError(number, "")) is fatal
    assert not server.is_fatal_error(ValueError(number))
    server.fatal_errors = (errno.EPROTO,)
    assert server.is_fatal_error(OSError(number, "")) is (number == errno.EPROTO)


def test_a_full_of_the_program_s_own():
    class Moody(StreamServer):
        min_delay = 0.001
        closed_for_now = True

        def full(self):
            return self.closed_for_now

    with Moody(LOCAL, upper) as server:
        asking = spawn(ask, server.address)
        assert not joinall([asking], timeout=0.02)
        server.closed_for_now = False
        assert asking.get() == b"HELLO"


def test_set_handle_and_set_listener_before_start(tmp_path):
    server = StreamServer(LOCAL, lambda client, peer: client.sendall(b"first"))
    server.set_listener(str(tmp_path / "socket"))
    assert server.family == std_socket.AF_UNIX
    server.set_listener("127.0.0.1:0")
    server.set_handle(upper)
    with server:
        assert ask(server.address) == b"HELLO"
        server.set_handle(lambda client, peer: client.sendall(b"later"))
        assert ask(server.address) == b"later"
        server.set_handle(None)
        with pytest.raises(RuntimeError, match="set_listener"):
            server.set_listener(LOCAL)
    with pytest.raises(TypeError, match="pass handle"):
        StreamServer(LOCAL).set_handle(None)


@pytest.mark.parametrize("number", [0, -1])
def test_max_accept_is_positive(number):
    class Wrong(StreamServer):
        max_accept = number

    with pytest.raises(ValueError, match="max_accept is at least 1"):
        Wrong(LOCAL, upper)


def test_max_accept_lets_others_run_in_between():
    order = []

    class Watched(StreamServer):
        max_accept = 2

        def do_handle(self, *args):
            order.append("accepted")
            super().do_handle(*args)

    server = Watched(LOCAL, lambda client, peer: order.append("handled"))
    server.init_socket()
    clients = [create_connection(server.address, 5) for _ in range(4)]
    with server:
        for one in clients:
            assert one.recv(100) == b""
            one.close()
    assert order[:4] == ["accepted", "accepted", "handled", "handled"]


def test_init_socket_first_and_accept_later():
    """As a program does that forks in between."""
    server = StreamServer(LOCAL, upper)
    server.init_socket()
    bound = server.socket
    server.init_socket()
    assert server.socket is bound
    assert not server.started
    server.start_accepting()
    assert ask(server.address) == b"HELLO"
    server.stop()


def test_start_accepting_begins_as_start_does():
    server = StreamServer(LOCAL, upper)
    server.start_accepting()
    assert ask(server.address) == b"HELLO"
    server.stop()


def test_a_listener_made_by_the_class():
    with StreamServer.get_listener(LOCAL) as listener, StreamServer(listener, upper) as server:
        assert ask(server.address) == b"HELLO"
        with pytest.raises(TypeError, match="backlog is for an address"):
            StreamServer(listener, upper, backlog=5)
    with DatagramServer.get_listener(LOCAL) as bound:
        assert bound.type == std_socket.SOCK_DGRAM


def test_reuse_port_by_choice():
    server = StreamServer(LOCAL, upper)
    server.reuse_port = True
    with server:
        second = StreamServer(server.address, upper)
        with pytest.raises(OSError, match=r"cannot listen on \('127.0.0.1', \d+\): Address already in use"):
            second.start()
        second.reuse_port = True
        with second:
            assert second.address == server.address


def test_a_base_server_alone():
    with pytest.raises(NotImplementedError):
        BaseServer(LOCAL, upper).start()


def test_an_error_of_the_listener_names_the_address(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"cannot listen on '.*file': there is a file that is no socket"):
        StreamServer(str(tmp_path / "file"), upper).start()
    assert os.path.exists(tmp_path / "file")


def test_a_secure_listener_is_refused():
    class Secure(green.socket):
        __slots__ = ()

        def do_handshake(self):
            pass

    with Secure() as one, pytest.raises(TypeError, match="plain socket"):
        StreamServer(one, upper)


ADDRESSES = {
    8000: (0, ("", 8000)),
    "8000": (0, ("", 8000)),
    ":8000": (0, ("", 8000)),
    "*:8000": (0, ("", 8000)),
    "127.0.0.1:8000": (0, ("127.0.0.1", 8000)),
    "name.test:80": (0, ("name.test", 80)),
    "[::1]:8000": (std_socket.AF_INET6, ("::1", 8000)),
    "/run/x": (std_socket.AF_UNIX, "/run/x"),
    "./x": (std_socket.AF_UNIX, "./x"),
    "unix:x": (std_socket.AF_UNIX, "x"),
    "unix:/run/x": (std_socket.AF_UNIX, "/run/x"),
    "unix:///run/x": (std_socket.AF_UNIX, "/run/x"),
    "\0x": (std_socket.AF_UNIX, "\0x"),
    ("::1", 80): (std_socket.AF_INET6, ("::1", 80)),
    ("h", 80): (0, ("h", 80)),
    "name": ValueError,
    "h:http": ValueError,
    "": ValueError,
    None: TypeError,
    True: TypeError,
    b"x": TypeError,
}


@pytest.mark.parametrize("text", ADDRESSES, ids=repr)
def test_parse_address(text):
    expected = ADDRESSES[text]
    if isinstance(expected, type):
        with pytest.raises(expected):
            parse_address(text)
    else:
        assert parse_address(text) == expected
