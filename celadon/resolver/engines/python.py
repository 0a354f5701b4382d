"""DNS questions in pure Python: our own UDP and TCP exchange on the hub.

Each server has a few connected UDP sockets with random source ports, used in turn and replaced after a while; ids
are random (RFC 5452). A reply counts only if it comes from the asked server over the socket that asked, under
the id, with the question that was sent; everything else is ignored, so a forger cannot even make a lookup fail.
All tries share one deadline queue and one hub timer, which lives only while something is asked.
"""

from __future__ import annotations

import _socket
import os
from collections import OrderedDict, deque
from contextlib import suppress

from ...hub import Timer, Watch, get_hub, watch
from ..errors import Kind, ResolveError
from ..model import Answer, Config, Question, Server
from ..protocols import Cancel, Done
from ..wire import WireError, decode, encode_question, question_tail

_SOCKETS = 4  # per server
_PER_SOCKET = 4096  # in flight, far below the 65,536 ids
_RETIRE_AFTER = 20_000  # questions, then another source port
_RCVBUF = 4 << 20  # the default overflows silently at some 250 answers
_TCP_IDLE = 2.0  # seconds

_SOFT = {1: Kind.FORMERR, 2: Kind.SERVFAIL, 4: Kind.NOTIMP, 5: Kind.REFUSED}


class _Try:
    """One question on its way: which try it is, and where it was sent last."""

    __slots__ = (
        "answer",
        "body",
        "done",
        "failures",
        "id",
        "ignore_tc",
        "left",
        "link",
        "plain",
        "question",
        "sent",
        "server",
        "tail",
        "tcp",
    )

    def __init__(self, question: Question, body: bytes, done: Done, left: list[int]) -> None:
        self.question = question
        self.body = body
        self.tail = question_tail(question)
        self.plain = False  # without EDNS
        self.tcp = False  # without UDP
        self.ignore_tc = False
        self.done = done
        self.left = left  # servers still to try, next one last
        self.failures: list[tuple[Kind, str, str]] = []
        self.answer: Answer | None = None  # a reply that says no, kept in case nobody says better
        self.link: _Udp | _Tcp | None = None
        self.id = b""
        self.server = 0
        self.sent = 0.0


class _Udp:
    """A connected UDP socket and what was asked over it."""

    __slots__ = ("engine", "flight", "server", "socket", "uses", "watch")

    def __init__(self, engine: PythonEngine, server: Server) -> None:
        self.engine = engine
        self.server = str(server)
        self.flight: dict[bytes, _Try] = {}
        self.uses = 0
        self.socket = _connected(server, _socket.SOCK_DGRAM)
        with suppress(OSError):
            self.socket.setsockopt(_socket.SOL_SOCKET, _socket.SO_RCVBUF, _RCVBUF)
        self.watch: Watch = watch(self.socket.fileno(), on_readable=self.read)

    def send(self, one: _Try) -> None:
        take_id = self.engine.take_id
        name = take_id()
        while name in self.flight:
            name = take_id()
        one.id = name
        self.socket.send(name + one.body)
        self.flight[name] = one
        one.link = self
        self.uses += 1

    def read(self) -> None:
        receive, flight, engine = self.socket.recv, self.flight, self.engine
        for _ in range(100):
            try:
                message = receive(4096)
            except BlockingIOError:
                return
            except OSError as error:
                engine.link_failed(self, error)
                return
            one = flight.get(message[:2])
            if one is not None:
                engine.received(one, message, False)

    def close(self) -> None:
        self.watch.close()
        self.socket.close()


class _Tcp:
    """A connection to a server, questions pipelined over it (RFC 7766)."""

    __slots__ = ("buffer", "connected", "engine", "flight", "idle", "out", "server", "socket", "watch")

    def __init__(self, engine: PythonEngine, server: Server) -> None:
        self.engine = engine
        self.server = str(server)
        self.flight: dict[bytes, _Try] = {}
        self.buffer = bytearray()
        self.out = bytearray()
        self.idle: Timer | None = None
        self.connected = False
        self.socket = _connected(server, _socket.SOCK_STREAM)
        self.watch: Watch = watch(self.socket.fileno(), on_readable=self.read, on_writable=self.write)

    def send(self, one: _Try) -> None:
        if self.idle is not None:
            self.idle.cancel()
            self.idle = None
        name = self.engine.take_id()
        while name in self.flight:
            name = self.engine.take_id()
        one.id = name
        one.link = self
        self.flight[name] = one
        self.out += (len(one.body) + 2).to_bytes(2, "big") + name + one.body
        self.watch.update(self.read, self.write)

    def write(self) -> None:
        try:
            if self.out:
                del self.out[: self.socket.send(self.out)]
        except BlockingIOError:
            return
        except OSError as error:
            self.engine.link_failed(self, error)
            return
        if not self.out:
            self.watch.update(self.read, None)

    def read(self) -> None:
        try:
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionResetError(104, "the server closed the connection")
        except BlockingIOError:
            return
        except OSError as error:
            self.engine.link_failed(self, error)
            return
        buffer = self.buffer
        buffer += data
        while len(buffer) >= 2 and len(buffer) >= 2 + (size := buffer[0] << 8 | buffer[1]):
            message = bytes(buffer[2 : 2 + size])
            del buffer[: 2 + size]
            one = self.flight.get(message[:2])
            if one is not None:
                self.engine.received(one, message, True)

    def close(self) -> None:
        if self.idle is not None:
            self.idle.cancel()
        self.watch.close()
        self.socket.close()


