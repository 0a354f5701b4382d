"""Programs in processes of their own: started, asked over HTTP, ended by a signal."""

import os
import signal
import socket
import subprocess
import time
import urllib.request
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

import celadon

ROOT = Path(celadon.__file__).parent.parent


def needs(*modules, make="test-integration"):
    missing = [one for one in modules if find_spec(one) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}; make {make} installs it")


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextmanager
def running(folder, *command, stop=signal.SIGTERM, status=(0,), **environment):
    env = {**os.environ, "PYTHONPATH": f"{ROOT}:{folder}", "HOME": str(folder), **environment}
    with (folder / "log").open("ab") as log:
        child = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=env)
    try:
        yield child
        child.send_signal(stop)
        assert child.wait(30) in status, (folder / "log").read_text()
    finally:
        child.kill()
        child.wait()


def fetch(url, patience=30):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(patience * 10):
        try:
            return opener.open(url, timeout=10).read().decode()
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(url)
