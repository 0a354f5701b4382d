"""README.md is true: its programs run, print what it shows, and the figures are those of the plots."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import plot
from celadon.resolver.testing import NameServer

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
PAGES, CRAWL = (code for language, code in BLOCKS if language == "python")
HEAD, LAST = (code for language, code in BLOCKS if language == "diff")
BEFORE_AND_AFTER, SHELL, CRAWLED = (code for language, code in BLOCKS if language == "console")
PORT = "5335"
#: What is another number each time.
VARIES = re.compile(r'("ts":|"rtt_ms":|in )[\d.]+|\d+(?=/s)|\d+\.\d+(?= seconds)')


def sides(diff):
    """What a diff takes away, and what it puts there."""
    lines = diff.splitlines()
    return tuple("".join(f"{one[1:]}\n" for one in lines if one[0] in kept) for kept in ((" ", "-"), (" ", "+")))


def said(block):
    """The commands of a console block, and the output below them."""
    lines = block.splitlines()
    return [one[2:] for one in lines if one.startswith("$ ")], [one for one in lines if not one.startswith("$ ")]


def run(command, folder):
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    env = {**os.environ, "PATH": path, "PYTHONWARNINGS": "error", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["sh", "-e", "-c", command], cwd=folder, env=env, capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return (done.stdout + done.stderr).splitlines()


def masked(lines):
    return [VARIES.sub(r"\1…", one) for one in lines]


def test_before_and_after(tmp_path):
    commands, output = said(BEFORE_AND_AFTER)
    after = PAGES
    for old, new in map(sides, (HEAD, LAST)):
        assert after.count(old) == 1
        after = after.replace(old, new)
    seconds = []
    for command, shown, program in zip(commands, output, (PAGES, after), strict=True):
        (tmp_path / "pages.py").write_text(program)
        (line,) = run(command, tmp_path)
        assert masked([line]) == masked([shown])
        seconds.append(float(re.search(r"[\d.]+(?= seconds)", line).group()))
    assert seconds[1] < seconds[0] / 3


def test_resolve(tmp_path):
    with NameServer() as server:
        port = server.address.rpartition(":")[2]  # free again a moment later
    commands, output = said(SHELL)
    # A loaded machine may need more than the second that a reader waits.
    script = "\n".join(commands).replace("sleep 1", "until [ -s server.log ]; do sleep 0.05; done").replace(PORT, port)
    got = run(f"trap 'kill $! 2>/dev/null || :' EXIT\n{script}", tmp_path)
    assert masked(got) == masked([line.replace(PORT, port) for line in output])


def test_crawl(tmp_path):
    (tmp_path / "crawl.py").write_text(CRAWL)
    (command,), output = said(CRAWLED)
    assert run(command, tmp_path) == output


@pytest.mark.parametrize("path", [ROOT / "README.md", *(plot.IMAGES / f"benchmarks-{one}.svg" for one in plot.THEMES)])
def test_figures_are_those_of_the_plots(path):
    figures = plot.json.loads(plot.FIGURES.read_text())
    assert path.read_text() == plot.files(figures)[path], "run: make plot"
