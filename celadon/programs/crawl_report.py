"""What the lookups of a crawl were like, as one page of HTML: a table, and a plot by matplotlib if it is installed."""

from __future__ import annotations

import html
import io
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from celadon import late

_KEPT = 100_000  # latencies

_figure = late.module("matplotlib.figure")

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Lookups of a crawl</title>
<style>body {{ font-family: sans-serif; max-width: 60em; margin: 2em auto }} td, th {{ padding: .2em 1em;
text-align: left }} td + td {{ text-align: right }} table {{ border-collapse: collapse; margin: 1em 0 }}
tr {{ border-bottom: 1px solid #ddd }} svg {{ width: 100%; height: auto }}</style>
<h1>Lookups of a crawl</h1>
<p>{when}</p>
{tables}
{plot}
</html>
"""


class Report:
    """``event`` is a CrawlerResolver's ``on_event``."""

    def __init__(self) -> None:
        self.begin: float = time.time()
        self.sources: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.servers: Counter[str] = Counter()
        self.seconds: Counter[tuple[int, str]] = Counter()  # (second of the crawl, source) -> lookups
        self.latencies: list[float] = []  # of what was asked for, in seconds

    def event(self, event: Any) -> None:
        """Count one lookup."""
        self.sources[event.source] += 1
        self.statuses[event.status] += 1
        self.seconds[int(event.when - self.begin), event.source] += 1
        if event.source == "dns":
            self.servers[event.server or "none"] += 1
            if len(self.latencies) < _KEPT:
                self.latencies.append(event.seconds)

    def tables(self, stats: Any) -> Iterator[tuple[str, list[tuple[str, Any]]]]:
        """Title and rows of each table."""
        asked = sorted(self.latencies)
        total = sum(self.sources.values()) or 1
        yield (
            "Lookups",
            [
                ("all", sum(self.sources.values())),
                ("a second", f"{total / max(time.time() - self.begin, 1):.1f}"),
                *((f"from {name}", f"{count} ({count / total:.0%})") for name, count in self.sources.most_common()),
                ("refused by the guard", stats.blocked),
            ],
        )
        yield "Outcomes", self.statuses.most_common()
        if asked:
            rows = [(f"{part:g} %", f"{asked[min(int(len(asked) * part / 100), len(asked) - 1)] * 1000:.1f} ms")
                    for part in (50, 90, 99, 99.9)]  # fmt: skip
            yield "Answered by servers within", [*rows, ("all", f"{asked[-1] * 1000:.1f} ms")]
        yield "Servers", self.servers.most_common()
        if stats.cache is not None:
            cache = stats.cache
            yield "Cache", [(name, getattr(cache, name)) for name in ("entries", "hits", "misses", "negative", "stale")]

    def plot(self) -> str:
        """Lookups over time and the latencies' distribution, as SVG."""
        try:
            figure = _figure.Figure(figsize=(10, 7), layout="constrained")
        except ImportError:
            return "<p>There would be a plot here if matplotlib were installed.</p>"
        over_time, spread = figure.subplots(2)
        last = max((second for second, _ in self.seconds), default=0)
        names = [name for name, _ in self.sources.most_common()]
        rows = [[self.seconds[second, name] for second in range(last + 1)] for name in names]
        if rows:
            over_time.stackplot(range(last + 1), rows, labels=names, step="post")
            over_time.legend(loc="upper right")
        over_time.set(xlabel="seconds", ylabel="lookups a second", ylim=(0, None))
        if self.latencies:
            asked = sorted(one * 1000 for one in self.latencies)
            spread.step(asked, [100 * (n + 1) / len(asked) for n in range(len(asked))], where="post")
            spread.set(xscale="log")
        spread.set(xlabel="milliseconds until a server's answer", ylabel="per cent of lookups", ylim=(0, 101))
        image = io.StringIO()
        figure.savefig(image, format="svg")
        return image.getvalue()[image.getvalue().index("<svg") :]

    def write(self, path: str, stats: Any) -> None:
        """The page. Raises OSError."""
        made = []
        for title, rows in self.tables(stats):
            cells = "".join(
                f"<tr><td>{html.escape(str(name))}</td><td>{html.escape(str(value))}</td></tr>" for name, value in rows
            )
            made.append(f"<h2>{title}</h2><table>{cells}</table>")
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.begin))
        with open(path, "w", encoding="utf-8") as file:
            file.write(PAGE.format(when=f"Begun {when}.", tables="\n".join(made), plot=self.plot()))
