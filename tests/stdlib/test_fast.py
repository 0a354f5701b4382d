"""The quick ones of CPython's test modules pass under the patch as they do without; `make test-stdlib` runs all."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.two_at_once import results

from .modules import FAST

ROOT = Path(__file__).parent.parent.parent
pytestmark = [pytest.mark.cpython_tests, pytest.mark.timeout(600)]


def run(module):
    command = [sys.executable, "-m", "tests.stdlib.run", module, "--per-test", "30", "--budget", "100"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=220)


@pytest.fixture(scope="module")
def ran(request):
    return results(request, "test_module", run)


@pytest.mark.parametrize("module", FAST)
def test_module(module, ran):
    done = ran[module].result()
    assert done.returncode == 0, done.stdout + done.stderr
