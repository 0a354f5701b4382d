"""Plots of a benchmark as SVG, drawn by hand: a start need not import a library for five pictures."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from .measures import Measures

_WIDE, _HIGH, _LEFT, _BOTTOM, _TOP = 720, 360, 70, 50, 40


def plots(measures: Measures) -> dict[str, str]:
    """File name without ending -> SVG; as dnspyre names them."""
    slices = sorted(measures.slices.items())
    width = measures.width
    at = [number * width for number, _ in slices]
    return {
        "latency-histogram": _bars(
            "Latencies", "milliseconds", [(f"{low * 1e3:.2f}", count) for low, _, count in measures.latencies.rows()]
        ),
        "latency-lineplot": _line(
            "Median latency over time", "milliseconds", at, [one.latencies.quantile(0.5) * 1e3 for _, one in slices]
        ),
        "throughput-lineplot": _line(
            "Questions per second", "questions/s", at, [one.requests / width for _, one in slices]
        ),
        "errorrate-lineplot": _line("Errors over time", "errors/s", at, [one.errors / width for _, one in slices]),
        "responses-barchart": _bars("Response codes", "", sorted(measures.rcodes.items())),
    }


def _svg(title: str, unit: str, most: float, inner: list[str]) -> str:
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDE} {_HIGH}"',
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDE}" height="{_HIGH}" fill="#ffffff"/>',
        f'<text x="{_WIDE / 2}" y="22" text-anchor="middle" font-size="15">{escape(title)}</text>',
    ]
    for part in range(5):
        y = _HIGH - _BOTTOM - part * (_HIGH - _BOTTOM - _TOP) / 4
        lines.append(f'<line x1="{_LEFT}" x2="{_WIDE - 20}" y1="{y:.1f}" y2="{y:.1f}" stroke="#dddddd"/>')
        lines.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{most * part / 4:.4g}</text>')
    if unit:
        lines.append(f'<text x="{_WIDE - 20}" y="{_HIGH - 8}" text-anchor="end" fill="#666666">{escape(unit)}</text>')
    return "".join(f"{line}\n" for line in [*lines, *inner, "</svg>"])


def _y(value: float, most: float) -> float:
    return _HIGH - _BOTTOM - value / most * (_HIGH - _BOTTOM - _TOP)


def _bars(title: str, unit: str, rows: Sequence[tuple[str, int]]) -> str:
    most = float(max((count for _, count in rows), default=1) or 1)
    room = (_WIDE - 20 - _LEFT) / max(len(rows), 1)
    every = max(1, len(rows) // 8)
    inner = []
    for number, (label, count) in enumerate(rows):
        x, y = _LEFT + number * room, _y(count, most)
        inner.append(
            f'<rect x="{x + room * 0.1:.1f}" y="{y:.1f}" width="{room * 0.8:.1f}" height="{_HIGH - _BOTTOM - y:.1f}" '
            f'fill="#3b6ea5"><title>{escape(label)}: {count}</title></rect>'
        )
        if number % every == 0:
            inner.append(f'<text x="{x + room / 2:.1f}" y="{_HIGH - 30}" text-anchor="middle">{escape(label)}</text>')
    return _svg(title, unit, most, inner)


def _line(title: str, unit: str, at: Sequence[float], values: Sequence[float]) -> str:
    most = max(values, default=1.0) or 1.0
    last = max(at, default=0.0) or 1.0
    points = [
        f"{_LEFT + when / last * (_WIDE - 20 - _LEFT):.1f},{_y(value, most):.1f}"
        for when, value in zip(at, values, strict=True)
    ]
    inner = [f'<polyline points="{" ".join(points)}" fill="none" stroke="#3b6ea5" stroke-width="2"/>']
    for x_text, _, y_text in (one.partition(",") for one in points):
        inner.append(f'<circle cx="{x_text}" cy="{y_text}" r="2.5" fill="#3b6ea5"/>')
    for part in range(5):
        x = _LEFT + part * (_WIDE - 20 - _LEFT) / 4
        inner.append(f'<text x="{x:.1f}" y="{_HIGH - 30}" text-anchor="middle">{last * part / 4:.4g} s</text>')
    return _svg(title, unit, most, inner)
