"""niquests through its resolver interface, sync and async. It brings a urllib3 of its own, so it needs its own venv."""

import asyncio

import pytest

from celadon.resolver import CrawlerResolver
from celadon.resolver.adapters import ResolverThread

niquests = pytest.importorskip("niquests", reason="niquests is not installed (make test-integration has it)")
from celadon.resolver.adapters.niquests import AsyncResolver, Resolver  # noqa: E402


def by_session(resolver):
    def fetch(url, **kwargs):
        with niquests.Session(resolver=Resolver(resolver)) as session:
            session.trust_env = False
            return session.get(url, timeout=5, **kwargs).text

    return fetch


def by_async_session(resolver):
    def fetch(url, **kwargs):
        async def main():
            async with niquests.AsyncSession(resolver=AsyncResolver(resolver)) as session:
                session.trust_env = False
                return (await session.get(url, timeout=5, **kwargs)).text

        return asyncio.run(main())

    return fetch


@pytest.fixture(params=["thread", "async thread", "async loop"])
def fetch(request, options):
    make = CrawlerResolver if "loop" in request.param else ResolverThread
    made = make("python", **options)
    yield (by_async_session if "async" in request.param else by_session)(made)
    made.close()


def test_a_page(fetch, site):
    assert fetch(f"http://good.test:{site.port}/") == "good.test at 127.0.1.1"


def test_nobody_gets_to_the_machine_itself(fetch, site, private):
    for url in private:
        with pytest.raises(niquests.RequestException):
            fetch(url)
        with pytest.raises(niquests.RequestException):
            fetch(f"http://good.test:{site.port}/", params={"to": url})
    assert set(site.reached) == {"127.0.1.1"}


def test_rebinding(fetch, site, flip):
    url = f"http://flip.test:{site.port}/"
    assert fetch(url) == "flip.test at 127.0.1.3"
    flip()
    with pytest.raises(niquests.ConnectionError):
        fetch(url)
    assert site.reached == ["127.0.1.3"]
