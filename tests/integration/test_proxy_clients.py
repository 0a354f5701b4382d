"""Real clients through ``GuardedProxy``: they get pages, and reach no private address, in whatever way it is named.

The site listens at every address of loopback, and notes at which it was connected to. Only 127.0.1.0/24 may be: it
stands for the Internet; 127.0.0.1 is what nobody must reach.
"""

import contextlib
import http.server
import importlib.util
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest

pytest.importorskip("httptools", reason="the proxy needs httptools")

from celadon.green.servers.proxy import GuardedProxy
from celadon.resolver import Guard
from celadon.resolver.testing import NameServer

from .browser import browser, chromium

HERE = Path(__file__).parent
needs = {
    name: pytest.mark.skipif(importlib.util.find_spec(name) is None, reason=f"{name} is not installed")
    for name in ("requests", "scrapy", "websockets", "playwright", "crawlee", "socks")
}
needs_chromium = pytest.mark.skipif(chromium() is None, reason="Chromium is not installed")
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")


@pytest.fixture(autouse=True)
def leaves_nothing():
    """Not looked for in this process."""


class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        parts = urlsplit(self.path)
        target = parse_qs(parts.query).get("to")
        host = self.headers["Host"].partition(":")[0]
        body = self.server.pages.get(parts.path, f"{host} at {self.connection.getsockname()[0]}").encode()
        self.send_response(302 if target else 200)
        if target:
            self.send_header("Location", target[0])
        self.send_header("Content-Type", "text/html" if parts.path in self.server.pages else "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Access-Control-Allow-Origin", "*")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Site(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("0.0.0.0", 0), Page)
        self.port = self.server_address[1]
        self.reached, self.pages = [], {}

    def get_request(self):
        made, peer = super().get_request()
        self.reached.append(made.getsockname()[0])
        return made, peer

    def handle_error(self, request, client_address):
        pass


@pytest.fixture
def site():
    with Site() as made:
        serving = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield made
        made.shutdown()
        serving.join()


@pytest.fixture
def names():
    with NameServer() as made:
        made.add("good.test", "A", "127.0.1.1")
        made.add("two.test", "A", "127.0.1.2")
        made.add("evil.test", "A", "127.0.0.1")
        made.add("meta.test", "A", "169.254.169.254")
        made.add("flip.test", "A", "127.0.1.3", ttl=0)
        yield made


@pytest.fixture
def start(names):
    """Starts a proxy."""
    with contextlib.ExitStack() as stack:

        def make(**arguments):
            options = {"servers": names.servers, "cache": {"min_ttl": 0}, "timeout": 1, **arguments}
            return stack.enter_context(GuardedProxy(guard=Guard(allow=["127.0.1.0/24"]), **options))

        yield make


@pytest.fixture
def flip(names):
    """Have flip.test lead to the machine itself from now on."""

    def now():
        names.remove("flip.test")
        names.add("flip.test", "A", "127.0.0.1", ttl=0)

    return now


HOSTS = ["evil.test", "meta.test", "127.0.0.1", "localhost", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "0.0.0.0",
         "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]"]  # fmt: skip


def private(port):
    """URLs that must never be fetched: names, literals in every form, and pages that redirect to these."""
    direct = [f"http://{host}:{port}/" for host in HOSTS]
    return [*direct, *(f"http://good.test:{port}/?to={quote(one, safe='')}" for one in direct)]


def environ(proxy):
    plain = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    return {**plain, **proxy.env}


# -- curl ------------------------------------------------------------------------------------------------------------


