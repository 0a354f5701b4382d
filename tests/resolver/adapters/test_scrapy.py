"""Scrapy with one line of settings, on loopback."""

import json
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import pytest

from celadon.resolver.testing import Delay, Drop, Script, Servfail

pytest.importorskip("scrapy", reason="Scrapy is not installed")

HAS_AIOHTTP_HANDLER = find_spec("scrapy.core.downloader.handlers._aiohttp") is not None
SPIDER = Path(__file__).parent / "spider.py"


HANDLER = "celadon.resolver.adapters.scrapy_aiohttp.DownloadHandler"
#: Scrapy with its reactor, and without, where the resolver comes by the download handler.
KINDS = {
    "reactor": {},
    "aiohttp": {"TWISTED_REACTOR_ENABLED": False, "DOWNLOAD_HANDLERS": {"http": HANDLER, "https": HANDLER}},
}
NO_CACHE = {"cache": False, "timeout": 1, "attempts": 1}
RETRY = {
    "RETRY_ENABLED": True,
    "DOWNLOADER_MIDDLEWARES": {
        "scrapy.downloadermiddlewares.retry.RetryMiddleware": None,
        "celadon.resolver.adapters.scrapy.RetryMiddleware": 550,
    },
}


@pytest.fixture(params=KINDS)
def crawl(names, request):
    if request.param == "aiohttp" and not HAS_AIOHTTP_HANDLER:
        pytest.skip("this Scrapy has no handler for aiohttp (2.19 has)")

    def run(urls, again=(), **settings):
        settings = {
            **KINDS[request.param],
            "CELADON_SERVERS": names.servers,
            "CELADON_GUARD_ALLOW": ["127.0.1.0/24"],
            "CELADON_OPTIONS": {"cache": {"min_ttl": 0}, "timeout": 1},
            **settings,
        }
        task = json.dumps({"urls": urls, "settings": settings, "again": dict(again)})
        done = subprocess.run(
            [sys.executable, str(SPIDER)], input=task, capture_output=True, text=True, timeout=50, check=False
        )
        assert done.returncode == 0, done.stderr
        result = json.loads(done.stdout)
        return {url: rest for url, *rest in result["got"]}, result["stats"], done.stderr

    return run


def test_pages_and_stats(crawl, site, names):
    for n in range(50):
        names.add(f"h{n}.test", "A", f"127.0.1.{n + 10}")
    urls = [f"http://h{n}.test:{site.port}/" for n in range(50)]
    got, stats, _ = crawl([*urls, f"http://nx.test:{site.port}/"])
    assert [got[url] for url in urls] == [[f"h{n}.test at 127.0.1.{n + 10}", f"127.0.1.{n + 10}"] for n in range(50)]
    assert got[f"http://nx.test:{site.port}/"][0] in ("DNSLookupError", "CannotResolveHostError")
    assert stats["dns/lookups"] == 51
    assert stats["dns/error/NXDOMAIN"] == 1
    assert stats["dns/cache/misses"] == 102


def test_nobody_gets_to_the_machine_itself(crawl, site, private):
    start = f"http://good.test:{site.port}/"
    got, stats, log = crawl([*private, *(f"{start}?to={quote(url, safe='')}" for url in private)])
    assert {len(rest) for rest in got.values()} == {2}
    assert not any(" at 127" in text for text, _ in got.values())
    assert set(site.reached) == {"127.0.1.1"}
    assert stats["dns/blocked"] >= len(private)
    assert "refused by the guard: 127.0.0.1 is loopback" in log


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254"])
def test_rebinding(crawl, site, names, flip, address):
    """Within one crawl: the name's first answer is good, every other one leads to where nobody must go."""
    flip(address)
    bad, good = socket.inet_aton(address), socket.inet_aton("127.0.1.3")
    first = [True]

    def change(query, reply):
        return [reply.replace(bad, good) if bad in reply and first and first.pop() else reply]

    names.script("flip.test", Script(change))
    url = f"http://flip.test:{site.port}/close"
    got, stats, log = crawl([url], again={url: url + "/again"})
    assert got[url] == ["flip.test at 127.0.1.3", "127.0.1.3"]
    assert got[url + "/again"][0] in ("DNSLookupError", "CannotResolveHostError")
    assert stats["dns/blocked"] == 1
    assert f"flip.test: BLOCKED: refused by the guard: {address}" in log
    assert site.reached == ["127.0.1.3"]


def test_the_deadline_counts_from_the_call(crawl, site, names):
    names.add("dead.test", "A", "127.0.1.1")
    names.script("dead.test", Drop())
    got, stats, _ = crawl([f"http://dead.test:{site.port}/"], DNS_TIMEOUT=0.5)
    assert got[f"http://dead.test:{site.port}/"][0] in ("DNSLookupError", "CannotResolveHostError")
    assert stats["dns/error/TIMEOUT"] == 1


def test_many_waiters_are_one_query(crawl, site, names):
    names.script("good.test", Delay(0.2))
    got, _, _ = crawl([f"http://good.test:{site.port}/{n}" for n in range(40)], CONCURRENT_REQUESTS_PER_DOMAIN=40)
    assert {text for text, _ in got.values()} == {"good.test at 127.0.1.1"}
    assert names.count("good.test", "A") == 1


def test_what_does_not_exist_is_not_tried_again_and_a_dead_server_is(crawl, site, names):
    """By the RetryMiddleware: NXDOMAIN and the guard's refusal are final, a server that is silent or fails is not."""
    names.add("servfail.test", "A", "127.0.1.1", ttl=0)
    names.script("servfail.test", Servfail(4))  # for one lookup of both families, or two of one
    urls = {name: f"http://{name}.test:{site.port}/" for name in ("good", "nx", "evil", "servfail")}
    got, stats, _ = crawl(list(urls.values()), RETRY_TIMES=2, CELADON_OPTIONS=NO_CACHE, **RETRY)
    assert got[urls["good"]][0] == "good.test at 127.0.1.1"
    assert got[urls["servfail"]][0] == "servfail.test at 127.0.1.1", "it came back, and the third try found it"
    assert stats["retry/not_again/NXDOMAIN"] == 1
    assert stats["retry/not_again/BLOCKED"] == 1
    assert stats["retry/count"] in (1, 2)
    assert "retry/max_reached" not in stats
