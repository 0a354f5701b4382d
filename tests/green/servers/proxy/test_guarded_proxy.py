"""GuardedProxy: in a thread beside a blocking program, and what it gives each kind of client."""

import contextlib
import http.server
import io
import json
import subprocess
import sys
import threading

import pytest
import requests

pytest.importorskip("httptools", reason="the proxy needs httptools")

from celadon.green.servers.proxy import ClientSettings, GuardedProxy
from celadon.resolver import CrawlerResolver, Guard


class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        target = self.path.partition("?to=")[2]
        self.send_response(302 if target else 200)
        if target:
            self.send_header("Location", target)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *args):
        pass


@pytest.fixture
def site():
    with http.server.ThreadingHTTPServer(("0.0.0.0", 0), Page) as made:
        serving = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield made.server_address[1]
        made.shutdown()
        serving.join()


GUARD = Guard(allow=["127.0.1.0/24"])


def test_requests_through_it(names, site):
    log = io.StringIO()
    with (
        GuardedProxy(servers=names.servers, guard=GUARD, log=log) as proxy,
        contextlib.closing(requests.Session()) as session,
    ):
        session.trust_env = False
        session.proxies = proxy.requests
        assert session.get(f"http://good.test:{site}/", timeout=5).text == "hello"
        answer = session.get(f"http://good.test:{site}/?to=http://127.0.0.1:{site}/", timeout=5)
        assert (answer.status_code, "127.0.0.1 is loopback" in answer.text) == (403, True)
        with pytest.raises(requests.exceptions.ProxyError, match="403"):
            session.get("https://evil.test/", timeout=5)
        assert proxy.statistics.http == 3
    assert [json.loads(line)["status"] for line in log.getvalue().splitlines()] == [200, 302, 403, 403]


def test_it_asks_for_a_password_and_gives_it(names, site):
    with (
        GuardedProxy(servers=names.servers, guard=GUARD, user="a@b", password="p:w/") as proxy,
        contextlib.closing(requests.Session()) as session,
    ):
        session.trust_env = False
        assert session.get(f"http://good.test:{site}/", proxies=proxy.requests, timeout=5).text == "hello"
        bare = f"http://127.0.0.1:{proxy.address[1]}"
        assert session.get(f"http://good.test:{site}/", proxies={"http": bare}, timeout=5).status_code == 407


def test_a_resolver_of_the_programs_stays_open(names):
    with contextlib.closing(CrawlerResolver("python", servers=names.servers, guard=GUARD)) as mine:
        with GuardedProxy(resolver=mine) as proxy:
            assert proxy.resolver is mine
        assert mine.find("good.test", 80)


def test_what_cannot_be():
    with contextlib.closing(CrawlerResolver("thread")) as mine, pytest.raises(TypeError, match="has its guard"):
        GuardedProxy(resolver=mine, guard=GUARD)
    with pytest.raises(TypeError, match="go together"):
        GuardedProxy(user="a")
    with pytest.raises(ValueError, match="not a host"):
        GuardedProxy(deny_hosts=["a b"])
    with pytest.raises(ValueError, match="open to everybody"):
        GuardedProxy(("0.0.0.0", 0)).start()
    with pytest.raises(RuntimeError, match="no address yet"):
        GuardedProxy().url  # noqa: B018


def test_a_port_that_is_taken():
    with GuardedProxy() as proxy, pytest.raises(OSError, match="cannot listen"):
        GuardedProxy(proxy.address).start()


def test_twice():
    proxy = GuardedProxy()
    proxy.start()
    with pytest.raises(RuntimeError, match="started already"):
        proxy.start()
    proxy.close()
    proxy.close()


PLAIN = ClientSettings(("127.0.0.1", 3128))
SECRET = ClientSettings(("::1", 3128, 0, 0), "a@b", "p:w")


def test_what_clients_are_given():
    assert (PLAIN.url, PLAIN.socks_url) == ("http://127.0.0.1:3128", "socks5h://127.0.0.1:3128")
    assert SECRET.url == "http://a%40b:p%3Aw@[::1]:3128"
    assert "--proxy-server=http://[::1]:3128" in SECRET.chromium
    assert "--proxy-bypass-list=<-loopback>" in PLAIN.chromium
    assert PLAIN.playwright == {"server": "http://127.0.0.1:3128", "bypass": "<-loopback>"}
    assert (SECRET.playwright["username"], SECRET.playwright["password"]) == ("a@b", "p:w")
    assert PLAIN.env["https_proxy"] == PLAIN.env["HTTP_PROXY"] == PLAIN.url
    assert PLAIN.env["no_proxy"] == PLAIN.env["NO_PROXY"] == ""
    assert PLAIN.requests == {"http": PLAIN.url, "https": PLAIN.url}
    assert PLAIN.crawlee == [PLAIN.url]
    assert PLAIN.curl == ["--proxy", PLAIN.url, "--noproxy", ""]


def test_at_a_unix_socket():
    one = ClientSettings("/run/proxy")
    assert one.curl == ["--proxy", "socks5h://localhost/run/proxy", "--noproxy", ""]
    with pytest.raises(ValueError, match="needs a port"):
        one.url  # noqa: B018


def test_it_makes_no_hub_in_the_callers_thread():
    """That one may be trio's or asyncio's, which have the signals' descriptor for themselves."""
    code = """
import signal
from celadon.green.servers.proxy import GuardedProxy
with GuardedProxy() as proxy:
    print(signal.set_wakeup_fd(-1), proxy.url[:17])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "-1 http://127.0.0.1:\n"
