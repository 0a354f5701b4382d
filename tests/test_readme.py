"""README.md is true: its programs run, print what it shows, and the figures are those of the plots."""

import re
from pathlib import Path

import pytest

from benchmarks import plot

from .transcripts import check, masked, run, said

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
PAGES, CRAWL = (code for language, code in BLOCKS if language == "python")
HEAD, LAST = (code for language, code in BLOCKS if language == "diff")
BEFORE_AND_AFTER, SHELL, CRAWLED = (code for language, code in BLOCKS if language == "console")


def sides(diff):
    """What a diff takes away, and what it puts there."""
    lines = diff.splitlines()
    return tuple("".join(f"{one[1:]}\n" for one in lines if one[0] in kept) for kept in ((" ", "-"), (" ", "+")))


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
    check(SHELL, tmp_path)


def test_crawl(tmp_path):
    (tmp_path / "crawl.py").write_text(CRAWL)
    (command,), output = said(CRAWLED)
    assert run(command, tmp_path) == output


@pytest.mark.parametrize("path", [ROOT / "README.md", *(plot.IMAGES / f"benchmarks-{one}.svg" for one in plot.THEMES)])
def test_figures_are_those_of_the_plots(path):
    figures = plot.json.loads(plot.FIGURES.read_text())
    assert path.read_text() == plot.files(figures)[path], "run: make plot"
