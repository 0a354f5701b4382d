"""pycurl with addresses handed to it, and the guard where it opens its sockets."""

import io

import pytest

from celadon.resolver import BlockedAddress

pycurl = pytest.importorskip("pycurl", reason="pycurl is not installed")
from celadon.resolver.adapters.pycurl import opener, resolve_list  # noqa: E402


@pytest.fixture
def fetch(thread):
    def get(url, resolve=True):
        body = io.BytesIO()
        curl = pycurl.Curl()
        try:
            curl.setopt(pycurl.URL, url)
            curl.setopt(pycurl.NOPROXY, "*")
            curl.setopt(pycurl.FOLLOWLOCATION, True)
            curl.setopt(pycurl.TIMEOUT, 10)
            curl.setopt(pycurl.WRITEDATA, body)
            curl.setopt(pycurl.OPENSOCKETFUNCTION, opener(thread))
            if resolve:
                curl.setopt(pycurl.RESOLVE, resolve_list(thread, url))
            curl.perform()
        finally:
            curl.close()
        return body.getvalue().decode()

    return get


def test_the_list(thread):
    assert resolve_list(thread, "http://good.test/x") == ["+good.test:80:127.0.1.1"]
    assert resolve_list(thread, "https://good.test/") == ["+good.test:443:127.0.1.1"]
    thread.resolver.pin("two.test", ["127.0.1.7", "2606:4700::1"])
    assert resolve_list(thread, "http://two.test:8080/") == ["+two.test:8080:127.0.1.7,[2606:4700::1]"]
    with pytest.raises(BlockedAddress):
        resolve_list(thread, "http://evil.test/")
    for bad in ("http:///", "gopher://good.test/"):
        with pytest.raises(ValueError, match="no host"):
            resolve_list(thread, bad)


def test_a_page(fetch, site):
    assert fetch(f"http://good.test:{site.port}/") == "good.test at 127.0.1.1"


def test_nobody_gets_to_the_machine_itself(fetch, site, private):
    for url in private:
        with pytest.raises((BlockedAddress, pycurl.error)):
            fetch(url)
        with pytest.raises(pycurl.error):
            fetch(url, resolve=False)
        with pytest.raises(pycurl.error):
            fetch(f"http://good.test:{site.port}/?to={url}")
    assert set(site.reached) == {"127.0.1.1"}


def test_rebinding(fetch, site, flip):
    url = f"http://flip.test:{site.port}/"
    assert fetch(url) == "flip.test at 127.0.1.3"
    flip()
    with pytest.raises(BlockedAddress):
        fetch(url)
    assert site.reached == ["127.0.1.3"]
