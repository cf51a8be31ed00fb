"""Charts as SVG, without a library: panels with a logarithmic axis of sizes and an axis of cost that begins at zero."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import NamedTuple

#: Pixels of a panel and of the room around its axes.
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 460, 300, 64, 24, 46, 52
COLUMNS = 2
TITLE = 44
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #333 }
  .title { font-size: 17px; font-weight: 600 }
  .small { font-size: 12px; fill: #555 }
  .paper { fill: #fff }
  .grid { stroke: #ddd }
  .axis { stroke: #888 }
  .curve { fill: none; stroke-width: 2.5 }
  .c0 { stroke: #0b62a4 } .d0 { fill: #0b62a4 } .c1 { stroke: #c2570c } .d1 { fill: #c2570c }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6e6e6 } .small { fill: #b5b5b5 } .paper { fill: #16181b } .grid { stroke: #33373c }
    .axis { stroke: #80868d }
    .c0 { stroke: #6db6f2 } .d0 { fill: #6db6f2 } .c1 { stroke: #f5a05f } .d1 { fill: #f5a05f }
  }
"""


class Curve(NamedTuple):
    """Points of (size, cost), sizes rising; at most two curves a panel."""

    name: str
    points: Sequence[tuple[float, float]]


class Panel(NamedTuple):
    """One chart with the labels of its axes."""

    across: str
    upwards: str
    curves: Sequence[Curve]


def svg(title: str, panels: Sequence[Panel]) -> str:
    """The panels two in a row under a title, readable on light and on dark paper."""
    rows = math.ceil(len(panels) / COLUMNS)
    width, height = WIDTH * COLUMNS, TITLE + HEIGHT * rows
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{width}" height="{height}"/>',
        f'<text class="title" x="{LEFT}" y="30">{escape(title)}</text>',
    ]
    for n, panel in enumerate(panels):
        x, y = WIDTH * (n % COLUMNS), TITLE + HEIGHT * (n // COLUMNS)
        lines += [f'<g transform="translate({x} {y})">', *_panel(panel), "</g>"]
    return "\n".join([*lines, "</svg>", ""])


def _panel(panel: Panel) -> Iterator[str]:
    sizes = sorted({size for curve in panel.curves for size, _ in curve.points})
    top = _round_up(max(cost for curve in panel.curves for _, cost in curve.points))
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM

    def down(cost: float) -> float:
        return round(bottom - (bottom - TOP) * cost / top, 1)

    def along(size: float) -> float:
        return round(LEFT + (right - LEFT) * _share(size, sizes), 1)

    for step in range(5):
        cost = top * step / 4
        kind = "grid" if step else "axis"
        yield f'<line class="{kind}" x1="{LEFT}" x2="{right}" y1="{down(cost)}" y2="{down(cost)}"/>'
        yield f'<text class="small" x="{LEFT - 8}" y="{down(cost) + 4}" text-anchor="end">{cost:g}</text>'
    for size in sizes:
        yield f'<line class="axis" x1="{along(size)}" x2="{along(size)}" y1="{bottom}" y2="{bottom + 5}"/>'
        yield f'<text class="small" x="{along(size)}" y="{bottom + 20}" text-anchor="middle">{_figure(size)}</text>'
    yield f'<text x="{(LEFT + right) / 2}" y="{HEIGHT - 12}" text-anchor="middle">{escape(panel.across)}</text>'
    middle = (TOP + bottom) / 2
    yield f'<text transform="translate(18 {middle}) rotate(-90)" text-anchor="middle">{escape(panel.upwards)}</text>'
    start = LEFT
    for n, curve in enumerate(panel.curves):
        points = " ".join(f"{along(size)},{down(cost)}" for size, cost in curve.points)
        yield f'<polyline class="curve c{n}" points="{points}"/>'
        yield from (f'<circle class="d{n}" cx="{along(s)}" cy="{down(cost)}" r="4"/>' for s, cost in curve.points)
        yield f'<circle class="d{n}" cx="{start + 4}" cy="{TOP - 22}" r="4"/>'
        yield f'<text x="{start + 14}" y="{TOP - 18}">{escape(curve.name)}</text>'
        start += 40 + 7 * len(curve.name)


def _share(size: float, sizes: Sequence[float]) -> float:
    """How far along the axis a size stands, 0 to 1: by its logarithm, and 0 half a step of ten before the first."""
    steps = [math.log10(s) for s in sizes if s]
    first = steps[0] - (0.5 if sizes[0] == 0 else 0)
    at = math.log10(size) if size else first
    return (at - first) / (steps[-1] - first) if steps[-1] > first else 0.5


def _round_up(cost: float) -> float:
    """The end of the axis: a figure whose quarters are easy to read."""
    scale = 10 ** math.floor(math.log10(cost)) if cost > 0 else 1
    return next(m * scale for m in (1, 1.2, 1.6, 2, 2.4, 3, 4, 6, 8, 10) if m * scale >= cost)


def _figure(size: float) -> str:
    """A size as people write it: 1,000,000 is 1M."""
    for step, letter in ((1_000_000, "M"), (1_000, "k")):
        if size >= step:
            return f"{size / step:g}{letter}"
    return f"{size:g}"
