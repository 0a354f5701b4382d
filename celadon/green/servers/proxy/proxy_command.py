"""The command ``celadon proxy``: its arguments become ProxyServers, which serve until a signal ends them."""

from __future__ import annotations

import logging
import resource
import signal
import sys
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from typing import Any

from ....hub import Event, Group, signal_handler, spawn
from ....patch_options import UsageError
from ....resolver import CrawlerResolver, reset, use
from ..debug_page import page
from ..prefork import Prefork, Rules, Worker
from ..proxied import Trusted
from ..stream import StreamServer
from ..wsgi import WSGIServer
from .proxy_options import DEFAULT_ADDRESS, USAGE, ProxySettings, parse
from .proxy_server import ProxyServer, proxy_sections, pseudonym

log: logging.Logger = logging.getLogger("celadon.proxy")

#: Descriptors that are asked for, where the system lets us have them: two for each tunnel.
_DESCRIPTORS = 65536


def main(args: list[str]) -> int:
    """Serve until TERM or INT. Returns the exit code: 2 for wrong arguments, 1 if it cannot serve."""
    if args and args[0] in ("-h", "--help"):
        print(USAGE, end="")
        return 0
    try:
        settings = parse(args)
        resolver = _resolver(settings)
    except (UsageError, ValueError, TypeError, LookupError, RuntimeError) as error:
        return _complain(str(error), 2)
    logging.basicConfig(
        level=settings.log_level.upper(), stream=sys.stderr, format="%(asctime)s %(process)d %(levelname)s %(message)s"
    )
    _raise_limit()
    if settings.workers > 1:
        resolver.close()  # it has shown that its options are right; each worker makes its own
        return _prefork(settings)
    use(resolver)  # also for the page
    with ExitStack() as stack:
        stack.callback(reset)
        try:
            servers = _started(settings, resolver, stack)
        except OSError as error:
            return _complain(_reason(error), 1)
        except ValueError as error:
            return _complain(str(error), 2)
        _serve(servers, settings.graceful_timeout)
    return 0


def _resolver(settings: ProxySettings) -> CrawlerResolver:
    options = dict(settings.resolver)
    return CrawlerResolver(options.pop("resolver", "python"), guard=settings.guard, **options)


def _reason(error: OSError) -> str:
    return ": ".join(filter(None, (error.filename, error.strerror or str(error))))


def _prefork(settings: ProxySettings) -> int:
    """Serve by several processes; the exit code."""
    me = pseudonym()
    addresses = settings.bind or (DEFAULT_ADDRESS,)
    rules = Rules(graceful_timeout=settings.graceful_timeout)
    try:
        master = Prefork(
            addresses,
            lambda worker: _work(worker, settings, me),
            settings.workers,
            rules=rules,
            backlog=ProxyServer.backlog,
            unix_mode=settings.unix_mode,
        )
        return master.run()
    except OSError as error:
        return _complain(_reason(error), 1)


def _work(worker: Worker, settings: ProxySettings, me: bytes) -> None:
    """What each worker does."""
    resolver = _resolver(settings)
    use(resolver)
    try:
        servers = _proxies(settings, resolver, _lines(settings), worker.listeners)
        for one in servers:
            one.pseudonym = me  # of all workers: a request that comes back may reach another
            one.init_socket()
    except OSError as error:
        worker.fail(f"celadon proxy: {_reason(error)}", 1)
    except ValueError as error:
        worker.fail(f"celadon proxy: {error}", 2)
    if not worker.slot:
        for one in servers:
            log.info("listens on %s, %d workers", _shown(one.address), settings.workers)
    worker.run(*servers)


def _lines(settings: ProxySettings) -> Any:
    """The access log, line by line: who follows it sees each at once, and those of several workers do not mix."""
    if settings.access_log is None:
        return None
    path: Any = sys.stdout.fileno() if settings.access_log == "-" else settings.access_log
    return open(path, "a", buffering=1, encoding="utf-8", closefd=settings.access_log != "-")


def _proxies(
    settings: ProxySettings, resolver: CrawlerResolver, lines: Any, places: Iterable[Any]
) -> list[ProxyServer]:
    """A server for each address, or socket that listens already."""
    servers = []
    for place in places:
        server = ProxyServer(
            place,
            resolver,
            destinations=settings.destinations,
            users=settings.users,
            limits=settings.limits,
            log=lines,
        )
        server.unix_mode = settings.unix_mode
        servers.append(server)
    return servers


def _complain(what: str, code: int) -> int:
    print(f"celadon proxy: {what}", file=sys.stderr)
    return code


def _raise_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(_DESCRIPTORS, hard)
    if soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _started(settings: ProxySettings, resolver: CrawlerResolver, stack: ExitStack) -> list[StreamServer]:
    """The servers, accepting; the page's is the last. OSError, ValueError."""
    lines = _lines(settings)
    if lines is not None:
        stack.callback(lines.close)
    proxies = _proxies(settings, resolver, lines, settings.bind or (DEFAULT_ADDRESS,))
    servers: list[StreamServer] = [*proxies]
    if settings.debug_page is not None:
        servers.append(WSGIServer(settings.debug_page, page(proxies, sections=proxy_sections(proxies)), log=None))
    for one in servers:
        stack.callback(one.kill)
        one.start()
        where = one.address
        if isinstance(one, WSGIServer):
            if isinstance(where, tuple) and where not in Trusted():
                raise ValueError(f"--debug-page: {where[0]} port {where[1]} is not loopback")
            log.info("the debug page is at %s", _shown(where))
        else:
            log.info("listens on %s", _shown(where))
    return servers


def _shown(where: Any) -> str:
    if not isinstance(where, tuple):
        return f"unix:{where}"
    return f"[{where[0]}]:{where[1]}" if ":" in where[0] else f"{where[0]}:{where[1]}"


def _serve(servers: list[StreamServer], seconds: float) -> None:
    """Until a signal; then what is open may go on for so many seconds, or until the second signal."""
    signals = Event()
    hurry = Event()

    def came() -> None:
        if signals.is_set():
            hurry.set()
        signals.set()

    handlers = [signal_handler(one, came) for one in (signal.SIGTERM, signal.SIGINT)]
    try:
        signals.wait()
        log.info("ends; open tunnels may go on for %g s", seconds)
        ending = Group()
        for server in servers:
            ending.spawn(server.stop, seconds)
        spawn(_when_ended, ending, hurry)
        hurry.wait()
        ending.kill()
    finally:
        for handler in handlers:
            handler.cancel()


def _when_ended(ending: Group, hurry: Event) -> None:
    ending.join()
    hurry.set()


__all__ = ["main"]
