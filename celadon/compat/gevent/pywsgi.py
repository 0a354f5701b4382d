"""The WSGI server. ``python -m gevent.pywsgi module:application`` serves one."""

from __future__ import annotations

import argparse
import importlib
from typing import Any

from celadon.green.servers import wsgi
from celadon.green.servers.wsgi import Environ, LoggingLogAdapter, SecureEnviron, WSGISecureEnviron

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


class WSGIServer(wsgi.WSGIServer):
    """Serves a WSGI application over HTTP/1.1."""

    handler_class = WSGIHandler

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
