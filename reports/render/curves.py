"""Training curves: one figure of small multiples per paper, every row in its own colour throughout."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from retable.reports import text
from retable.reports.compute.runs import Runs
from retable.reports.records.folder import CellRecord
from retable.reports.records.journal import Metrics
from retable.reports.render.drawing import ACROSS, COLOURS, DASHES, Drawing, draw_panels, drawable
from retable.reports.render.pictures import evenly

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

MOST_PANELS = 12
MOST_POINTS = 240
_SPEEDS = re.compile(r"per_s$|^lr$")
"""Values that say how fast it went, not what was learnt."""


@dataclass(frozen=True)
class Curve:
    """One value of one cell over its training."""

    row: str
    method: str
    name: str
    steps: np.ndarray
    values: np.ndarray


def curve_figures(runs: Runs, points: int = MOST_POINTS) -> dict[str, Drawing]:
    """Paper -> the figure of its cells' curves, each thinned to so many points; in order of the papers' names."""
    figures = {}
    for paper in sorted(runs.papers):
        of_paper = [record for record in runs.records if record.cell.paper == paper]
        of_paper.sort(key=lambda record: (record.cell.method, record.cell.variant, record.cell.seed))
        if curves := [curve for record in of_paper for curve in cell_curves(runs, record)]:
            figures[paper] = _draw(paper, curves, points)
    return figures


def cell_curves(runs: Runs, record: CellRecord) -> list[Curve]:
    """A cell's curves by name. A resumed run repeats steps: the later value counts."""
    points: dict[str, dict[int, float]] = {}
    for event in record.events:
        if isinstance(event, Metrics):
            for name, value in event.values.items():
                if not _SPEEDS.search(name):
                    points.setdefault(name, {})[event.step] = value
    row = text.row_name(runs.title(record.cell), record.cell.variant)
    curves = []
    for name in sorted(points):
        steps, values = zip(*sorted(points[name].items()), strict=True)
        curves.append(Curve(row, record.cell.method, name, np.array(steps), drawable(values)))
    return curves


def _draw(paper: str, curves: Sequence[Curve], most: int) -> Drawing:
    rows = list(dict.fromkeys(curve.row for curve in curves))
    styles = _styles(curves)
    panels: dict[str, list[Curve]] = {}
    for curve in curves:
        panels.setdefault(curve.name, []).append(curve)
    names = sorted(panels, key=lambda name: (-len({curve.row for curve in panels[name]}), name))[:MOST_PANELS]

    def draw(index: int, axis: Axes) -> list[Line2D]:
        shown = panels[names[index]]
        lines = []
        for curve in shown:
            colour, dash = styles[curve.row]
            points = _smooth(curve, most)
            lines += axis.plot(*points, color=colour, linestyle=dash, linewidth=1.3, alpha=0.9, label=curve.row)
        if _spans_decades(np.concatenate([curve.values for curve in shown])):
            axis.set_yscale("log")
        if index // ACROSS == (len(names) - 1) // ACROSS:
            axis.set_xlabel("step", fontsize=8.5)
        return lines

    what = f"{', '.join(names)} over training steps for {len(rows)} rows; running means over a fiftieth of the steps"
    description = f"Training curves of {paper}: {what}."
    name = f"curves-{paper}"
    return Drawing(name, *draw_panels(name, names, rows, 2.35, draw), description, description)


def _styles(curves: Sequence[Curve]) -> dict[str, tuple[str, object]]:
    """Row -> colour of its method and dash of its variant; beyond eight methods the dashes move on."""
    methods = list(dict.fromkeys(curve.method for curve in curves))
    styles: dict[str, tuple[str, object]] = {}
    variants: dict[str, int] = {}
    for row, method in dict.fromkeys((curve.row, curve.method) for curve in curves):
        place = methods.index(method)
        dash = variants.setdefault(method, place // len(COLOURS))
        variants[method] += 1
        styles[row] = (COLOURS[place % len(COLOURS)], DASHES[dash % len(DASHES)])
    return styles


def _smooth(curve: Curve, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Running means over a fiftieth of the curve, at as many steps as a small panel can show."""
    window = max(1, len(curve.steps) // 50)
    keep = evenly(len(curve.steps), most)
    means = [curve.values[max(0, place - window + 1) : place + 1].mean() for place in keep]
    return curve.steps[keep], np.array(means)


def _spans_decades(values: np.ndarray) -> bool:
    return bool(values.min() > 0 and np.quantile(values, 0.99) > 50 * np.quantile(values, 0.05))
