"""A server for each test, and what it wrote to its logs."""

import contextlib
import io

import pytest

from celadon.green.servers.wsgi import WSGIServer


@pytest.fixture
def serve():
    """``serve(application, **arguments)``: a server on loopback; it writes to ``server.log`` and ``.error_log``."""
    with contextlib.ExitStack() as stack:

        def start(application, *args, listener=("127.0.0.1", 0), server_class=WSGIServer, **kwargs):
            arguments = {"log": io.StringIO(), "error_log": io.StringIO(), **kwargs}
            return stack.enter_context(server_class(listener, application, *args, **arguments))

        yield start


@pytest.fixture
def hello():
    """An application that says hello."""

    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"hello"]

    return application
