"""Libraries that count on threads being threads, under ``patch_all``: greenlets as callees, signals, joins."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("package", ["greenback", "trio", "websockets"])
def test_a_library(package):
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed; make test-integration has it")
    program = f"tests.integration.programs.threads_{package}"
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-m", "celadon", "-m", program],
        capture_output=True, text=True, timeout=60, check=False, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
