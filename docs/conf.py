"""The site: ``make docs``. The pages are the Markdown beside this file; index.md's sections and links are the menu."""

import pathlib
import re
import sys
import tomllib

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT))

import celadon  # noqa: E402
from docs.make import llms, reference  # noqa: E402

SOURCE = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Source"]

project = "Celadon"
author = copyright = "The Celadon authors"
release = version = celadon.__version__
extensions = ["myst_parser"]
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "attrs_inline"]
exclude_patterns = ["_build", "make"]
nitpicky = True
html_theme = "furo"
html_title = f"Celadon {release}"
html_static_path = ["static"]
html_css_files = ["celadon.css"]
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#1a7f5a", "color-brand-content": "#1a7f5a"},
    "dark_css_variables": {"color-brand-primary": "#4cc38a", "color-brand-content": "#4cc38a"},
}
# Blocks of a shell or of output have no lexer that reads all of them.
suppress_warnings = ["misc.highlighting_failure"]


def _label(name):
    """A page of the reference in the menu, short enough for one line."""
    return f"{name.removeprefix('reference/').removeprefix('celadon.')} <{name}>"


def _menu(text):
    """A hidden table of contents for each section of index.md, in its order."""
    for title, section in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL):
        found = {page: label for label, page in re.findall(r"\[([^\]]+)\]\(([\w/-]+)\.md\)", section)}
        if found:
            lines = (
                f"{label.replace('`', '')[0].upper()}{label.replace('`', '')[1:]} <{page}>"
                for page, label in found.items()
            )
            yield f"\n```{{toctree}}\n:hidden:\n:caption: {title}\n\n" + "\n".join(lines) + "\n```\n"


def _read(app, name, content):
    """Links out of docs/ lead to the source; the front page gets the menu, and the pages made here."""
    text = content[0]
    text = re.sub(r"\]\(\.\./([^)#]+)((?:#[^)]*)?)\)", rf"]({SOURCE}/\1\2)", text)
    # The theme shows one of the two plots.
    text = re.sub(
        r"!\[(.*?)\]\((images/\S+?)-light\.svg\)",
        r"![\1](\2-light.svg){.only-light}\n![\1](\2-dark.svg){.only-dark}",
        text,
    )
    if name == "index":
        text += "".join(_menu(text))
        text += "\n```{toctree}\n:hidden:\n:caption: Reference\n\n" + "\n".join(_label(name) for name in reference.names()) + "\n```\n"
    content[0] = text


def _made(app, error):
    if error is None:
        for name, text in llms.files(SOURCE).items():
            (pathlib.Path(app.outdir) / name).write_text(text, encoding="utf-8")


def setup(app):
    """Called by Sphinx."""
    reference.write(HERE)
    app.connect("source-read", _read)
    app.connect("build-finished", _made)
