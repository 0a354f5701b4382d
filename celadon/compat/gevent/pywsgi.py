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
        """As there; gevent's users also write text. An application that says nothing is no error of the hub's."""
        if not data and self.status is None:
            self.log_error("%s: the application did not call start_response", self.requestline)
            self._answer(500, "")
            return
        super().write(data.encode("latin-1") if isinstance(data, str) else data)

    def start_response(self, status: Any, headers: Any, exc_info: Any = None) -> Any:
        """As there, with gevent's words for a line break, and its UnicodeError for what is not latin-1 text."""
        try:
            return super().start_response(status, headers, exc_info)
        except (TypeError, ValueError) as error:
            for name, value in headers:
                for one in (name, value):
                    if not isinstance(one, str):
                        raise UnicodeError("The header must be a native string", name, value) from error
                    one.encode("latin-1")
            for what, texts in (
                ("status", [status]),
                ("header name", [name for name, _ in headers]),
                ("header value", [value for _, value in headers]),
            ):
                if any(isinstance(one, str) and ("\r" in one or "\n" in one) for one in texts):
                    raise ValueError(f"carriage return or newline in {what}") from error
            raise

    def get_environ(self) -> dict[str, Any]:
        """As there. An upgrade is also offered to who says only one half of it: a proxy may drop ``Connection``."""
        environ = super().get_environ()
        if self._upgrade is None and self._head is not None and _half_an_upgrade(environ):
            self._offer_upgrade(environ, self._head)
        return environ

    def _report(self, kind: Any, error: BaseException, trace: Any) -> None:
        secure, context = self.server.secure_environ_class, self.environ
        if context is not None and not isinstance(context, secure):
            context = secure(context)  # its repr says nothing of what the client sent
        get_hub().handle_error(context, kind, error, trace)


def _half_an_upgrade(environ: dict[str, Any]) -> bool:
    wishes = environ.get("HTTP_CONNECTION", ""), environ.get("HTTP_UPGRADE", "")
    return bool(wishes[0].lower() == "upgrade" or wishes[1].lower() == "websocket")


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
    """Serves a WSGI application over HTTP/1.1, also to clients that do not say ``Host``.

    Lines of its log are gevent's unless ``log_format`` is given.
    """

    limits = wsgi.Limits(host=False)
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
