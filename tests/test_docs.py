"""The documentation is true: every block of code in it runs.

The ``python`` blocks of one page run in order in one fresh process, as if typed into one file; each ``console`` or
``sh`` block runs as a shell script; what a block with a name server of its own shows is compared. A block that shows
output or a file's content is marked ``text`` or by its own language and is not run.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from . import transcripts
from .two_at_once import results

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])  # docs/reference is made from docstrings
README = ROOT / "README.md"  # several programs and their output: tests/test_readme.py


def blocks(page, *languages):
    return [code for language, code in BLOCK.findall(page.read_text()) if language in languages]


def run(command, **kwargs):
    # The blocks say `resolve` and `python`: those of the environment that the tests run in.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    env = {**os.environ, "PATH": path, "PYTHONWARNINGS": "error", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False, env=env, **kwargs)
    assert done.returncode == 0, done.stdout + done.stderr


def pages(*languages):
    found = [page for page in PAGES if page != README and blocks(page, *languages)]
    return [pytest.param(page, id=str(page.relative_to(ROOT))) for page in found]


@pytest.fixture(scope="module")
def python_ran(request, tmp_path_factory):
    def run_page(page):
        script = tmp_path_factory.mktemp("python") / "page.py"
        script.write_text("\n".join(blocks(page, "python")))
        run([sys.executable, str(script)], cwd=ROOT)

    return results(request, "test_python_blocks", run_page)


@pytest.mark.timeout(600)  # the first of them waits for all
@pytest.mark.parametrize("page", pages("python"))
def test_python_blocks(request, python_ran, page):
    python_ran[request.node.callspec.id].result()


@pytest.mark.timeout(200)
@pytest.mark.parametrize("page", pages("console", "sh"))
def test_console_blocks(page, tmp_path):
    for code in blocks(page, "console", "sh"):
        if f"--port {transcripts.PORT}" in code:
            transcripts.check(code, tmp_path)
            continue
        lines = [line.removeprefix("$ ") for line in code.splitlines() if line.startswith("$ ")] or code.splitlines()
        run(["sh", "-e", "-c", "\n".join(lines)], cwd=tmp_path)


@pytest.mark.parametrize("page", [pytest.param(page, id=str(page.relative_to(ROOT))) for page in PAGES])
def test_links_lead_somewhere(page):
    for target in re.findall(r"(?:\]\(|src(?:set)?=\")(?!https?:|#)([^)#\"]+)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}, which is not there"
