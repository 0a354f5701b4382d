"""The demonstration works, and its check bites."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(("args", "code"), [([], 0), (["--sabotage"], 1)])
def test_demo(args, code):
    command = [sys.executable, "-m", "examples.demo", *args]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["engine", "ares", "thread", "python"]
