"""``celadon crawl``, as a program, on a small web of its own."""

import http.server
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from celadon.resolver.testing import Drop, NameServer, Servfail

for library in ("requests", "selectolax", "protego"):
    pytest.importorskip(library, reason=f"{library} is not installed")

ROOT = Path(__file__).parent.parent

# By host and path: status, body or where to, whether only the first time.
WEB = {
    ("a.test", "/"): '<title>A</title><a href="/one">1</a> <a href="two#x">2</a> <a href="/private/x">p</a>'
    '<a href="http://b.test:{port}/">b</a> <a href="http://nx.test:{port}/">n</a> <a href="http://evil.test:{port}/">e</a>'
    '<a href="http://127.0.0.1:{port}/">l</a> <a href="mailto:x@a.test">m</a> <a href="http://[">bad</a>',
    ("a.test", "/robots.txt"): "User-agent: *\nDisallow: /private/\n",
    ("a.test", "/one"): '<a href="/">back</a><a href="/deep1">d</a>',
    ("a.test", "/two"): 302,
    ("a.test", "/deep1"): '<a href="/deep2">d</a>',
    ("a.test", "/deep2"): '<a href="/deep3">too deep</a>',
    (
        "b.test",
        "/",
    ): '<a href="http://lame.test:{port}/">l</a> <a href="/busy">b</a><a href="http://late.test:{port}/">l</a>',
    ("b.test", "/busy"): 503,
    ("b.test", "/elsewhere"): "<title>moved here</title>",
    ("late.test", "/"): "at last",
}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        host = self.headers["Host"].partition(":")[0]
        self.server.asked[host, self.path] += 1
        self.server.when.append((time.monotonic(), self.path))
        self.server.reached.add(self.connection.getsockname()[0])
        found = WEB.get((host, self.path), 404)
        if found == 503 and self.server.asked[host, self.path] > 1:
            found = "not busy any more"
        text = found.replace("{port}", str(self.server.server_port)) if isinstance(found, str) else ""
        self.send_response(200 if isinstance(found, str) else found)
        if found == 302:
            self.send_header("Location", f"http://b.test:{self.server.server_port}/elsewhere")
        if found == 503:
            self.send_header("Retry-After", "1")
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args):
        pass


class Web(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("0.0.0.0", 0), Handler)
        self.asked = Counter()
        self.when = []
        self.reached = set()


@pytest.fixture
def web():
    made = Web()
    serving = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    serving.start()
    yield made
    made.shutdown()
    serving.join()
    made.server_close()


@pytest.fixture
def names():
    with NameServer() as made:
        for host in ("a.test", "b.test", "late.test"):
            made.add(host, "A", "127.0.1.1")  # all on one machine
        made.add("lame.test", "A", "127.0.1.1")
        made.add("evil.test", "A", "127.0.0.1")
        made.script("lame.test", Servfail())
        made.script("late.test", Drop(1))
        yield made


@pytest.fixture
def crawl(web, names, tmp_path):
    def run(*args, seeds=("a.test",), scheme="http://"):
        command = [
            sys.executable,
            "-W",
            "error",
            "-m",
            "celadon",
            "crawl",
            *(f"{scheme}{one}:{web.server_port}/" for one in seeds),
        ]
        command += [
            "-o",
            "pages.ndjson",
            "--delay",
            "0.05",
            "--allow",
            "127.0.1.0/24",
            "--servers",
            *names.servers,
            *args,
        ]
        env = {"PYTHONPATH": str(ROOT), "BACK_OFF": "0.2"}
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=50, check=False)
        assert done.returncode == 0, done.stderr
        lines = (tmp_path / "pages.ndjson").read_text().splitlines()
        return [json.loads(line) for line in lines], done.stderr

    return run


def test_seeds_without_a_scheme(crawl, tmp_path):
    records, _ = crawl("--depth", "0", scheme="")
    assert [(one["url"][:14], one["status"]) for one in records] == [("http://a.test:", 200)]


WRONG = {
    "http:// -o none": (2, "'http://' is not an http or https URL"),
    "a.test": (2, "the following arguments are required: -o/--output"),
    "a.test -o none --engine nope": (2, "unknown resolver 'nope'"),
    "a.test -o none --allow nowhere": (2, "'nowhere' is neither a network"),
    "a.test -o /nonexistent/x": (1, "/nonexistent/x: No such file or directory"),
    "--help": (0, ""),
}


@pytest.mark.parametrize("line", WRONG)
@pytest.mark.parametrize("program", [("celadon", "crawl"), ("examples.crawler",)], ids=" ".join)
def test_a_wrong_line(line, program):
    command = [sys.executable, "-m", *program, *line.split()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)
    code, says = WRONG[line]
    assert (done.returncode, says in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr


def test_a_crawl(crawl, web, names, tmp_path):
    records, said = crawl("--depth", "3", "--cache", "dns.ndjson", "--report", "report.html")
    port = web.server_port
    got = {one["url"].removeprefix("http://").replace(f":{port}", ""): one for one in records}
    assert len(got) == len(records), "one record for each URL"
    outcome = {url: one["error"] or one["status"] for url, one in got.items()}
    assert outcome == {
        "a.test/": 200, "a.test/one": 200, "a.test/two": 302, "a.test/private/x": "ROBOTS", "a.test/deep1": 200,
        "a.test/deep2": 200, "b.test/": 200, "b.test/elsewhere": 200, "b.test/busy": 200, "late.test/": 200,
        "nx.test/": "NXDOMAIN", "lame.test/": "SERVFAIL", "evil.test/": "BLOCKED", "127.0.0.1/": "BLOCKED",
    }  # fmt: skip
    assert got["a.test/"]["title"] == "A"
    assert got["a.test/"]["ip"] == "127.0.1.1"
    assert got["b.test/busy"]["tries"] == 2
    assert got["lame.test/"]["tries"] == 4
    assert got["nx.test/"]["tries"] == 1, "what will not go better is not tried again"
    assert [url for url, one in got.items() if one["again"]] == ["lame.test/"]
    assert web.reached == {"127.0.1.1"}
    assert web.asked["a.test", "/robots.txt"] == web.asked["b.test", "/robots.txt"] == 1
    assert web.asked["a.test", "/private/x"] == 0
    assert "14 pages, 0 known before, 0 left" in said
    report = (tmp_path / "report.html").read_text()
    assert "NXDOMAIN" in report
    assert "Answered by servers within" in report
    # On: what had its last word is left alone, what had not is tried again, with the names that are known.
    names.unscript("lame.test")
    asked = dict(web.asked)
    assert names.count("a.test", "A") == 1
    records, said = crawl("--depth", "3", "--cache", "dns.ndjson")
    assert "1 pages, 14 known before" in said
    assert records[-1]["url"] == f"http://lame.test:{port}/"
    assert records[-1]["status"] == 404
    assert {url: count - asked.get(url, 0) for url, count in web.asked.items() if count > asked.get(url, 0)} == {
        ("lame.test", "/robots.txt"): 1,
        ("lame.test", "/"): 1,
    }
    assert names.count("a.test", "A") == 1


def test_a_limit(crawl):
    records, said = crawl("--limit", "3")
    assert 1 <= len(records) <= 3
    assert " 0 left" not in said


def test_politeness_by_address(crawl, web):
    crawl("--depth", "1", "--delay", "0.3", seeds=("a.test", "b.test"))
    pages = sorted(when for when, path in web.when if path != "/robots.txt")
    assert len(pages) >= 4
    assert max(pages) - min(pages) > 0.5, "two names on one machine, one page at a time"
