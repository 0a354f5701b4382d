"""Runs ``worlds.py`` in a fresh process, for the tests of each world."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .worlds import ENDS as EXPECTED
from .worlds import OTHERWISE, SCENARIOS

ROOT = Path(__file__).parents[3]
ENDS = sorted(EXPECTED)


def program(*arguments):
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=50, check=False, env=env
    )


def run(*arguments):
    return program(str(Path(__file__).parent / "worlds.py"), *arguments)


def all_scenarios(world):
    done = run(world)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [f"{one.__name__} ok" for one in SCENARIOS]
    assert done.returncode == 0


def end(world, name):
    expected = OTHERWISE.get((world, name), EXPECTED[name][1:])
    if expected is None:
        pytest.skip(f"{world} reports SystemExit of a callback and goes on")
    code, said, failed = expected
    done = run(world, name)
    assert done.returncode == code, done.stderr
    assert done.stdout.strip() == said
    assert failed in done.stderr
    if not failed:
        assert done.stderr == ""
