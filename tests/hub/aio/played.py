"""Runs ``worlds.py`` in a fresh process, for the tests of each world."""

import os
import subprocess
import sys
from pathlib import Path

from .worlds import ENDS as EXPECTED
from .worlds import SCENARIOS

ROOT = Path(__file__).parents[3]
ENDS = sorted(EXPECTED)


def run(*arguments):
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    command = [sys.executable, str(Path(__file__).parent / "worlds.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=False, env=env)


def all_scenarios(world):
    done = run(world)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [f"{one.__name__} ok" for one in SCENARIOS]
    assert done.returncode == 0


def end(world, name):
    _, code, said, failed = EXPECTED[name]
    done = run(world, name)
    assert done.returncode == code, done.stderr
    assert done.stdout.strip() == said
    assert failed in done.stderr
    if not failed:
        assert done.stderr == ""
