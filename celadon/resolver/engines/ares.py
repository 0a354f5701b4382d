"""DNS questions through c-ares: one pycares channel per hub, its sockets on the poller, its timeouts on a timer.

pycares' traps decide the shape (measured on 5.2.1): only ``query``, never its getaddrinfo; only safe options;
a large receive buffer, or floods are lost silently; callbacks may come from inside ``query`` or, when a channel is
dropped, from a foreign thread, so each result is queued to the hub and a closed engine ignores them; one query
cannot be cancelled, so a cancelled one is forgotten, and the channel's ``cancel`` runs when the last one is.
c-ares shortens its timeouts by what it has seen before, so ``timeout`` is its upper bound here, not a promise.
"""

from __future__ import annotations

import _thread
from collections import deque
from typing import Any

import pycares

from ...hub import Timer, Watch, get_hub, watch
from ..errors import Kind, ResolveError
from ..model import Answer, Config, Question, Record, RRType
from ..protocols import Cancel, Done, Engine
from ..wire import encode_question
from . import python

_RCVBUF = 4 << 20
_IN_FLIGHT = 8192  # c-ares spins for ever at 65,536

# c-ares' status -> response code that it stands for, or the kind of failure.
_RCODES = {pycares.errno.ARES_ENODATA: 0, pycares.errno.ARES_ENOTFOUND: 3}
_FAILED_RCODES = {
    pycares.errno.ARES_EFORMERR: 1,
    pycares.errno.ARES_ESERVFAIL: 2,
    pycares.errno.ARES_ENOTIMP: 4,
    pycares.errno.ARES_EREFUSED: 5,
}
_KINDS = {
    pycares.errno.ARES_ETIMEOUT: Kind.TIMEOUT,
    pycares.errno.ARES_ECONNREFUSED: Kind.NETWORK,
    pycares.errno.ARES_EBADNAME: Kind.ILLEGAL,
    pycares.errno.ARES_ECANCELLED: Kind.CANCELLED,
    pycares.errno.ARES_EDESTRUCTION: Kind.CANCELLED,
}


def _host(name: str) -> str:
    return name.rstrip(".") + "."


# Record type -> how pycares' record becomes zone-file text. What is not here goes to the python engine.
_PARSED: dict[int, Any] = {
    RRType.A: lambda d: d.addr,
    RRType.AAAA: lambda d: d.addr,
    RRType.CNAME: lambda d: _host(d.cname),
    RRType.NS: lambda d: _host(d.nsdname),
    RRType.PTR: lambda d: _host(d.dname),
    RRType.MX: lambda d: f"{d.priority} {_host(d.exchange)}",
    RRType.SRV: lambda d: f"{d.priority} {d.weight} {d.port} {_host(d.target)}",
}
_ASKED = frozenset(_PARSED)


def preload() -> None:
    """Nothing more to do: importing this module imported pycares, which keeps a thread and a lock of its own."""


_OPT_QUERY_CACHE = 1 << 21  # ares.h


_module: Any = pycares


class _Library:
    """Stands in for pycares' C library while a channel is made, to set what its constructor has no argument for.

    c-ares keeps a cache of its own, which holds NODATA for an hour and cannot be told to forget a name. It is turned
    off, where this pycares knows the option; the only cache is ours.
    """

    def __init__(self, library: Any) -> None:
        self._library = library
        self._lock = _thread.allocate_lock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._library, name)

    def ares_init_options(self, channel: Any, options: Any, mask: int) -> int:
        if hasattr(options, "qcache_max_ttl"):
            options.qcache_max_ttl = 0
            mask |= _OPT_QUERY_CACHE
        status: int = self._library.ares_init_options(channel, options, mask)
        return status

    def channel(self, **options: Any) -> pycares.Channel:
        """A channel made with pycares' own constructor over this library."""
        with self._lock:
            _module._lib = self
            try:
                return pycares.Channel(**options)
            finally:
                _module._lib = self._library


_library = _Library(_module._lib)


