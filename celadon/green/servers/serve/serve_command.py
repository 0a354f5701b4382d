"""The command ``celadon serve``: its arguments become a Prefork of WSGIServers."""

from __future__ import annotations

import logging
import os
import ssl
import sys
from typing import Any

from ....hub import sleep, spawn
from ....patch_options import UsageError
from ...patching.patch_all import patch_all
from ..inherited import systemd_listeners
from ..prefork import Prefork, Rules, Worker
from ..proxied import ProxyProtocol, Trusted
from ..tls_files import TlsFiles
from ..wsgi import Limits, WSGIServer
from .application import LoadError, load
from .serve_options import DEFAULT_ADDRESS, USAGE, Settings, parse
from .source_files import Watched

log: logging.Logger = logging.getLogger("celadon.serve")

#: Seconds between two looks at the modules' files.
_LOOK_EVERY = 0.5


def main(args: list[str]) -> int:
    """Serve until a signal ends it. Returns the exit code: 2 for wrong arguments, 1 if it cannot serve.

    What is wrong is said in one line; what the application fails with, by its traceback.
    """
    if args and args[0] in ("-h", "--help"):
        print(USAGE, end="")
        return 0
    try:
        settings, folder = parse(args), os.getcwd()
        if settings.chdir is not None:
            os.chdir(settings.chdir)
        tls = tls_of(settings)
        patch_all(**settings.patch)
    except OSError as error:
        return _complain(_reason(error), 1)
    except (UsageError, ValueError, TypeError, LookupError, RuntimeError) as error:
        return _complain(str(error), 2)
    logging.basicConfig(
        level=settings.log_level.upper(), stream=sys.stderr, format="%(asctime)s %(process)d %(levelname)s %(message)s"
    )
    if not sys.flags.safe_path:
        sys.path.insert(0, os.getcwd())
    try:
        return _prefork(settings, tls, folder).run()
    except LoadError as error:
        return _complain(str(error), error.code)
    except (OSError, RuntimeError, ValueError) as error:
        return _complain(_reason(error), 1)


def _reason(error: Exception) -> str:
    """Without the number, which says nothing that its text does not."""
    if not isinstance(error, OSError) or error.strerror is None:
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror


def _complain(what: str, code: int) -> int:
    print(_text(what), file=sys.stderr)
    return code


def _text(what: str) -> str:
    """One line of ours is marked as ours; a traceback is the application's."""
    return what if "\n" in what else f"celadon serve: {what}"


def tls_of(settings: Settings) -> dict[str, Any]:
    """The arguments for TLS, tried once: OSError now, and not in each worker."""
    if settings.certfile is None:
        return {}
    made: dict[str, Any] = {"certfile": settings.certfile, "keyfile": settings.keyfile}
    if settings.ca_certs is not None:
        made |= {"ca_certs": settings.ca_certs, "cert_reqs": ssl.CERT_REQUIRED}
    for path in (settings.certfile, settings.keyfile, settings.ca_certs):
        if path is not None:
            os.close(os.open(path, os.O_RDONLY))  # OpenSSL does not say which one is missing
    try:
        TlsFiles(**made).context()
    except OSError as error:
        raise ValueError(f"the certificate {settings.certfile} cannot be used: {error}") from None
    return made


def _prefork(settings: Settings, tls: dict[str, Any], folder: str) -> Prefork:
    addresses: list[Any] = list(settings.bind) or [one.socket for one in systemd_listeners()] or [DEFAULT_ADDRESS]
    return Prefork(
        addresses,
        lambda worker: work(worker, settings, tls),
        workers=settings.workers,
        rules=Rules(graceful_timeout=settings.graceful_timeout, silence_timeout=settings.silence_timeout),
        backlog=settings.backlog,
        reuse_port=settings.reuse_port,
        unix_mode=settings.unix_mode,
        max_requests=settings.max_requests,
        max_age=settings.max_age,
        preload=(lambda: load(settings.name)) if settings.preload else None,
        pid_path=settings.pid,
        folder=folder,
    )


def work(worker: Worker, settings: Settings, tls: dict[str, Any]) -> None:
    """What each worker does."""
    try:
        application = load(settings.name)
    except LoadError as error:
        worker.fail(_text(str(error)), error.code)
    access = None
    if settings.access_log is not None:
        # Line by line: each is one write, so those of several workers do not mix.
        access = sys.stdout if settings.access_log == "-" else open(settings.access_log, "a", buffering=1)  # noqa: SIM115
    servers = [server_of(settings, one, application, access, tls) for one in worker.listeners]
    for one in servers:
        log.debug("serves %s:%s at %s", settings.name.module, settings.name.attribute, one.address)
    if settings.reload:
        spawn(_watch, worker)
    worker.run(*servers)


def server_of(settings: Settings, listener: Any, application: Any, access: Any, tls: dict[str, Any]) -> WSGIServer:
    """The server for one listening socket."""
    wishes = {
        "connections": settings.max_connections,
        "body": settings.max_body,
        "keep_alive_seconds": settings.keep_alive,
        "header_seconds": settings.header_timeout,
    }
    server = WSGIServer(
        listener,
        application,
        log=access,
        log_format=settings.access_log_format,
        trusted_proxies=settings.forwarded_allow_ips,
        limits=Limits(**{name: value for name, value in wishes.items() if value is not None}),  # type: ignore[arg-type]
        environ={"wsgi.multiprocess": settings.workers > 1},
        **tls,
    )
    if settings.proxy_protocol:
        server.proxy_protocol = ProxyProtocol(Trusted(settings.proxy_allow_ips))
    return server


def _watch(worker: Worker) -> None:
    """Ask for a replacement when a file has changed. If that one fails, it is tried again until the file is mended."""
    watched = Watched()
    while True:
        sleep(_LOOK_EVERY)
        changes = watched.changes()
        if changes:
            log.info("%s has changed", ", ".join(changes))
            worker.retire()


__all__ = ["main"]
