"""One contract for the clients of 2026: pages, no private address in any guise, redirects, rebinding, an outage.

Each client is a function that makes ``fetch(url)`` of a resolver. Those that are not installed are skipped by name.
"""

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from importlib.util import find_spec
from urllib.parse import quote

import pytest

from celadon.resolver import CrawlerResolver, lookup_error
from celadon.resolver.adapters import ResolverThread
from celadon.resolver.testing import Drop, Servfail


def adapter(name):
    return import_module(f"celadon.resolver.adapters.{name}")


def httpx2(thread):
    import httpx2

    with httpx2.Client(transport=adapter("httpx2").transport(thread), follow_redirects=True, timeout=5) as client:
        yield lambda url: client.get(url).text


def httpx2_async(resolver):
    import httpx2

    async def get(url):
        made = adapter("httpx2").async_transport(resolver)
        async with httpx2.AsyncClient(transport=made, follow_redirects=True, timeout=5) as client:
            return (await client.get(url)).text

    yield lambda url: asyncio.run(get(url))


def crawlee(resolver):
    async def get(url):
        client = adapter("crawlee").HttpxHttpClient(resolver)
        async with client:
            return (await (await client.send_request(url)).read()).decode()

    yield lambda url: asyncio.run(get(url))


def curl_cffi(thread):
    with adapter("curl_cffi").Session(thread, trust_env=False, timeout=5) as session:
        yield lambda url: session.get(url).text


def curl_cffi_async(resolver):
    async def get(url):
        async with adapter("curl_cffi").AsyncSession(resolver, trust_env=False, timeout=5) as session:
            return (await session.get(url)).text

    yield lambda url: asyncio.run(get(url))


def wreq(thread):
    client = adapter("wreq").BlockingClient(thread)
    yield lambda url: client.get(url).text()


def wreq_async(resolver):
    async def get(url):
        return await (await adapter("wreq").Client(resolver).get(url)).text()

    yield lambda url: asyncio.run(get(url))


def tornado(resolver):
    from tornado.simple_httpclient import SimpleAsyncHTTPClient

    async def get(url):
        client = SimpleAsyncHTTPClient(force_instance=True)
        client.tcp_client.resolver = adapter("tornado").Resolver(resolver=resolver)
        try:
            return (await client.fetch(url, request_timeout=5)).body.decode()
        finally:
            client.close()

    yield lambda url: asyncio.run(get(url))


def trio(thread):
    """By AnyIO and httpx on trio, as programs have it."""
    import httpx
    import trio

    async def get(url):
        adapter("trio").install(thread)
        async with httpx.AsyncClient(follow_redirects=True, timeout=5, trust_env=False) as client:
            return (await client.get(url)).text

    # In a thread of its own: this one has a hub already, and both want the signals.
    with ThreadPoolExecutor(1) as pool:
        yield lambda url: pool.submit(trio.run, get, url).result(30)


CLIENTS = {
    httpx2: "httpx2",
    httpx2_async: "httpx2",
    crawlee: "crawlee",
    curl_cffi: "curl_cffi",
    curl_cffi_async: "curl_cffi",
    wreq: "wreq",
    wreq_async: "wreq",
    tornado: "tornado",
    trio: "trio",
}
#: Those that work on the running loop, without a thread.
ON_THE_LOOP = {httpx2_async, crawlee, curl_cffi_async, wreq_async, tornado}


@pytest.fixture(autouse=True)
def leaves_nothing():
    """Not looked for: the clients in C and Rust keep descriptors and threads of their own."""


@pytest.fixture(params=CLIENTS, ids=lambda client: client.__name__)
def fetch(request, options):
    if find_spec(CLIENTS[request.param]) is None:
        pytest.skip(f"{CLIENTS[request.param]} is not installed; make test-integration has it")
    make = CrawlerResolver if request.param in ON_THE_LOOP else ResolverThread
    with contextlib.closing(make("python", **options)) as resolver:
        yield from request.param(resolver)


def said_by(error):
    """What an error says, with those that it was made of."""
    lines = []
    while error is not None:
        looked = lookup_error(error)
        lines += [str(error), looked.explain() if looked is not None else ""]
        for one in getattr(error, "exceptions", ()):
            lines.append(said_by(one))
        error = error.__cause__ or error.__context__
    return "\n".join(lines)


def test_pages(fetch, site):
    for _ in range(2):
        assert fetch(f"http://good.test:{site.port}/") == "good.test at 127.0.1.1"
    assert fetch(f"http://127.0.1.9:{site.port}/") == "127.0.1.9 at 127.0.1.9"


def test_the_second_address_is_tried(fetch, site, names):
    names.add("two-addresses.test", "A", "127.0.1.200")
    names.add("two-addresses.test", "A", "127.0.1.1")
    assert " at 127.0.1." in fetch(f"http://two-addresses.test:{site.port}/")


def test_nobody_gets_to_the_machine_itself(fetch, site, private):
    for url in private:
        for asked in (url, f"http://good.test:{site.port}/?to={quote(url, safe='')}"):
            with pytest.raises(Exception, match=r".") as caught:
                fetch(asked)
            assert "refused by the guard" in said_by(caught.value), asked
    assert set(site.reached) == {"127.0.1.1"}


def test_redirects(fetch, site):
    assert fetch(f"http://good.test:{site.port}/?to=http://two.test:{site.port}/") == "two.test at 127.0.1.2"


def test_rebinding(fetch, site, flip):
    assert fetch(f"http://flip.test:{site.port}/close") == "flip.test at 127.0.1.3"
    flip()
    with pytest.raises(Exception, match=r"."):
        fetch(f"http://flip.test:{site.port}/close?again")
    assert site.reached == ["127.0.1.3"]


def test_an_outage(fetch, site, names):
    names.add("silent.test", "A", "127.0.1.1", ttl=0)
    names.script("silent.test", *[Drop()] * 4)
    with pytest.raises(Exception, match=r"."):
        fetch(f"http://silent.test:{site.port}/")
    names.script("silent.test", *[Servfail()] * 2)
    with pytest.raises(Exception, match=r"."):
        fetch(f"http://silent.test:{site.port}/")
    assert site.reached == []


def test_no_such_name(fetch, site):
    with pytest.raises(Exception, match=r"."):
        fetch(f"http://nx.test:{site.port}/")
