"""The debug page: what it shows, to whom it answers, and that it changes nothing."""

import json
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from celadon.hub import Event, sleep, spawn
from celadon.hub.debug.page import Page, plain


@pytest.fixture
def make():
    made = []

    def make(*args, **kwargs):
        made.append(Page(*args, **kwargs))
        return made[-1]

    yield make
    for one in made:
        one.close()


def get(page, path="/", **environ):
    found = []
    environ = {"PATH_INFO": path, "HTTP_HOST": "localhost:1", "QUERY_STRING": "", "SCRIPT_NAME": "", **environ}
    setup_testing_defaults(environ)
    answer = validator(page)(environ, lambda status, headers, info=None: found.extend((status, dict(headers))))
    with closing(answer):
        return found[0], found[1], b"".join(answer).decode()


def test_files_and_their_headers(make):
    page = make()
    for path, kind in {"/": "text/html", "/style.css": "text/css", "/script.js": "text/javascript"}.items():
        status, headers, body = get(page, path)
        assert status == "200 OK"
        assert headers["Content-Type"].startswith(kind)
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "http://" not in body.replace("http://www.w3.org/2000/svg", ""), "nothing of a third party"
        assert "innerHTML" not in body
        assert get(page, path, REQUEST_METHOD="HEAD")[2] == ""
    assert get(page, "/nothing")[0].startswith("404")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1:8000", "[::1]:8000", "127.8.8.8"])
def test_hosts_of_this_machine(make, host):
    assert get(make(), HTTP_HOST=host)[0] == "200 OK"


@pytest.mark.parametrize(
    "host",
    ["attacker.test", "localhost.attacker.test", "127.0.0.1.attacker.test", "127.0.0.1@x", "", "192.0.2.1", "::1"],
)
def test_other_hosts(make, host):
    page = make(hosts=["inside.test:80"])
    for path in ("/", "/data.json", "/events", "/metrics", "/explain"):
        assert get(page, path, HTTP_HOST=host)[0].startswith("421")
    assert get(page, HTTP_HOST="inside.test:80")[0] == "200 OK"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_read_only(make, method):
    status, headers, _ = get(make(), REQUEST_METHOD=method)
    assert status.startswith("405")
    assert headers["Allow"] == "GET, HEAD"


def test_what_it_shows(make):
    waiter = spawn(lambda: Event().wait())
    waiter.name = "<script>alert(1)</script>"
    sleep(0)

    @dataclass
    class Stats:
        name: str = 'a "pool"\n'
        free: int = 3

    page = make({"pools": lambda: [Stats()], "broken": lambda: 1 / 0, "resolver": lambda: {"errors": {"no-name": 2}}})
    data = json.loads(get(page, "/data.json")[2])["sections"]
    assert data["broken"] == {"error": "ZeroDivisionError('division by zero')"}
    assert data["hubs"][0]["parked"] >= 1
    (mine,) = [one for one in data["greenlets"] if "script" in one["greenlet"]]
    assert "Event" in mine["waits on"]
    assert "test_page.py" in mine["at"]
    metrics = get(page, "/metrics")[2]
    assert 'celadon_pools_free{name="a \\"pool\\"\\n"} 3\n' in metrics
    assert 'celadon_resolver_errors{key="no-name"} 2\n' in metrics
    assert "# TYPE celadon_hubs_parked gauge" in metrics
    waiter.kill()


def test_a_block_is_shown(make):
    page = make(limit=0.05)
    waiter = spawn(Event().wait)
    sleep(0.01)
    time.sleep(0.15)
    deadline = time.monotonic() + 2
    while not page.data()["sections"]["blocks"] and time.monotonic() < deadline:
        sleep(0.01)
    (block,) = page.data()["sections"]["blocks"][:1]
    assert block["seconds"] > 0.05
    assert "test_page.py" in block["at"]
    waiter.kill()


def test_live(make):
    page = make(every=0.001)
    environ = {"PATH_INFO": "/events", "HTTP_HOST": "localhost", "QUERY_STRING": ""}
    setup_testing_defaults(environ)
    found = []
    with closing(page(environ, lambda status, headers: found.append(dict(headers)))) as events:
        first, second = next(events), next(events)
    assert found[0]["Content-Type"] == "text/event-stream"
    assert first.startswith(b"data: {")
    assert second.endswith(b"}\n\n")
    assert b"\n" not in second[:-2]
    assert page._watchers == 0
    page._watchers = 8
    assert get(page, "/events")[0].startswith("503")


def test_explain(make):
    page = make(explain=lambda name: f"<b>{name}</b>")
    _, headers, body = get(page, "/explain", QUERY_STRING="name=a%20b")
    assert body == "<b>a b</b>"
    assert headers["Content-Type"].startswith("text/plain")
    assert get(make(), "/explain")[0].startswith("404")


def test_plain():
    assert plain({1: (float("nan"), float("inf"), 1.5, None, True, {"x"})}) == {
        "1": [None, None, 1.5, None, True, ["x"]]
    }
    assert plain(print) == "<built-in function print>"


def test_off_it_costs_nothing():
    code = "import sys, celadon.hub, celadon.green; sys.exit('celadon.hub.debug.page' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
