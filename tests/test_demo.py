"""The demonstration works, and its check bites."""

import subprocess
import sys
from pathlib import Path

import pytest

from examples import demo

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(("args", "code"), [([], 0), (["--sabotage"], 1)])
def test_demo(args, code, tmp_path):
    page = tmp_path / "demo.html"
    command = [sys.executable, "-m", "examples.demo", "--names", "40", "--rounds", "1", "--html", str(page), *args]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    table = lines[lines.index("", 3) + 2 :][:4]
    assert [line.split()[0] for line in table] == ["unpatched", "thread", "ares", "python"]
    assert all((line.split()[3] == "0") == (code == 0) for line in table)
    assert sum("round 1 of 1" in line for line in lines) == 4
    assert "The unchanged crawler got the same 40 pages" in done.stdout
    assert page.read_text().count("<polyline") == 4


def test_it_listens_on_loopback_only():
    made = demo.sites()
    try:
        assert all(one.server_address[0].startswith("127.") for one in made)
    finally:
        for one in made:
            one.shutdown()
            one.server_close()
