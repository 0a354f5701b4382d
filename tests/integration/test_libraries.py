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
PROGRAMS = "tests.integration.programs"
#: Nothing of a proxy, nor of other certificates.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}


@pytest.fixture(autouse=True)
def leaves_nothing():
    """Not looked for in this process: servers for the whole module are started in the midst of a test."""


@pytest.fixture(scope="module")
def names():
    with NameServer() as made:
        for name in ("web.test", "s3.test", "db.test", "ssh.test", "mail.test", "ftp.test", "other.test"):
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


def late_command(names, engine, *words):
    """How a program is run that is patched after its libraries were imported."""
    return [sys.executable, "-X", "faulthandler", "-m", f"{PROGRAMS}.late", engine, names.address, *map(str, words)]


def play(words, **env):
    """Run one of the programs; it must end by itself, well, and without a word on stderr."""
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=100, check=False, cwd=ROOT, env={**ENVIRONMENT, **env}
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr


#: Program -> (the libraries it needs, the servers it talks to).
CASES = {
    "web_requests": (["requests", "urllib3"], ["http", "https"]),
    "web_httpx": (["httpx"], ["http", "https"]),
    "names_dnspython": ([], []),
    "postgres_psycopg3": (["psycopg"], ["postgres"]),
    "postgres_psycopg2": (["psycopg2"], ["postgres"]),
    "postgres_pg8000": (["pg8000"], ["postgres"]),
    "mariadb_pymysql": (["pymysql"], ["mariadb"]),
    "redis_py": (["redis"], ["redis"]),
    "aws_boto3": (["boto3"], ["https"]),
    "ssh_paramiko": (["paramiko"], []),
    "mail_smtplib": (["aiosmtpd"], []),
    "files_ftplib": (["pyftpdlib"], []),
}
QUICK = {("web_requests", "ares"), ("names_dnspython", "python")}


def cases():
    for program, (packages, _) in CASES.items():
        for engine in ("ares", "python"):
            marks = [needs(*packages)] if (program, engine) in QUICK else [needs(*packages), in_full]
            yield pytest.param(program, engine, marks=marks, id=f"{program}-{engine}")


@pytest.fixture
def places(request, names):
    """The words that tell a program where its servers are."""

    def found(program):
        there = {kind: request.getfixturevalue(kind) for kind in CASES[program][1]}
        return [f"{name}={value}" for name, value in {**there, "dns": names.port, "ca": CA}.items()]

    return found


@pytest.mark.parametrize(("program", "engine"), [*cases()])
def test_a_library(names, places, program, engine):
    play(command(names, engine, "-m", f"{PROGRAMS}.{program}", *places(program)))


@in_full
@pytest.mark.parametrize("program", CASES)
def test_a_library_that_was_imported_before_the_patch(names, places, program):
    play(late_command(names, "ares", program, *places(program)))


@needs("psycopg")
@pytest.mark.parametrize("implementation", ["binary", "python"])
def test_psycopg_in_c_and_in_python(names, places, implementation):
    words = command(names, "ares", "-m", f"{PROGRAMS}.postgres_psycopg3", *places("postgres_psycopg3"))
    play([*words, f"impl={implementation}"], PSYCOPG_IMPL=implementation)


@contextmanager
def _silent(address, port):
    """A server that accepts and never says anything."""
    with socket.create_server((address, port)):
        yield


@needs("psycopg", "psycopg2")
def test_deadlines_of_queries(names, postgres):
    with _silent("127.0.0.2", postgres):
        play(command(names, "python", "-m", f"{PROGRAMS}.postgres_deadlines", f"postgres={postgres}"))


@needs("sqlalchemy", "psycopg", "psycopg2", "pymysql")
def test_a_pool_of_connections(names, postgres, mariadb):
    places = [f"postgres={postgres}", f"mariadb={mariadb}"]
    play(command(names, "ares", "-m", f"{PROGRAMS}.pools_sqlalchemy", *places))


@needs("psycopg", "psycopg2", "pymysql", "sqlalchemy")
def test_our_own_pool(names, postgres, mariadb):
    places = [f"postgres={postgres}", f"mariadb={mariadb}"]
    play(command(names, "ares", "-m", f"{PROGRAMS}.databases_dbpool", *places))