def _connected(server: Server, kind: int) -> _socket.socket:
    family = _socket.AF_INET6 if ":" in server.address else _socket.AF_INET
    made = _socket.socket(family, kind | _socket.SOCK_NONBLOCK | _socket.SOCK_CLOEXEC)
    address, _, scope = server.address.partition("%")
    try:
        if family == _socket.AF_INET:
            made.connect((address, server.port))
        else:
            number = int(scope) if scope.isdigit() else _socket.if_nametoindex(scope) if scope else 0
            made.connect((address, server.port, 0, number))
    except BlockingIOError:
        pass
    except BaseException:
        made.close()
        raise
    return made


class PythonEngine:
    """See the module. Belongs to the hub of the thread that made it."""

    name = "python"

    def __init__(self, config: Config) -> None:
        self._hub = get_hub()
        self._config = config
        self._rotation = 0
        #: The configured servers, and behind them those that single questions named.
        self._servers = list(config.servers)
        self._udp: list[list[_Udp]] = [[] for _ in config.servers]
        self._tcp: dict[int, _Tcp] = {}
        self._turn = 0
        self._ids = b""
        self._ids_at = 0
        #: Who was sent when, oldest first: every try has the same time, so the queue is sorted by itself.
        self._sent: OrderedDict[_Try, None] = OrderedDict()
        self._waiting: deque[_Try] = deque()
        self._timer: Timer | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"<python engine, {len(self._sent)} in flight>"

    def take_id(self) -> bytes:
        """Two random bytes, bought from the kernel by the thousand."""
        at = self._ids_at
        if at >= len(self._ids):
            self._ids = os.urandom(4096)
            at = 0
        self._ids_at = at + 2
        return self._ids[at : at + 2]

    def submit(self, question: Question, done: Done) -> Cancel:
        """See ``Engine.submit``."""
        if self._closed:
            raise ResolveError(Kind.CANCELLED, question.name, detail="the engine is closed")
        config = self._config
        servers = range(len(config.servers))
        order = list(servers)
        if config.rotate:
            self._rotation += 1
            order = order[self._rotation % len(order) :] + order[: self._rotation % len(order)]
        options = question.options
        if options is not None and options.server is not None:
            order = [self._index(options.server)]
        one = _Try(question, encode_question(question), done, (order * config.attempts)[::-1])
        if options is not None:
            one.tcp = options.tcp
            one.plain = options.edns is None
            one.ignore_tc = options.ignore_tc
        self._next(one)
        return lambda: self._forget(one)

    def _index(self, server: Server) -> int:
        if server not in self._servers:
            self._servers.append(server)
            self._udp.append([])
        return self._servers.index(server)

    # -- one try ---------------------------------------------------------------------------------------------

    def _next(self, one: _Try) -> None:
        """Send to the next server that a packet can be sent to at all."""
        while one.left:
            one.server = one.left.pop()
            try:
                if one.tcp or self._config.use_vc:
                    self._send_tcp(one)
                else:
                    self._link(one.server).send(one)
            except OSError as error:
                one.failures.append((Kind.NETWORK, str(self._servers[one.server]), str(error)))
                continue
            self._started(one)
            return
        one.link = None
        self._hub.call_soon(self._give_up, one)
        self._sent[one] = None  # so that a cancel before that finds it

    def _started(self, one: _Try) -> None:
        one.sent = now = self._hub.now()
        self._sent[one] = None
        if self._timer is None:
            self._timer = self._hub.timers.add(now + self._config.timeout, self._expire)

    def _link(self, server: int) -> _Udp:
        links = self._udp[server]
        if len(links) < _SOCKETS:
            links.append(_Udp(self, self._servers[server]))
            return links[-1]
        self._turn = turn = (self._turn + 1) % _SOCKETS
        link = links[turn]
        if link.uses >= _RETIRE_AFTER and not link.flight:
            link.close()
            link = links[turn] = _Udp(self, self._servers[server])
        elif len(link.flight) >= _PER_SOCKET:
            link = min(links, key=lambda other: len(other.flight))
            if len(link.flight) >= _PER_SOCKET:
                raise OSError(11, "too many questions in flight")
        return link

    def _send_tcp(self, one: _Try) -> None:
        link = self._tcp.get(one.server)
        if link is None:
            link = self._tcp[one.server] = _Tcp(self, self._servers[one.server])
        link.send(one)

    def _leave(self, one: _Try) -> None:
        """Take a question out of flight."""
        self._sent.pop(one, None)
        link = one.link
        if link is not None:
            link.flight.pop(one.id, None)
            one.link = None
            if isinstance(link, _Tcp) and not link.flight and self._tcp.get(one.server) is link:
                if self._sent:
                    link.idle = self._hub.call_later(_TCP_IDLE, self._close_idle, one.server)
                else:
                    self._close_idle(one.server)
        if not self._sent:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            for server in [server for server, other in self._tcp.items() if not other.flight]:
                self._close_idle(server)

    def _close_idle(self, server: int) -> None:
        link = self._tcp.pop(server, None)
        if link is not None:
            link.close()

    def _forget(self, one: _Try) -> None:
        if one in self._sent:
            self._leave(one)

    def received(self, one: _Try, message: bytes, tcp: bool) -> None:
        """A datagram or message under this question's id: believe it only if it echoes the question."""
        tail = one.tail
        end = 12 + len(tail)
        if len(message) < end or message[2] & 0xF8 != 0x80 or message[4:6] != b"\0\1":
            if (
                len(message) < 12
                or message[2] & 0xF8 != 0x80
                or message[4:6] != b"\0\0"
                or message[3] & 15 not in _SOFT
            ):
                return
            end = 12  # a refusal may leave the question out
        elif message[12:end] != tail and message[12:end].lower() != tail.lower():
            return
        link = one.link
        server = link.server if link is not None else ""
        if message[2] & 2 and not tcp and not one.ignore_tc:
            self._leave(one)
            self._retry_tcp(one)
            return
        rcode = message[3] & 15
        try:
            answer = decode(one.question, message, end, server, self._hub.now() - one.sent, tcp, len(one.failures) + 1)
        except WireError:
            return  # whoever sent it, a right answer may still come
        self._leave(one)
        kind = _SOFT.get(rcode)
        if kind is None:
            one.done(answer)
            return
        one.failures.append((kind, server, "the server said so"))
        one.answer = answer
        if rcode in (1, 4) and not one.plain:
            one.plain = True
            one.left.append(one.server)  # it may not know EDNS: ask the same one without (RFC 6891 §6.2.2)
            one.body = encode_question(one.question, edns=False)
        if one.left:
            self._next(one)
        else:
            one.done(answer)

    def _retry_tcp(self, one: _Try) -> None:
        try:
            self._send_tcp(one)
        except OSError as error:
            one.failures.append((Kind.NETWORK, str(self._servers[one.server]), str(error)))
            self._next(one)
        else:
            self._started(one)

    def link_failed(self, link: _Udp | _Tcp, error: OSError) -> None:
        """The kernel says that nobody is there: on to the next server at once."""
        if isinstance(link, _Tcp):
            for server, other in list(self._tcp.items()):
                if other is link:
                    del self._tcp[server]
            link.close()
        failed = list(link.flight.values())
        link.flight.clear()
        for one in failed:
            one.link = None
            self._leave(one)
            one.failures.append((Kind.NETWORK, link.server, str(error)))
            self._next(one)

    def _expire(self) -> None:
        self._timer = None
        now = self._hub.now()
        limit = now - self._config.timeout + 1e-6
        late = []
        for one in self._sent:
            if one.sent > limit:
                break
            late.append(one)
        for one in late:
            server = str(self._servers[one.server])
            self._leave(one)
            one.failures.append((Kind.TIMEOUT, server, f"no answer in {self._config.timeout} s"))
            self._next(one)
        if self._sent and self._timer is None:
            oldest = next(iter(self._sent))
            self._timer = self._hub.timers.add(oldest.sent + self._config.timeout, self._expire)

    def _give_up(self, one: _Try) -> None:
        if one not in self._sent:
            return
        self._leave(one)
        if one.answer is not None:
            one.done(one.answer)
            return
        kind, server, detail = one.failures[-1]
        tried = tuple(f"{server}: {kind.value}: {detail}" for kind, server, detail in one.failures)
        one.done(ResolveError(kind, one.question.name, detail=detail, server=server, tried=tried))

    def close(self) -> None:
        """See ``Engine.close``."""
        if self._closed:
            return
        self._closed = True
        for one in list(self._sent):
            self._leave(one)
            error = ResolveError(Kind.CANCELLED, one.question.name, detail="the engine was closed")
            self._hub.call_soon(one.done, error)
        for links in self._udp:
            for link in links:
                link.close()
        for server in list(self._tcp):
            self._close_idle(server)


def make(config: Config) -> PythonEngine:
    """The engine for the calling thread's hub."""
    return PythonEngine(config)
