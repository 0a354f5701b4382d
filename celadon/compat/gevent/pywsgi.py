"""The WSGI server. ``python -m gevent.pywsgi module:application`` serves one."""

from __future__ import annotations

import argparse
import importlib
import time
from typing import Any

from celadon.green.servers import wsgi
from celadon.green.servers.wsgi import Environ, LoggingLogAdapter, SecureEnviron, WSGISecureEnviron
from celadon.green.servers.wsgi.access_log import escape

from ._hub_local import get_hub

#: Bytes that a request line may have.
MAX_REQUEST_LINE = 8192


class WSGIHandler(wsgi.WSGIHandler):
    """One connection. What an application fails with goes to ``handle_error`` of the hub, as in gevent."""

    def write(self, data: Any) -> None:
        """As there; gevent's users also write text."""
        super().write(data.encode("latin-1") if isinstance(data, str) else data)

    def _report(self, kind: Any, error: BaseException, trace: Any) -> None:
        get_hub().handle_error(self.environ, kind, error, trace)


def _line(handler: Any) -> str:
    """As gevent has it: client, local time, request line, status, bytes of the body, seconds."""
    client = handler.client_address
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(handler.time_finish))
    return (
        f"{escape(str(client[0])) if isinstance(client, tuple) and client else client or '-'} - - [{moment}] "
        f'"{escape(handler.requestline or "")}" {handler.code or "000"} {handler.response_length or "-"} '
        f"{handler.time_finish - handler.time_start:.6f}"
    )


class WSGIServer(wsgi.WSGIServer):
    """Serves a WSGI application over HTTP/1.1; lines of its log are gevent's unless ``log_format`` is given."""

    handler_class = WSGIHandler

    def __init__(self, *args: Any, log_format: Any = _line, **options: Any) -> None:
        super().__init__(*args, log_format=log_format, **options)

    @property
    def loop(self) -> Any:
        """The hub's."""
        return get_hub().loop


def main() -> None:
    """Serve ``module:application`` on ``--bind`` (host:port)."""
    parser = argparse.ArgumentParser(prog="gevent.pywsgi")
    parser.add_argument("app", help="module:application")
    parser.add_argument("-b", "--bind", default="127.0.0.1:8080")
    options = parser.parse_args()
    module, _, name = options.app.partition(":")
    application: Any = getattr(importlib.import_module(module), name or "application")
    WSGIServer(options.bind, application).serve_forever()


if __name__ == "__main__":
    main()

__all__ = ["Environ", "LoggingLogAdapter", "SecureEnviron", "WSGIHandler", "WSGISecureEnviron", "WSGIServer"]
