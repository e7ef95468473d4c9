"""Training curves: one figure of small multiples a paper, every row in its own colour throughout."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from retable.reports import text
from retable.reports.compute.runs import Bundle
from retable.reports.render.drawing import COLOURS, DASHES, dress, embed_svg, save, settings

if TYPE_CHECKING:
    from matplotlib.lines import Line2D

MOST_PANELS = 12
MOST_POINTS = 240
_SPEEDS = re.compile(r"per_s$|^lr$")
"""Values that say how fast it went, not what was learnt."""


@dataclass(frozen=True)
class CurveFigure:
    """One paper's figure, as SVG and PNG bytes, with a sentence that says what it shows."""

    paper: str
    svg: bytes
    png: bytes
    description: str


def curve_figures(bundle: Bundle, points: int = MOST_POINTS) -> list[CurveFigure]:
    """One figure for every paper whose cells have curves, in order of the papers' names.

    Args:
        bundle: whose curves.
        points: to which every curve is thinned.
    """
    figures = []
    for paper in sorted(set(bundle.cells["paper"])):
        frame = _long_frame(bundle, paper)
        if not frame.empty:
            figures.append(_draw(paper, frame, points))
    return figures


def inline_svg(figure: CurveFigure) -> str:
    """The SVG element for embedding in a page: text in the page's colour, ids that meet no other figure's."""
    return embed_svg(figure.svg, f"curves-{figure.paper}")


def _long_frame(bundle: Bundle, paper: str) -> pd.DataFrame:
    parts = []
    cells = bundle.cells[bundle.cells["paper"] == paper].sort_values(["method", "variant", "seed"])
    for cell in cells.to_dict("records"):
        curve = bundle.curves.get(cell["address"])
        if curve is not None:
            label = text.row_name(cell["title"], cell["variant"])
            parts.append(curve.assign(row=label, method=cell["method"], seed=cell["seed"]))
    frame = pd.concat(parts) if parts else pd.DataFrame(columns=["step", "name", "value", "row", "method", "seed"])
    return frame[[not _SPEEDS.search(str(name)) for name in frame["name"]]] if len(frame) else frame


def _draw(paper: str, frame: pd.DataFrame, most: int) -> CurveFigure:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    rows = list(dict.fromkeys(frame["row"]))
    styles = _styles(frame)
    names = sorted(set(frame["name"]), key=lambda name: (-frame[frame["name"] == name]["row"].nunique(), name))
    names = names[:MOST_PANELS]
    across = min(3, len(names))
    down = -(-len(names) // across)
    legend_rows = -(-len(rows) // 3)
    height = 2.35 * down + 0.24 * legend_rows + 0.2
    with mpl.rc_context(settings(paper)):
        figure = Figure(figsize=(3.25 * across, height), layout="constrained")
        axes = figure.subplots(down, across, squeeze=False)
        handles: dict[str, Line2D] = {}
        for axis, name in zip(axes.flat, names, strict=False):
            panel = frame[frame["name"] == name]
            for (row, _), points in panel.groupby(["row", "seed"], sort=False):
                steps, values = _smooth(points, most)
                colour, dash = styles[row]
                (line,) = axis.plot(steps, values, color=colour, linestyle=dash, linewidth=1.3, alpha=0.9, label=row)
                handles.setdefault(row, line)
            if _spans_decades(panel["value"]):
                axis.set_yscale("log")
            dress(axis, name)
        for axis in list(axes.flat)[len(names) :]:
            axis.set_axis_off()
        for axis in axes[-1]:
            axis.set_xlabel("step", fontsize=8.5)
        shown = [handles[row] for row in rows if row in handles]
        figure.legend(handles=shown, loc="outside lower center", ncols=3, frameon=False, fontsize=8.5)
        svg, png = save(figure)
    what = f"{', '.join(names)} over training steps for {len(rows)} rows; running means over a fiftieth of the steps"
    return CurveFigure(paper, svg, png, f"Training curves of {paper}: {what}.")


def _styles(frame: pd.DataFrame) -> dict[str, tuple[str, object]]:
    """Row -> colour of its method and dash of its variant; beyond eight methods the dashes move on."""
    methods = list(dict.fromkeys(frame["method"]))
    styles: dict[str, tuple[str, object]] = {}
    variants: dict[str, int] = {}
    for row, method in dict.fromkeys(zip(frame["row"], frame["method"], strict=True)):
        place = methods.index(method)
        dash = variants.setdefault(method, place // len(COLOURS))
        variants[method] += 1
        styles[row] = (COLOURS[place % len(COLOURS)], DASHES[dash % len(DASHES)])
    return styles


def _smooth(points: pd.DataFrame, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Running means over a fiftieth of the curve, thinned to what a small panel can show."""
    values = points["value"].astype("float64").rolling(max(1, len(points) // 50), min_periods=1).mean().to_numpy()
    steps = points["step"].to_numpy()
    keep = np.unique(np.linspace(0, len(steps) - 1, min(len(steps), most)).round().astype(int))
    return steps[keep], values[keep]


def _spans_decades(values: pd.Series) -> bool:
    numbers = values.to_numpy(dtype="float64")
    return bool(numbers.min() > 0 and np.quantile(numbers, 0.99) > 50 * np.quantile(numbers, 0.05))
