"""The tables of the migration guides name what there is: our names, and theirs where they are installed."""

import importlib
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"
GUIDES = {"gevent": DOCS / "migrate-from-gevent.md", "eventlet": DOCS / "migrate-from-eventlet.md"}
NAME = re.compile(r"`([a-z_]+(?:\.\w+)+)`")


def rows(peer):
    """(their names, our names) of each row."""
    for line in GUIDES[peer].read_text().splitlines():
        cells = [one.strip() for one in line.split("|")]
        if line.startswith("| ") and len(cells) >= 5 and cells[2] != "Celadon":
            yield NAME.findall(cells[1]), NAME.findall(cells[2])


def find(dotted):
    """What a dotted name means; ImportError or AttributeError if nothing."""
    parts = dotted.split(".")
    for n in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:n]))
        except ModuleNotFoundError:
            continue
        for part in parts[n:]:
            found = getattr(found, part)
        return found
    raise ImportError(dotted)


@pytest.mark.parametrize("peer", GUIDES)
def test_our_names(peer):
    ours = [name for _, names in rows(peer) for name in names]
    assert len(ours) > 30
    for name in ours:
        assert name.startswith("celadon."), name
        find(name)


@pytest.mark.parametrize("peer", GUIDES)
@pytest.mark.filterwarnings("ignore")
def test_their_names(peer):
    pytest.importorskip(peer)
    for names, _ in rows(peer):
        for name in names:
            if name.startswith(f"{peer}.") and "get_hub()" not in name and "Hub.loop" not in name:
                find(name)
