"""The command ``celadon proxy``: its arguments become ProxyServers, which serve until a signal ends them."""

from __future__ import annotations

import logging
import resource
import signal
import sys
from contextlib import ExitStack, suppress
from typing import Any

from ....hub import Event, Group, signal_handler, spawn
from ....patch_options import UsageError
from ....resolver import CrawlerResolver, reset, use
from ..debug_page import page
from ..proxied import Trusted
from ..stream import StreamServer
from ..wsgi import WSGIServer
from .proxy_options import DEFAULT_ADDRESS, USAGE, ProxySettings, parse
from .proxy_server import ProxyServer, proxy_sections

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
        options = dict(settings.resolver)
        resolver = CrawlerResolver(options.pop("resolver", "python"), guard=settings.guard, **options)
    except (UsageError, ValueError, TypeError, LookupError, RuntimeError) as error:
        return _complain(str(error), 2)
    logging.basicConfig(
        level=settings.log_level.upper(), stream=sys.stderr, format="%(asctime)s %(process)d %(levelname)s %(message)s"
    )
    use(resolver)  # also for the page
    _raise_limit()
    with ExitStack() as stack:
        stack.callback(reset)
        try:
            servers = _started(settings, resolver, stack)
        except OSError as error:
            return _complain(": ".join(filter(None, (error.filename, error.strerror or str(error)))), 1)
        except ValueError as error:
            return _complain(str(error), 2)
        _serve(servers, settings.graceful_timeout)
    return 0


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
    lines: Any = None
    if settings.access_log is not None:
        # Line by line, so that who follows it sees each at once.
        path: Any = sys.stdout.fileno() if settings.access_log == "-" else settings.access_log
        lines = open(path, "a", buffering=1, encoding="utf-8", closefd=settings.access_log != "-")  # noqa: SIM115
        stack.callback(lines.close)
    proxies: list[ProxyServer] = []
    for address in settings.bind or (DEFAULT_ADDRESS,):
        server = ProxyServer(
            address,
            resolver,
            destinations=settings.destinations,
            users=settings.users,
            limits=settings.limits,
            log=lines,
        )
        server.unix_mode = settings.unix_mode
        proxies.append(server)
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
