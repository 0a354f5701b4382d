"""``make plot``: the published figures (figures.json) as two SVG plots and as the table in README.md.

``python -m benchmarks.plot [--check]``. The figures are copied by hand from what `make bench` and `make bench-bulk`
print, with their date; nothing is measured here. ``--check`` writes nothing; status 1 if a file differs.
"""

import argparse
import json
import pathlib
import sys
from xml.sax.saxutils import escape

ROOT = pathlib.Path(__file__).parent.parent
FIGURES = ROOT / "benchmarks" / "figures.json"
IMAGES = ROOT / "docs" / "images"
README = ROOT / "README.md"
BEGIN, END = "<!-- benchmarks: made by `make plot` -->\n", "<!-- end of benchmarks -->\n"
# Theme -> colours of the text, of what is less important, of our bars and of gevent's.
THEMES = {
    "light": {"text": "#1f2328", "faint": "#59636e", "ours": "#1a7f5a", "gevent": "#b8c0c8"},
    "dark": {"text": "#f0f6fc", "faint": "#9198a1", "ours": "#4cc38a", "gevent": "#5a626b"},
}
WIDTH, LABELS, ROW, BAR, TOP, RIGHT = 860, 345, 42, 13, 58, 120


def number(value):
    """Three digits, as the table has them."""
    return "" if value is None else f"{value:.3g}"


def table(figures):
    """The table in Markdown, a line each."""
    yield f"`{figures['command']}`, {figures['date']}, {figures['machine']}. Microseconds for one; less is better."
    yield ""
    yield "| | Celadon | without its accelerator | gevent | gevent takes |"
    yield "|---|---|---|---|---|"
    for row in figures["rows"]:
        cells = (number(row[key]) for key in ("ours", "plain", "gevent"))
        yield f"| {row['what']} | {' | '.join(cells)} | {row['gevent'] / row['ours']:.1f}x |"


def svg(figures, theme):
    """Two bars a row, ours and gevent's, as parts of the longer one."""
    colours = THEMES[theme]
    height = TOP + ROW * len(figures["rows"]) + 12
    room = WIDTH - LABELS - RIGHT
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'role="img" font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif" font-size="13">',
        "<title>Celadon beside gevent: microseconds for one operation</title>",
    ]

    def text(x, y, content, colour, more=""):
        lines.append(f'<text x="{x:.0f}" y="{y:.0f}" fill="{colours[colour]}"{more}>{escape(content)}</text>')

    def bar(y, part, colour):
        lines.append(
            f'<rect x="{LABELS}" y="{y}" width="{max(room * part, 2):.1f}" height="{BAR}" fill="{colours[colour]}"/>'
        )

    text(0, 18, "Microseconds for one operation; shorter is better", "text", ' font-weight="600" font-size="15"')
    text(0, 38, f"{figures['command']}, {figures['date']}, {figures['machine']}", "faint")
    text(WIDTH, 18, "Celadon", "ours", ' text-anchor="end" font-weight="600"')
    text(WIDTH, 38, "gevent", "faint", ' text-anchor="end" font-weight="600"')
    for n, row in enumerate(figures["rows"]):
        y = TOP + n * ROW
        longer = max(row["ours"], row["gevent"])
        text(LABELS - 12, y + BAR + 5, row["what"], "text", ' text-anchor="end"')
        for offset, key in ((0, "ours"), (BAR + 2, "gevent")):
            part = row[key] / longer
            bar(y + offset, part, key)
            text(LABELS + room * part + 6, y + offset + 11, number(row[key]), "faint", ' font-size="12"')
        text(WIDTH, y + BAR + 6, f"{row['gevent'] / row['ours']:.1f}x", "text", ' text-anchor="end" font-weight="600"')
    return "\n".join([*lines, "</svg>", ""])


def files(figures):
    """Path -> what it must contain."""
    made = {IMAGES / f"benchmarks-{theme}.svg": svg(figures, theme) for theme in THEMES}
    before, _, rest = README.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise SystemExit(f"{README.name}: the marks of the table are not there: {BEGIN.strip()} and {END.strip()}")
    made[README] = before + BEGIN + "\n".join([*table(figures), ""]) + END + after
    return made


def main(argv=None):
    """Write or check the files; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; status 1 if a file differs")
    options = parser.parse_args(argv)
    old = []
    for path, content in files(json.loads(FIGURES.read_text())).items():
        if not path.exists() or path.read_text() != content:
            old.append(path.relative_to(ROOT))
            if not options.check:
                path.write_text(content)
    for path in old:
        print(f"{path}: {'differs from benchmarks/figures.json; run: make plot' if options.check else 'written'}")
    return 1 if old and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
