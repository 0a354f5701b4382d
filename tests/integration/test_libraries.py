"""Libraries as they are, under ``patch_all``: each program in a process of its own, against real servers on loopback.

The names that the programs connect to exist only on the test's own name server.
"""

import importlib.util
import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from celadon.resolver.testing import Delay, Drop, NameServer

from . import servers
from .stubs import site

ROOT = Path(__file__).parents[2]
CA = str(servers.TLS / "ca.pem")
#: Nothing of a proxy, nor of other certificates.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}


@pytest.fixture(scope="module")
def names():
    with NameServer() as made:
        for name in ("web.test", "s3.test", "db.test", "ssh.test", "other.test"):
            made.add(name, "A", "127.0.0.1")
        for n in range(30):
            made.add(f"late{n}.test", "A", f"127.0.2.{n}")
            made.script(f"late{n}.test", Delay(0.2))
        made.add("never.test", "A", "127.0.0.1")
        made.script("never.test", Drop())
        for n in range(40):
            made.add("big.test", "TXT", f'"{str(n) * 60}"')
        yield made


def _server(kind):
    @pytest.fixture(scope="module", name=kind)
    def fixture():
        try:
            server = getattr(servers, kind)()
            with server as made:
                yield made.port
        except LookupError as error:
            pytest.skip(str(error))

    return fixture


postgres, redis, mariadb = map(_server, ("postgres", "redis", "mariadb"))


@pytest.fixture(scope="module")
def http():
    with site() as port:
        yield port


@pytest.fixture(scope="module")
def https():
    with site(tls=True) as port:
        yield port


def needs(*packages):
    """Skip before any server is started."""
    missing = [one for one in packages if importlib.util.find_spec(one) is None]
    return pytest.mark.skipif(
        bool(missing), reason=f"{', '.join(missing)} is not installed; make test-integration has it"
    )


#: In an environment without the libraries, as that of `make test`, one program of each kind is enough.
in_full = pytest.mark.skipif(importlib.util.find_spec("psycopg") is None, reason="make test-integration runs it")


def command(names, engine, *words):
    """How a program is run patched."""
    return [sys.executable, "-X", "faulthandler", "-m", "celadon", "--resolver", engine, "--servers", names.address,
            *map(str, words)]  # fmt: skip


def play(names, program, engine="ares", env=(), **places):
    """Run one of the programs; it must end by itself, well, and without a word on stderr."""
    words = [f"{name}={value}" for name, value in places.items()]
    done = subprocess.run(
        command(names, engine, "-m", f"tests.integration.programs.{program}", *words),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        cwd=ROOT,
        env={**ENVIRONMENT, **dict(env)},
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr


@contextmanager
def _silent(address, port):
    """A server that accepts and never says anything."""
    with socket.create_server((address, port)):
        yield


@needs("requests", "urllib3")
@pytest.mark.parametrize("engine", ["ares", pytest.param("python", marks=in_full)])
def test_requests(names, http, https, engine):
    play(names, "web_requests", engine, http=http, https=https, ca=CA)


@needs("httpx")
@in_full
def test_httpx(names, http, https):
    play(names, "web_httpx", http=http, https=https, ca=CA)


@pytest.mark.parametrize("engine", [pytest.param("ares", marks=in_full), "python"])
def test_dnspython(names, engine):
    play(names, "names_dnspython", engine, dns=names.port)


@needs("psycopg")
@pytest.mark.parametrize("impl", ["binary", "python"])
def test_psycopg3(names, postgres, impl):
    play(names, "postgres_psycopg3", env={"PSYCOPG_IMPL": impl}, postgres=postgres, impl=impl, ca=CA)


@needs("psycopg2")
def test_psycopg2(names, postgres):
    play(names, "postgres_psycopg2", postgres=postgres, ca=CA)


@needs("psycopg", "psycopg2")
def test_deadlines_of_queries(names, postgres):
    with _silent("127.0.0.2", postgres):
        play(names, "postgres_deadlines", "python", postgres=postgres)


@needs("pg8000")
def test_pg8000(names, postgres):
    play(names, "postgres_pg8000", postgres=postgres, ca=CA)


@needs("pymysql")
def test_pymysql(names, mariadb):
    play(names, "mariadb_pymysql", mariadb=mariadb, ca=CA)


@needs("redis")
def test_redis(names, redis):
    play(names, "redis_py", redis=redis)


@needs("boto3")
def test_boto3(names, https):
    play(names, "aws_boto3", https=https, ca=CA)


@needs("paramiko")
def test_paramiko(names):
    play(names, "ssh_paramiko")
