"""The site, without Sphinx: every public name is in the reference, every page in the menu and in llms.txt."""

import re
from pathlib import Path

import pytest

from docs.make import llms, reference

DOCS = Path(__file__).parent.parent / "docs"
PAGES = {one.name for one in DOCS.glob("*.md")}


def test_the_parts_have_a_page():
    assert {"celadon", "celadon.hub", "celadon.resolver", "celadon.green"} <= set(reference.DOORS)


@pytest.mark.parametrize("door", reference.DOORS)
def test_every_public_name_has_an_entry(door):
    if door.startswith("celadon.green.servers."):
        pytest.importorskip("httptools")
    page = reference.page(door)
    assert set(re.findall(r"^## `(.+)`$", page, re.MULTILINE)) == set(reference.public(door))
    assert " at 0x" not in page


def test_a_docstring_is_what_the_page_says():
    from celadon.hub import Queue

    page = reference.page("celadon.hub")
    assert reference.text_of(Queue.put) in page
    assert "put(item" in page


def test_every_page_is_in_the_menu():
    assert set(llms.pages()) == PAGES, "a page needs one line in docs/index.md: - [Title](page.md): what it is for."


def test_llms_names_every_page():
    made = llms.files("https://source.example")
    assert len(re.findall(r"^- \[.+\]\([\w-]+\.html\): \S", made["llms.txt"], re.MULTILINE)) == len(PAGES)
    assert all(one.read_text()[:60] in made["llms-full.txt"] for one in DOCS.glob("*.md"))
