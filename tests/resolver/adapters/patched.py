"""Run by test_patched in a process of its own: unchanged clients under ``patch_all(resolver=CrawlerResolver(…))``."""

import json
import sys
import time

import celadon
from celadon.resolver import CrawlerResolver, Guard

task = json.load(sys.stdin)
crawler = CrawlerResolver(
    "python",
    servers=task["servers"],
    guard=Guard(allow=["127.0.1.0/24"]),
    timeout=1,
    attempts=2,
    cache={"min_ttl": 0, "stale": 3600, "client_timeout": 0.3},
    family=2,
)
celadon.patch_all(resolver=crawler)

import asyncio  # noqa: E402
import urllib.request  # noqa: E402

import aiohttp  # noqa: E402
import httpx  # noqa: E402
import requests  # noqa: E402


def by_requests(url, **kwargs):
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, **{"timeout": 5, **kwargs}).text


def by_urllib(url):
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5) as page:
        return page.read().decode()


def by_httpx(url):
    with httpx.Client(trust_env=False, follow_redirects=True, timeout=5) as client:
        return client.get(url).text


def by_async_httpx(url):
    async def main():
        async with httpx.AsyncClient(trust_env=False, follow_redirects=True, timeout=5) as client:
            return (await client.get(url)).text

    return asyncio.run(main())


def by_aiohttp(url):
    async def main():
        async with aiohttp.ClientSession() as session, session.get(url) as got:
            return await got.text()

    return asyncio.run(main())


CLIENTS = {
    "requests": by_requests,
    "urllib": by_urllib,
    "httpx": by_httpx,
    "async httpx": by_async_httpx,
    "aiohttp": by_aiohttp,
}


def tried(function, *args, **kwargs):
    try:
        return function(*args, **kwargs)
    except Exception as error:
        return type(error).__name__


def pages(name, port, private):
    """What one client gets: a page, then of every URL that leads to the machine itself, straight and by redirect."""
    client = CLIENTS[name]
    good = f"http://good.test:{port}/close"
    flip = f"http://flip-{name.replace(' ', '-')}.test:{port}/close"
    return {
        "flip": [tried(client, flip), tried(client, flip)],
        "good": tried(client, good),
        "private": [tried(client, url) for url in private],
        "redirects": [tried(client, f"{good}?to={url}") for url in private],
    }


def main():
    out = {}
    port = task["port"]
    out["pages"] = {name: pages(name, port, task["private"]) for name in CLIENTS}
    begin = time.monotonic()
    out["late"] = tried(by_requests, "http://silent.test/", timeout=0.2)
    out["late (pair)"] = tried(by_requests, "http://silent.test/", timeout=(0.2, 9))
    out["seconds"] = time.monotonic() - begin
    out["refused"] = tried(by_requests, f"http://good.test:{task['closed']}/", timeout=3)
    waiters = [celadon.spawn(by_requests, f"http://slow.test:{port}/close") for _ in range(100)]
    celadon.joinall(waiters)
    out["waiters"] = sorted({one.get() for one in waiters})
    # An outage: warm.test was known before, later.test was not, and both are answered again afterwards.
    warm, later = f"http://warm.test:{port}/close", f"http://later.test:{port}/close"
    out["before"] = tried(by_requests, warm)
    celadon.sleep(1.1)
    out["outage"] = [tried(by_requests, warm), tried(by_requests, later, timeout=0.3)]
    out["after"] = tried(by_requests, later)
    out["fresh"] = crawler.lookup("warm.test").fresh
    print(json.dumps(out))


main()
