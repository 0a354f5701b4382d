"""Exactly libc's answers: the same calls to libc and to each engine in private worlds, nothing but equality allowed.

``make test`` plays a seeded sample; ``make test-parity`` plays thousands of calls. Needs root and Linux' namespaces.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ..two_at_once import results
from .parity.world import WORLDS

ROOT = Path(__file__).parents[2]
# How many calls a world gets here; make test-parity sets it.
COUNT = int(os.environ.get("PARITY_COUNT", "70"))
SEEDS = range(int(os.environ.get("PARITY_SEEDS", "1")))
DRAWN = range(1, 1 + int(os.environ.get("PARITY_DRAWN", "3")))


def namespaces():
    """Why private worlds cannot be had here; None if they can."""
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return "unshare or ip is not installed"
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "only root may have namespaces of its own"
    done = subprocess.run(
        ["unshare", "-mnu", "sh", "-c", "mount --bind /etc/hosts /etc/hosts && ip link set lo up"],
        capture_output=True,
        check=False,
    )
    return None if done.returncode == 0 else f"unshare does not work here: {done.stderr.decode()}"


WHY_NOT = namespaces()
pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))


def play(world, engines, *options):
    command = ["unshare", "-mnu", sys.executable, "-m", "tests.resolver.parity.play", world, engines, *options]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stderr.splitlines()[-1])["calls"] > 0
    return done.stdout


def play_world(world, seed):
    seed = 1000 * seed + list(WORLDS).index(world)  # other calls in each
    engines = "ares,python,ares:libc,python:libc,python:cache,aio-ares:libc,aio-python:libc"
    if COUNT > 100:
        engines += ",aio-python:cache,auto:libc"  # in most worlds it is ares, in some libc itself
    if WORLDS[world].second == "healthy":
        # c-ares turns to the server that failed last less often, whatever the order.
        engines = "python,python:libc,aio-python:libc"
    return play(world, engines, "--count", str(COUNT), "--seed", str(seed))


@pytest.fixture(scope="module")
def played(request):
    return results(request, "test_world", play_world)


@pytest.mark.timeout(3600 if COUNT > 100 else 600)  # the first of them waits for all
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("world", WORLDS)
def test_world(request, played, world, seed):
    assert played[request.node.callspec.id].result() == ""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", DRAWN)
def test_drawn_world(seed):
    assert play(f"drawn:{seed}", "auto,ares,python:libc", "--count", str(COUNT), "--seed", str(seed)) == ""


def test_silence():
    assert play("plain", "ares:libc,python:libc,aio-ares:libc,aio-python:libc", "--slow") == ""


def test_every_wanted_difference_is_told_in_the_documentation():
    rows = json.loads((ROOT / "fixtures" / "golden" / "wanted.json").read_text())["rows"]
    page = (ROOT / "docs" / "differences.md").read_text()
    for row in rows:
        assert re.compile(row["host"]) if "host" in row else row["outcomes"]
        assert row["reason"]
        assert row["doc"] in page
