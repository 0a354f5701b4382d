"""resolve and dig ask the same server the same: the same text, live, from NSD and from Knot."""

import re
import shutil

import pytest

from celadon.resolver.cli import main
from tests.integration.authorities import authority
from tests.integration.digcases import CASES
from tests.integration.record_dig import KNOT, dig
from tests.resolver.cli.dig.test_dig_text import steady

pytestmark = pytest.mark.skipif(shutil.which("dig") is None, reason="dig is not installed")


@pytest.fixture(scope="module", params=["nsd", "knotd"])
def server(request):
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    with authority(request.param.removesuffix("d") if request.param == "knotd" else request.param) as port:
        yield request.param, port


def without_cookies(text, port):
    """As ``steady``, and without what the server's part of a cookie is (it has the time in it)."""
    return re.sub(r"COOKIE: C[0-9a-f]*", "COOKIE: C", steady(text, port))


def records(text):
    """The lines of records of all sections, in an order of their own where a server rotates them."""
    return sorted(line for line in text.splitlines() if line and not line.startswith(";"))


@pytest.mark.parametrize("words", [*CASES, *KNOT], ids=" ".join)
def test_same_text(server, capsys, words):
    kind, port = server
    assert main(["@127.0.0.1", "-p", str(port), *words]) == 0
    out = capsys.readouterr().out
    ours, theirs = (without_cookies(text, port) for text in (out, dig(port, words)))
    assert records(ours) == records(theirs)
    if kind == "nsd":
        assert ours == theirs
