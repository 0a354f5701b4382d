"""llms.txt (https://llmstxt.org): what there is to read, for machines; llms-full.txt: all of it in one file."""

import pathlib
import re

DOCS = pathlib.Path(__file__).parent.parent


def pages():
    """The pages of index.md in its order, the front page first."""
    found = re.findall(r"\]\(([\w/-]+\.md)\)", (DOCS / "index.md").read_text(encoding="utf-8"))
    return ["index.md", *dict.fromkeys(found)]


def about(name):
    """A page's title and its first sentence."""
    title, _, text = (DOCS / name).read_text(encoding="utf-8").partition("\n")
    first = re.sub(r"\s+", " ", text.strip().partition("\n\n")[0])
    first = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", first)
    return title.lstrip("# "), re.split(r"(?<=[.:;]) ", first)[0].rstrip(":;")


def files(source):
    """File name -> content; ``source`` is where the repository is."""
    lines = ["# Celadon", "", f"> {about('index.md')[1]}", "", f"Source: {source}", "", "## Docs", ""]
    for name in pages():
        title, first = about(name)
        lines.append(f"- [{title}]({name.removesuffix('.md')}.html): {first}")
    whole = [(DOCS / name).read_text(encoding="utf-8") for name in pages()]
    return {"llms.txt": "\n".join([*lines, ""]), "llms-full.txt": "\n\n".join(whole)}
