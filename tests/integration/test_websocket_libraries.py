"""WebSocket libraries on our server, as they are: they find the socket in the environment, and use threads."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEEDED = ("flask", "flask_sock", "flask_socketio", "socketio", "httptools", "websocket")


def test_flask_sock_and_flask_socketio():
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)}: not installed; make test-integration has it")
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-m", "celadon", "-m", "tests.integration.programs.flask_websocket"],
        capture_output=True, text=True, timeout=60, check=False, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    # engineio logs a client that leaves while its last poll is on its way.
    said = [line for line in done.stderr.splitlines() if "Session is disconnected" not in line]
    assert (done.returncode, said) == (0, [])
