"""The logs: formats, where they go, and that no client can write into them."""

import json
import logging
import re

import pytest

from celadon.green.servers.wsgi import (
    LoggingLogAdapter,
    WSGIServer,
)

from .clients import talk
from .corpus import NEXT, get

CLOSE = b"Connection: close"


def test_the_combined_log(serve, hello):
    server = serve(hello)
    talk(server, get(b"/a?b", b"Referer: http://r/", b'User-Agent: me "quoted" \\ \xe9', CLOSE))
    line = server.log.getvalue()
    assert re.fullmatch(
        r'127\.0\.0\.1 - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "GET /a\?b HTTP/1\.1" 200 5 '
        r'"http://r/" "me \\x22quoted\\x22 \\x5c \\xe9"\n',
        line,
    ), line


def test_the_json_log(serve, hello):
    server = serve(hello, log_format="json")
    talk(server, get(b"/a?b", b'User-Agent: me "\xe9"', CLOSE))
    (line,) = server.log.getvalue().splitlines()
    entry = json.loads(line)
    assert (entry["client"], entry["request"], entry["status"], entry["bytes"]) == (
        "127.0.0.1",
        "GET /a?b HTTP/1.1",
        200,
        5,
    )
    assert entry["user_agent"] == 'me "\xe9"'
    assert 0 <= entry["seconds"] < 10


@pytest.mark.parametrize("log_format", ["combined", "json"])
def test_a_client_cannot_write_into_the_log(serve, hello, log_format):
    """Also of requests that are refused: no control character, no second line, nothing that is not ASCII."""
    server = serve(hello, log_format=log_format)
    for request in (
        b"GET /\x1b[2J\x07 HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET /\n127.0.0.1 - - HTTP/1.1\r\nHost: h\r\n\r\n",
        b'GET /\x85\xa8\xff" HTTP/1.1\r\nHost: h\r\n\r\n',
        b"\x00\x01\x02\r\n\r\n",
        get(b"/", b"User-Agent: \x85\xa8", CLOSE),
    ):
        talk(server, request)
    text = server.log.getvalue()
    assert text.isascii()
    assert len(text.splitlines()) == text.count("\n") == 5
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text)
    errors = server.error_log.getvalue()
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\xff]", errors)


def test_a_log_format_of_the_users(serve, hello):
    server = serve(hello, log_format=lambda handler: f"{handler.code} {handler.response_length}")
    talk(server, NEXT)
    assert server.log.getvalue() == "200 5\n"
    with pytest.raises(ValueError, match="log_format"):
        WSGIServer(0, hello, log_format="other")


def test_loggers(serve, hello, caplog):
    caplog.set_level(logging.INFO)
    server = serve(hello, log=logging.getLogger("access"), error_log=logging.getLogger("errors"))
    talk(server, NEXT)
    talk(server, b"bad\r\n\r\n")
    assert [(one.name, one.levelname) for one in caplog.records] == [
        ("access", "INFO"),
        ("errors", "ERROR"),
        ("access", "INFO"),
    ]
    adapter = LoggingLogAdapter(logging.getLogger("access"), logging.WARNING)
    adapter.writelines(["a %s\n", "b"])
    adapter.flush()
    adapter.x = 1
    assert logging.getLogger("access").x == adapter.x == 1
    del adapter.x
    assert [one.getMessage() for one in caplog.records[-2:]] == ["a %s", "b"]


def test_no_log(serve, hello, capsys):
    talk(serve(hello, log=None, error_log=None), b"bad\r\n\r\n")
    server = serve(hello, log="default", error_log="default")
    talk(server, NEXT)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1


def test_handle_is_no_argument(hello):
    with pytest.raises(TypeError, match="application"):
        WSGIServer(0, handle=hello)
