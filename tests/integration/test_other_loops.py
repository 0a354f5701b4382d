"""Hubs joined to uvloop, trio and Twisted: the scenarios of tests/hub/aio in each, and programs of real libraries."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hub.aio import played

from . import servers

ROOT = Path(__file__).parents[2]
WORLDS = {
    "uvloop": "uvloop",
    "trio": "trio",
    "trio-guest": "trio",
    "twisted-epoll": "twisted",
    "twisted-asyncio": "twisted",
}


@pytest.fixture(autouse=True)
def leaves_nothing():
    """Not looked for in this process: the work is done in others."""


def needs(*modules):
    for one in modules:
        if importlib.util.find_spec(one) is None:
            pytest.skip(f"{one} is not installed; make test-integration has it")


def right(*command):
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=55, check=False, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "right"


def program(name, *arguments):
    right("-m", f"tests.integration.loops.{name}", *map(str, arguments))


@pytest.mark.parametrize("world", WORLDS)
def test_scenarios(world):
    needs(WORLDS[world])
    played.all_scenarios(world)


@pytest.mark.parametrize("end", played.ENDS)
@pytest.mark.parametrize("world", WORLDS)
def test_the_end_of_a_program(world, end):
    needs(WORLDS[world])
    played.end(world, end)


@pytest.mark.parametrize("loop", ["uvloop", "trio", "twisted"])
def test_crossing(loop):
    needs(loop)
    program(f"crossing_{loop}")


@pytest.mark.parametrize("imported", ["before", "after"])
def test_executors_of_uvloop_under_the_patch(imported):
    needs("uvloop")
    program("executors_uvloop", imported)


def test_uvloop_in_a_thread_under_the_patch():
    needs("uvloop")
    program("thread_uvloop")


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_requests_in_handlers_of_aiohttp(loop):
    needs("aiohttp", "requests", *({loop} - {"asyncio"}))
    program("requests_aiohttp", loop)


@pytest.mark.parametrize("reactor", ["epoll", "asyncio"])
def test_a_web_server_of_twisteds_whose_views_block(reactor):
    needs("twisted")
    program("web_twisted", reactor)


def test_the_orm_of_sqlalchemy_under_fastapi():
    needs("sqlalchemy", "fastapi", "uvicorn", "uvloop", "pymysql", "httpx")
    try:
        with servers.mariadb() as server:
            program("orm_fastapi", server.port, servers.PASSWORD)
    except LookupError as error:
        pytest.skip(str(error))


def test_the_tests_of_greenback():
    needs("greenback", "trio")
    right("-m", "tests.integration.loops.tests_of_greenback")
