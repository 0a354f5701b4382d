"""Libraries that wait in C are named in one warning, whether they are imported after the patch or before it."""

import subprocess
import sys
from pathlib import Path

import pytest

from celadon.green.patching.blocks_in_c import BLOCKS_IN_C

PAGE = Path(__file__).parents[3] / "docs" / "patching.md"


@pytest.mark.parametrize("name", BLOCKS_IN_C)
@pytest.mark.parametrize(
    "order", ["import {0}, celadon; celadon.patch_all()", "import celadon; celadon.patch_all(); import {0}"]
)
def test_it_is_named_once(name, order, tmp_path):
    (tmp_path / f"{name}.py").write_text("")
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {order.format(name)}; import importlib; "
    program += f"importlib.reload({name}); celadon.patch_all()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0
    assert done.stderr.count(f"RuntimeWarning: {name} waits in C") == 1, done.stderr
    assert done.stderr.count("RuntimeWarning") == 1


def test_nothing_is_said_without_them():
    program = "import celadon; celadon.patch_all(); import asyncio, json"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", BLOCKS_IN_C)
def test_the_page_says_what_to_do(name):
    assert f"| `{name}` |" in PAGE.read_text()
