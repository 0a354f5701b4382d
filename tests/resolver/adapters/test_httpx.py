"""httpx, sync and async, through its backend, unpatched."""

import asyncio
import time

import pytest

from celadon.resolver import CrawlerResolver
from celadon.resolver.adapters import ResolverThread
from celadon.resolver.testing import Drop

httpx = pytest.importorskip("httpx", reason="httpx is not installed")
from celadon.resolver.adapters.httpx import async_transport, transport  # noqa: E402


def by_client(resolver):
    def fetch(url, **kwargs):
        with httpx.Client(transport=transport(resolver), follow_redirects=True, timeout=5) as client:
            return client.get(url, **kwargs)

    return fetch


def by_async_client(resolver):
    def fetch(url, **kwargs):
        async def main():
            made = async_transport(resolver)
            async with httpx.AsyncClient(transport=made, follow_redirects=True, timeout=5) as client:
                return await client.get(url, **kwargs)

        return asyncio.run(main())

    return fetch


@pytest.fixture(params=["thread", "async thread", "async loop"])
def resolver(request, options):
    make = CrawlerResolver if "loop" in request.param else ResolverThread
    made = make("python", **options)
    made.get = (by_async_client if "async" in request.param else by_client)(made)
    yield made
    made.close()


@pytest.fixture
def fetch(resolver):
    return resolver.get


def test_a_page(fetch, site):
    assert fetch(f"http://good.test:{site.port}/").text == "good.test at 127.0.1.1"
    assert fetch(f"http://127.0.1.9:{site.port}/").text == "127.0.1.9 at 127.0.1.9"


def test_nobody_gets_to_the_machine_itself(fetch, site, private):
    for url in private:
        with pytest.raises(httpx.ConnectError, match="BLOCKED"):
            fetch(url)
        with pytest.raises(httpx.ConnectError, match="BLOCKED"):
            fetch(f"http://good.test:{site.port}/", params={"to": url})
    assert set(site.reached) == {"127.0.1.1"}


def test_rebinding(fetch, site, flip):
    url = f"http://flip.test:{site.port}/"
    assert fetch(url).text == "flip.test at 127.0.1.3"
    for address in ("127.0.0.1", "169.254.169.254"):
        flip(address)
        with pytest.raises(httpx.ConnectError, match="BLOCKED"):
            fetch(url)
    assert site.reached == ["127.0.1.3"]


def test_the_timeout_covers_dns(fetch, names):
    names.add("slow.test", "A", "127.0.1.1")
    names.script("slow.test", Drop())
    begin = time.monotonic()
    with pytest.raises(httpx.ConnectTimeout):
        fetch("http://slow.test/", timeout=0.2)
    assert time.monotonic() - begin < 1.5


def test_the_next_address(fetch, site, resolver):
    getattr(resolver, "resolver", resolver).pin("half.test", ["::1", "127.0.1.5"])
    assert fetch(f"http://half.test:{site.port}/").text == "half.test at 127.0.1.5"


def test_a_name_that_is_none(fetch):
    with pytest.raises(httpx.ConnectError, match="NXDOMAIN"):
        fetch("http://nx.test/")


def test_many_at_once(here_or_there, site, names):
    for n in range(100):
        names.add(f"h{n}.test", "A", f"127.0.1.{n + 10}")

    async def main():
        async with httpx.AsyncClient(transport=async_transport(here_or_there), timeout=10) as client:
            pages = await asyncio.gather(*(client.get(f"http://h{n}.test:{site.port}/") for n in range(100)))
            return [page.text for page in pages]

    assert asyncio.run(main()) == [f"h{n}.test at 127.0.1.{n + 10}" for n in range(100)]
