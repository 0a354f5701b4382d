"""Which suites are run, and each test that ends otherwise under the patch, with its reason."""

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from ..integration import servers


@contextmanager
def no_server(_place):
    """For the suites whose tests start what they need themselves."""
    yield ()


@contextmanager
def redis(_place):
    """Debian's Redis; its command DEBUG is allowed, since the tests use it."""
    with servers.redis("--enable-debug-command", "yes", password="") as server:
        yield ("--redis-url", f"redis://localhost:{server.port}/0")


#: As the project's own CI prepares the server (ci/docker-entrypoint-initdb.d).
MARIADB = """\
CREATE DATABASE test1 DEFAULT CHARACTER SET utf8mb4;
CREATE DATABASE test2 DEFAULT CHARACTER SET utf8mb4;
CREATE USER test2 IDENTIFIED BY 'some password';
GRANT ALL ON test2.* TO test2;
CREATE USER test2@localhost IDENTIFIED BY 'some password';
GRANT ALL ON test2.* TO test2@localhost;
"""


@contextmanager
def mariadb(place):
    """Debian's MariaDB; the tests read its address from ``databases.json``."""
    with servers.mariadb("--local-infile=1", sql=MARIADB) as server:
        tcp = {"host": "127.0.0.1", "port": server.port}
        root = {"user": "root", "password": "", "database": "test1", "use_unicode": True, "local_infile": True}
        other = {"user": "test2", "password": "some password", "database": "test2"}
        unix = {"host": "localhost", "unix_socket": server.socket}
        where = [tcp | root, tcp | other, unix | other]
        (place / "pymysql" / "tests" / "databases.json").write_text(json.dumps(where))
        yield ()


class Suite(NamedTuple):
    """A library's own tests, from its source distribution, or from its repository if that has more of them."""

    #: What pip installs to run them.
    needs: tuple[str, ...]
    #: Arguments of pytest, in the unpacked folder.
    args: tuple[str, ...]
    environment: Mapping[str, str] = MappingProxyType({})
    #: A part of a test's name -> why it ends otherwise under the patch.
    wanted: Mapping[str, str] = MappingProxyType({})
    #: Where git gets the tests, for a source distribution that has none.
    repository: str = ""
    #: The tag of a version there.
    tag: str = "{}"
    #: A context manager: called with the folder of the sources, it runs a server for the block and gives more arguments
    #: of pytest. LookupError if the server is not installed.
    server: Callable[[Path], AbstractContextManager[tuple[str, ...]]] = no_server


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
    # Without the tests of asyncio, whose sockets never block, and those of clusters, sentinels, modules and TLS, which
    # need more than one server.
    "redis": Suite(
        (
            "redis",
            "pytest-asyncio",
            "numpy",
            "pybreaker",
            "aiohttp",
            "redis-entraid",
            "opentelemetry-sdk",
            "opentelemetry-exporter-otlp-proto-http",
            "xxhash",
            "cryptography",
        ),
        (
            "tests",
            "-m",
            "not onlycluster and not redismod and not cp_integration and not multidb_integration and not ssl",
            "--ignore=tests/test_asyncio",
            "--ignore=tests/test_scenario",
            "--ignore=tests/test_sentinel.py",
        ),
        server=redis,
    ),
    # Its source distribution has only the tests of how one logs in to MySQL 8.
    "pymysql": Suite(
        ("pymysql==1.2.0", "cryptography", "pynacl"),
        ("pymysql/tests",),
        repository="https://github.com/PyMySQL/PyMySQL",
        tag="v{}",
        server=mariadb,
    ),
    # Its source distribution has no tests. The tests of proxies need mitmproxy, and are skipped without it.
    # Two tests are left out: test_reconnect, for asyncio and for trio. The client connects again and again until the
    # server refuses it, which the server does once, at the sixth connection. If that refusal comes later than the
    # client's timeout, the test never ends, patched or not.
    "websockets": Suite(
        ("websockets==17.0.1", "python-socks[asyncio]", "trio", "werkzeug"),
        ("tests", "-k", "not (ClientTests and test_reconnect) or custom"),
        repository="https://github.com/python-websockets/websockets",
    ),
}
