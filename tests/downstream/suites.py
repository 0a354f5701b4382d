"""Which suites are run, and each test that ends otherwise under the patch, with its reason."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Suite(NamedTuple):
    """A library's own tests, from its source distribution."""

    #: What pip installs to run them.
    needs: tuple[str, ...]
    #: Arguments of pytest, in the unpacked folder.
    args: tuple[str, ...]
    environment: Mapping[str, str] = MappingProxyType({})
    #: A part of a test's name -> why it ends otherwise under the patch.
    wanted: Mapping[str, str] = MappingProxyType({})


#: Not here: websockets, whose source distribution has no tests; PyMySQL and redis, whose tests need a server.
SUITES = {
    "requests": Suite(
        ("requests[socks]", "pytest-httpbin", "httpbin~=0.10.0", "werkzeug<3", "flask<3", "pytest-mock", "trustme"),
        ("tests",),
    ),
    "urllib3": Suite(
        ("urllib3[socks]", "trustme", "quart", "quart-trio", "hypercorn", "h2", "pytest-socket", "httpx"),
        (
            "test/test_collections.py",
            "test/test_connection.py",
            "test/test_connectionpool.py",
            "test/test_poolmanager.py",
            "test/test_proxymanager.py",
            "test/test_response.py",
            "test/test_retry.py",
            "test/test_ssl.py",
            "test/test_ssltransport.py",
            "test/test_util.py",
            "test/test_wait.py",
        ),
    ),
    "dnspython": Suite(("dnspython",), ("tests",), {"NO_INTERNET": "1"}),
    "httpcore": Suite(
        (
            "httpcore[asyncio,http2,socks,trio]",
            "pytest-httpbin",
            "httpbin~=0.10.0",
            "werkzeug<3",
            "flask<3",
            "pytest-trio",
            "trustme",
            "anyio",
        ),
        ("tests",),
        wanted={"test_h2_timeout_during": "marked xfail there: 10 ms against a task that is to begin in them"},
    ),
}
