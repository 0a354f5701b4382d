"""niquests through its resolver interface, sync and async. It brings a urllib3 of its own, so it needs its own venv."""

import asyncio

import pytest

niquests = pytest.importorskip("niquests", reason="niquests is not installed (make test-integration has it)")
from celadon.resolver.adapters.niquests import AsyncResolver, Resolver  # noqa: E402


@pytest.fixture
def get(thread):
    def fetch(url, **kwargs):
        with niquests.Session(resolver=Resolver(thread), timeout=5) as session:
            session.trust_env = False
            return session.get(url, **kwargs).text

    return fetch


@pytest.fixture
def async_get(thread):
    def fetch(url, **kwargs):
        async def main():
            async with niquests.AsyncSession(resolver=AsyncResolver(thread), timeout=5) as session:
                session.trust_env = False
                return (await session.get(url, **kwargs)).text

        return asyncio.run(main())

    return fetch


@pytest.fixture(params=["get", "async_get"])
def fetch(request):
    return request.getfixturevalue(request.param)


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