def curl(*words):
    done = subprocess.run(["curl", "-sS", "-m", "20", *words], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def ways(proxy):
    """Each way through it that curl knows."""
    where = "{}:{}".format(*proxy.address)
    return [proxy.curl, ["-p", *proxy.curl], ["--noproxy", "", "--socks5-hostname", where],
            ["--noproxy", "", "--socks5", where]]  # fmt: skip


@needs_curl
def test_curl(start, site):
    proxy = start()
    for way in ways(proxy)[:3]:
        assert curl(*way, f"http://good.test:{site.port}/")[:2] == (0, "good.test at 127.0.1.1")
        for url in private(site.port):
            code, out, said = curl("-L", "-w", "%{http_code}", *way, url)
            # 400: after a redirect to [::1], curl 7.88 writes Host without the brackets.
            assert code in (97, 56) or (code, out[-3:]) in ((0, "403"), (0, "400")), (url, code, out, said)
    code, out, _ = curl(*ways(proxy)[3], f"http://127.0.1.1:{site.port}/")
    assert (code, out) == (0, "127.0.1.1 at 127.0.1.1")
    assert curl(*ways(proxy)[3], f"http://127.0.0.1:{site.port}/")[0] == 97
    assert set(site.reached) == {"127.0.1.1"}


@needs_curl
def test_curl_with_a_password_and_at_a_unix_socket(start, site, tmp_path):
    proxy = start(user="ann", password="p:w/ d")
    assert curl(*proxy.curl, f"http://good.test:{site.port}/")[1] == "good.test at 127.0.1.1"
    assert curl("--noproxy", "", "-x", proxy.socks_url, f"http://good.test:{site.port}/")[1] == "good.test at 127.0.1.1"
    bare = "http://{}:{}".format(*proxy.address)
    assert curl("-w", "%{http_code}", "--noproxy", "", "-x", bare, f"http://good.test:{site.port}/")[1][-3:] == "407"
    proxy = start(listener=str(tmp_path / "s"))
    assert curl(*proxy.curl, f"http://good.test:{site.port}/")[1] == "good.test at 127.0.1.1"
    assert curl(*proxy.curl, f"http://evil.test:{site.port}/")[0] == 97
    assert set(site.reached) == {"127.0.1.1"}


# -- requests --------------------------------------------------------------------------------------------------------


def sessions(proxy):
    import requests

    kinds = [proxy.requests]
    if importlib.util.find_spec("socks") is not None:
        kinds.append({"http": proxy.socks_url, "https": proxy.socks_url})
    for proxies in kinds:
        with requests.Session() as session:
            session.trust_env = False
            session.proxies = proxies
            yield session


@needs["requests"]
def test_requests(start, site):
    import requests

    proxy = start()
    for session in sessions(proxy):
        for _ in range(3):
            assert session.get(f"http://good.test:{site.port}/", timeout=20).text == "good.test at 127.0.1.1"
        for url in private(site.port):
            try:
                assert session.get(url, timeout=20).status_code == 403
            except requests.ConnectionError as error:  # of SOCKS
                assert "not allowed" in str(error)  # noqa: PT017
    assert set(site.reached) == {"127.0.1.1"}


@needs["requests"]
def test_requests_and_a_name_that_changes_its_mind(start, site, flip):
    proxy = start()
    session = next(sessions(proxy))
    assert session.get(f"http://flip.test:{site.port}/", timeout=20).text == "flip.test at 127.0.1.3"
    flip()
    answer = session.get(f"http://flip.test:{site.port}/", timeout=20)
    assert (answer.status_code, "127.0.0.1 is loopback" in answer.text) == (403, True)
    assert set(site.reached) == {"127.0.1.3"}


# -- Scrapy ----------------------------------------------------------------------------------------------------------


@needs["scrapy"]
@pytest.mark.parametrize("settings", [{}, {"TWISTED_REACTOR_ENABLED": False}], ids=["reactor", "aiohttp"])
def test_scrapy(start, site, settings):
    proxy = start()
    good = [f"http://good.test:{site.port}/", f"http://two.test:{site.port}/?to=http://good.test:{site.port}/"]
    words = [sys.executable, "-m", "tests.integration.programs.through_proxy", json.dumps(settings)]
    done = subprocess.run(
        [*words, *good, *private(site.port)], capture_output=True, text=True, timeout=100, check=False,
        env=environ(proxy), cwd=HERE.parents[1],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    got = json.loads(done.stdout)
    assert [got.pop(url) for url in good] == [[200, "good.test at 127.0.1.1"]] * 2
    assert {status for status, _ in got.values()} <= {403, None}
    assert not [text for _, text in got.values() if " at 127" in text]
    assert set(site.reached) == {"127.0.1.1", "127.0.1.2"}


@needs["scrapy"]
def test_scrapy_does_not_retry_what_the_proxy_knows_to_be_final(start, site):
    log = io.StringIO()
    proxy = start(log=log)
    settings = {
        "RETRY_ENABLED": True,
        "DOWNLOADER_MIDDLEWARES": {
            "scrapy.downloadermiddlewares.retry.RetryMiddleware": None,
            "celadon.resolver.adapters.scrapy.RetryMiddleware": 550,
        },
    }
    words = [sys.executable, "-m", "tests.integration.programs.through_proxy", json.dumps(settings)]
    urls = [f"http://{host}.test:{site.port}/" for host in ("nx", "evil", "good")]
    with socket.socket() as one:
        one.bind(("127.0.1.1", 0))
        urls.append(f"http://127.0.1.1:{one.getsockname()[1]}/")  # nobody listens there
        done = subprocess.run(
            [*words, *urls], capture_output=True, text=True, timeout=100, check=False, env=environ(proxy),
            cwd=HERE.parents[1],
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    asked = Counter(json.loads(line)["host"] for line in log.getvalue().splitlines())
    assert asked == {"nx.test": 1, "evil.test": 1, "good.test": 1, "127.0.1.1": 3}


# -- browsers --------------------------------------------------------------------------------------------------------

#: What a page can do to reach another place: each of these is tried for each URL.
PROBE = """
const urls = %s, ws = urls.map(url => url.replace('http:', 'ws:')), tried = [];
const end = (make) => tried.push(new Promise(done => { make(done); setTimeout(done, 4000, 'late'); }));
for (const url of urls) {
  end(done => { const one = new Image(); one.onload = one.onerror = done; one.src = url + '?img'; });
  for (const kind of ['script', 'iframe', 'audio'])
    end(done => {
      const one = document.createElement(kind);
      one.onload = one.onerror = done; one.src = url; document.body.append(one);
    });
  end(done => fetch(url).then(one => one.text()).then(done, done));
  end(done => fetch(url, {method: 'POST', body: 'x', mode: 'no-cors'}).then(done, done));
}
for (const url of ws) end(done => { const one = new WebSocket(url); one.onopen = one.onerror = one.onclose = done; });
Promise.all(tried).then(() => { document.title = 'done'; });
"""


def probe(port):
    script = PROBE % json.dumps(private(port))
    return (
        f"<!doctype html><title>begun</title><link rel=icon href='data:,'><body><p>hello</p><script>{script}</script>"
    )


@needs_chromium
@needs["websockets"]
@pytest.mark.timeout(120)
def test_chromium(start, site, flip):
    proxy = start()
    site.pages["/probe"] = probe(site.port)
    with browser(f"http://good.test:{site.port}/probe", *proxy.chromium) as tab:
        tab.until("document.title === 'done'", 60)
        assert tab.evaluate("document.querySelector('p').textContent") == "hello"
        assert tab.evaluate(f"fetch('http://two.test:{site.port}/').then(one => one.text())") == "two.test at 127.0.1.2"
        assert (
            tab.evaluate(f"fetch('http://flip.test:{site.port}/').then(one => one.text())") == "flip.test at 127.0.1.3"
        )
        flip()
        said = tab.evaluate(f"fetch('http://flip.test:{site.port}/x').then(one => one.text(), String)")
        assert "at 127.0.0.1" not in said
        for url in ("http://127.0.0.1", "http://localhost", "http://2130706433"):
            tab.call("Page.navigate", url=f"{url}:{site.port}/")
            tab.until("document.body.innerText.includes('refused by the guard')")
    assert set(site.reached) == {"127.0.1.1", "127.0.1.2", "127.0.1.3"}
    assert proxy.statistics.refused["destination_ip_prohibited"] > 50


@needs_chromium
@needs["playwright"]
@pytest.mark.timeout(120)
def test_playwright(start, site):
    code = f"""
import json, sys
from playwright.sync_api import sync_playwright
proxy, flags = json.loads(sys.argv[1]), json.loads(sys.argv[2])
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path={chromium()!r}, proxy=proxy, args=["--no-sandbox", *flags])
    page = browser.new_page()
    page.goto("http://good.test:{site.port}/probe")
    page.wait_for_function("document.title === 'done'", timeout=60000)
    print(page.inner_text("p"))
    print(page.goto("http://localhost:{site.port}/").status)
    browser.close()
"""
    for proxy in (start(), start(user="ann", password="secret")):
        site.pages["/probe"] = probe(site.port)
        words = [sys.executable, "-c", code, json.dumps(proxy.playwright), json.dumps(proxy.chromium)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=100, check=False)
        assert done.stdout.split() == ["hello", "403"], done.stdout + done.stderr
    assert set(site.reached) == {"127.0.1.1"}


@needs["crawlee"]
@pytest.mark.timeout(120)
def test_crawlee(start, site):
    code = """
import asyncio, json, sys
from crawlee.crawlers import HttpCrawler
from crawlee.proxy_configuration import ProxyConfiguration
got = {}
async def main():
    proxies = ProxyConfiguration(proxy_urls=json.loads(sys.argv[1]))
    crawler = HttpCrawler(proxy_configuration=proxies, max_request_retries=0, configure_logging=False)
    @crawler.router.default_handler
    async def page(context):
        got[context.request.url] = (await context.http_response.read()).decode()
    await crawler.run(sys.argv[2:])
asyncio.run(main())
print(json.dumps(got))
"""
    proxy = start()
    good = f"http://good.test:{site.port}/"
    with_storage = {**os.environ, "CRAWLEE_PURGE_ON_START": "true"}
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(proxy.crawlee), good, *private(site.port)], capture_output=True,
        text=True, timeout=100, check=False, env=with_storage,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {good: "good.test at 127.0.1.1"}
    assert set(site.reached) == {"127.0.1.1"}


# -- other languages -------------------------------------------------------------------------------------------------


def has_java():
    if shutil.which("java") is None:
        return False
    done = subprocess.run(["java", "--list-modules"], capture_output=True, text=True, check=False)
    return "jdk.compiler" in done.stdout


@pytest.mark.timeout(120)
def test_java(start, site):
    if not has_java():
        pytest.skip("there is no JDK")
    proxy = start()
    host, port = proxy.address
    flags = [f"-Dhttp.proxyHost={host}", f"-Dhttp.proxyPort={port}", "-Dhttp.nonProxyHosts="]
    urls = [f"http://good.test:{site.port}/", *private(site.port)]
    done = subprocess.run(
        ["java", *flags, str(HERE / "programs" / "Fetch.java"), *urls], capture_output=True, text=True, timeout=100,
        check=False,
    )  # fmt: skip
    first, *others = done.stdout.splitlines()
    assert first == "200 good.test at 127.0.1.1", done.stderr
    assert {line[:3] for line in others} == {"403"}, done.stdout
    assert len(others) == len(urls) - 1
    assert set(site.reached) == {"127.0.1.1"}


@needs_node
def test_node(start, site):
    """By CONNECT, as Node's own client has no proxy: for a host and a port, whatever is asked of them."""
    code = """
const http = require('http'), [host, port, ...places] = process.argv.slice(1);
const next = () => {
  if (!places.length) return;
  const path = places.shift();
  const one = http.request({host, port, method: 'CONNECT', path});
  one.on('connect', (answer, socket) => { console.log(answer.statusCode); socket.destroy(); next(); });
  one.on('error', error => { console.log(error.code); next(); });
  one.end();
};
next();
"""
    proxy = start()
    places = [f"good.test:{site.port}", *(f"{host}:{site.port}" for host in HOSTS)]
    words = ["node", "-e", code, *map(str, proxy.address), *places]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.split() == ["200", *["403"] * len(HOSTS)], done.stderr
    deadline = time.monotonic() + 5
    while not site.reached and time.monotonic() < deadline:
        time.sleep(0.01)
    assert set(site.reached) == {"127.0.1.1"}


def test_the_guarded_site_is_reached_without_the_proxy(site):
    """The tests above can fail: without the proxy the machine itself is reached."""
    socket.create_connection(("127.0.0.1", site.port), timeout=5).close()
    deadline = time.monotonic() + 5
    while not site.reached and time.monotonic() < deadline:
        time.sleep(0.01)
    assert site.reached == ["127.0.0.1"]


# -- what only a proxy can serve ------------------------------------------------------------------------------------


@pytest.mark.skipif(importlib.util.find_spec("primp") is None, reason="primp is not installed")
def test_primp(start, site):
    import primp

    proxy = start()
    for url in (proxy.url, proxy.socks_url):
        client = primp.Client(proxy=url, timeout=20)
        assert client.get(f"http://good.test:{site.port}/").text == "good.test at 127.0.1.1"
        for asked in private(site.port):
            try:
                assert client.get(asked).status_code == 403
            except primp.PrimpError:
                assert url == proxy.socks_url, "of SOCKS"
    assert set(site.reached) == {"127.0.1.1"}


@needs_chromium
@pytest.mark.timeout(120)
def test_the_browser_of_the_documentation(tmp_path):
    """The blocks of docs/guard.md that need a browser."""
    page = (HERE.parents[1] / "docs" / "guard.md").read_text()
    blocks = re.findall(r"^```py\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert blocks
    for code in blocks:
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=110, check=False, cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "destination_ip_prohibited" in (tmp_path / "crawl.ndjson").read_text()
