"""requests and urllib3 through their adapter, unpatched."""

import time
from typing import ClassVar

import pytest
import urllib3
from urllib3.exceptions import NameResolutionError

from celadon.resolver.adapters import urllib3 as adapter
from celadon.resolver.adapters.requests import Adapter
from celadon.resolver.testing import Delay, Drop

requests = pytest.importorskip("requests", reason="requests is not installed")


@pytest.fixture
def session(thread):
    with requests.Session() as made:
        made.trust_env = False
        for scheme in ("http://", "https://"):
            made.mount(scheme, Adapter(thread))
        yield made


def test_a_page(session, site, names):
    assert session.get(f"http://good.test:{site.port}/").text == "good.test at 127.0.1.1"
    assert session.get(f"http://good.test:{site.port}/x").status_code == 200
    assert site.reached == ["127.0.1.1"], "kept alive"
    assert session.get(f"http://127.0.1.9:{site.port}/").text == "127.0.1.9 at 127.0.1.9"


def test_nobody_gets_to_the_machine_itself(session, site, private):
    for url in private:
        with pytest.raises(requests.ConnectionError):
            session.get(url)
        with pytest.raises(requests.ConnectionError):
            session.get(f"http://good.test:{site.port}/", params={"to": url})
    assert set(site.reached) == {"127.0.1.1"}


def test_rebinding(session, site, flip):
    url = f"http://flip.test:{site.port}/"
    assert session.get(url).text == "flip.test at 127.0.1.3"
    session.close()  # or the connection, which is to the right address, is used again
    for address in ("127.0.0.1", "169.254.169.254"):
        flip(address)
        with pytest.raises(requests.ConnectionError) as caught:
            session.get(url)
        assert "Non-recoverable failure in name resolution" in str(caught.value)
    assert site.reached == ["127.0.1.3"]


def test_the_timeout_covers_dns(session, names):
    """urllib3#1334."""
    names.add("slow.test", "A", "127.0.1.1")
    names.script("slow.test", Drop())
    begin = time.monotonic()
    with pytest.raises(requests.ConnectTimeout):
        session.get("http://slow.test/", timeout=0.2)
    assert time.monotonic() - begin < 1.5, "one second is the resolver's own first try"


def test_what_dns_took_is_not_had_again(session, names, site, monkeypatch):
    """The whole connect, lookup included, has one time-out."""
    names.script("good.test", Delay(0.2))
    seen = []
    real = urllib3.util.connection.create_connection

    def spy(address, timeout, **kwargs):
        seen.append(timeout)
        return real(address, timeout, **kwargs)

    monkeypatch.setattr("urllib3.util.connection.create_connection", spy)
    assert session.get(f"http://good.test:{site.port}/", timeout=5).ok
    assert 0 < seen[0] < 4.85


def test_the_next_address(session, names, site, thread):
    names.add("half.test", "A", "127.0.1.5")
    thread.resolver.pin("half.test", ["::1", "127.0.1.5"])
    assert session.get(f"http://half.test:{site.port}/").text == "half.test at 127.0.1.5"


def test_a_name_that_is_none(session):
    with pytest.raises(requests.ConnectionError, match="Name or service not known"):
        session.get("http://nx.test/")


def test_a_proxy_is_the_one_looked_up(session, site, names):
    names.add("proxy.test", "A", "127.0.1.8")
    got = session.get("http://elsewhere.example/", proxies={"http": f"http://proxy.test:{site.port}"})
    assert got.text == "elsewhere.example at 127.0.1.8"
    assert not names.count("elsewhere.example")


def test_a_pool_manager(thread, site):
    with adapter.PoolManager(thread, retries=False) as pool:
        assert pool.request("GET", f"http://two.test:{site.port}/").data == b"two.test at 127.0.1.2"
        with pytest.raises(NameResolutionError):
            pool.request("GET", f"http://evil.test:{site.port}/")


def test_a_socks_proxy_is_refused_and_says_why(session, monkeypatch):
    """Its connections are PySocks': they would go past the guard, or, with our connections, past the proxy."""

    class SOCKSProxyManager(urllib3.ProxyManager):
        pool_classes_by_scheme: ClassVar = {}

    monkeypatch.setattr(requests.adapters, "SOCKSProxyManager", lambda url, **_: SOCKSProxyManager("http://127.0.1.1"))
    with pytest.raises(requests.exceptions.InvalidProxyURL, match=r"SOCKSProxyManager .* HTTP proxy"):
        session.get("http://good.test/", proxies={"http": "socks5h://127.0.1.1:9"})


def test_a_pin_opens_its_address_to_its_host_alone(session, site, thread):
    thread.resolver.pin("mine.test", "127.0.0.1")
    assert session.get(f"http://mine.test:{site.port}/").text == "mine.test at 127.0.0.1"
    for url in (f"http://127.0.0.1:{site.port}/", f"http://evil.test:{site.port}/"):
        with pytest.raises(requests.ConnectionError):
            session.get(url)
        with pytest.raises(requests.ConnectionError):
            session.get(f"http://mine.test:{site.port}/", params={"to": url})