class AresEngine:
    """See the module. Belongs to the hub of the thread that made it."""

    name = "ares"

    def __init__(self, config: Config) -> None:
        self._hub = get_hub()
        self._config = config
        self._pending: dict[object, tuple[Question, Done, float]] = {}
        self._waiting: deque[tuple[object, Question, Done]] = deque()
        self._watches: dict[int, Watch] = {}
        self._timer: Timer | None = None
        self._closed = False
        self._fallback: Engine | None = None
        self._server = str(config.servers[0]) if len(config.servers) == 1 else None
        self._channel = _library.channel(
            flags=pycares.ARES_FLAG_STAYOPEN
            | pycares.ARES_FLAG_EDNS
            | pycares.ARES_FLAG_NOSEARCH
            | pycares.ARES_FLAG_NOALIASES,
            timeout=config.timeout,
            tries=config.attempts,
            ndots=config.ndots,
            domains=[],
            rotate=config.rotate,
            servers=[
                f"[{one.address}]:{one.port}" if ":" in one.address else f"{one.address}:{one.port}"
                for one in config.servers
            ],
            sock_state_cb=self._sock_state,
            socket_receive_buffer_size=_RCVBUF,
        )

    def __repr__(self) -> str:
        return f"<ares engine, {len(self._pending)} in flight>"

    def submit(self, question: Question, done: Done) -> Cancel:
        """See ``Engine.submit``. What pycares cannot parse, and a question with options, goes to the python engine."""
        if self._closed:
            raise ResolveError(Kind.CANCELLED, question.name, detail="the engine is closed")
        if question.rdtype not in _ASKED or question.rdclass != 1 or question.options is not None:
            if self._fallback is None:
                self._fallback = python.make(self._config)
            return self._fallback.submit(question, done)
        encode_question(question)  # what cannot be put on the wire is refused here, as by every engine
        key = object()
        if len(self._pending) >= _IN_FLIGHT:
            self._waiting.append((key, question, done))
        else:
            self._ask(key, question, done)
        return lambda: self._forget(key)

    def _ask(self, key: object, question: Question, done: Done) -> None:
        self._pending[key] = (question, done, self._hub.now())

        def answered(result: Any, error: int | None) -> None:
            if not self._closed:
                self._hub.call_soon(self._deliver, key, result, error)

        self._channel.query(question.name or ".", question.rdtype, callback=answered)
        if self._timer is None and self._pending:
            self._arm()

    def _forget(self, key: object) -> None:
        if self._pending.pop(key, None) is not None:
            if not self._pending:
                self._channel.cancel()
                self._disarm()
        else:
            self._waiting = deque(one for one in self._waiting if one[0] is not key)

    def _deliver(self, key: object, result: Any, error: int | None) -> None:
        pending = self._pending.pop(key, None)
        if pending is None:
            return  # cancelled
        if not self._pending:
            self._disarm()
        question, done, since = pending
        if self._waiting and not self._closed:
            self._ask(*self._waiting.popleft())
        rtt = self._hub.now() - since
        if error is None:
            records = tuple(
                Record(one.name.rstrip("."), one.type, one.ttl, _PARSED[one.type](one.data), one.record_class)
                for one in result.answer
                if one.type in _PARSED
            )
            done(Answer(question, 0, records, server=self._server, rtt=rtt, engine=self.name))
        elif error in _RCODES or error in _FAILED_RCODES:
            rcode = _RCODES.get(error, _FAILED_RCODES.get(error, 2))
            done(Answer(question, rcode, server=self._server, rtt=rtt, engine=self.name))
        else:
            kind = _KINDS.get(error, Kind.OTHER)
            done(ResolveError(kind, question.name, detail=str(pycares.errno.strerror(error)), server=self._server))

    # -- c-ares' sockets and clock ---------------------------------------------------------------------------

    def _sock_state(self, fd: int, readable: bool, writable: bool) -> None:
        if self._closed:
            return
        current = self._watches.get(fd)
        if not readable and not writable:
            if current is not None:
                del self._watches[fd]
                current.close()
            return
        on_readable = (lambda: self._process(fd, -1)) if readable else None
        on_writable = (lambda: self._process(-1, fd)) if writable else None
        if current is None:
            self._watches[fd] = watch(fd, on_readable, on_writable)
        else:
            current.update(on_readable, on_writable)

    def _process(self, read: int, write: int) -> None:
        if not self._closed:
            self._channel.process_fd(
                read if read >= 0 else pycares.ARES_SOCKET_BAD, write if write >= 0 else pycares.ARES_SOCKET_BAD
            )

    def _arm(self) -> None:
        wait: float | None = self._channel.timeout()  # type: ignore[no-untyped-call]
        self._timer = self._hub.call_later(max(wait if wait is not None else 1.0, 0.001), self._tick)

    def _tick(self) -> None:
        self._timer = None
        if not self._closed and self._pending:
            self._process(-1, -1)
            self._arm()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        """See ``Engine.close``."""
        if self._closed:
            return
        self._closed = True
        self._disarm()
        for key_question_done in (*self._pending.values(), *((q, d, 0.0) for _, q, d in self._waiting)):
            question, done, _ = key_question_done
            self._hub.call_soon(done, ResolveError(Kind.CANCELLED, question.name, detail="the engine was closed"))
        self._pending.clear()
        self._waiting.clear()
        for one in self._watches.values():
            one.close()
        self._watches.clear()
        self._channel.cancel()
        self._channel.close()
        if self._fallback is not None:
            self._fallback.close()


def make(config: Config) -> AresEngine:
    """The engine for the calling thread's hub."""
    return AresEngine(config)
