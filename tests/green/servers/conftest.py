"""A WSGIServer for the tests of WebSockets; those of HTTP have one of their own."""

import contextlib
import io

import pytest

from celadon.green.servers.websocket import WebSocketHandler
from celadon.green.servers.wsgi import WSGIServer


@pytest.fixture
def serve():
    with contextlib.ExitStack() as stack:

        def start(application, handler_class=WebSocketHandler, **kwargs):
            arguments = {"log": io.StringIO(), "error_log": io.StringIO(), **kwargs}
            return stack.enter_context(
                WSGIServer(("127.0.0.1", 0), application, handler_class=handler_class, **arguments)
            )

        yield start
