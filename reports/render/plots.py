"""Draws a table's numbers along a horizontal axis, e.g. quality against the number of shots: a line for every row.

Its points are the numbers of the table, so a reader who cannot see the drawing reads the table instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retable.reports.compute.statistics import summarise
from retable.reports.compute.table_model import Plot, Series, Table
from retable.reports.render.drawing import COLOURS, DASHES, QUIET, dress, embed_svg, save, settings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

ACROSS = 3
"""Panels beside each other."""


@dataclass(frozen=True)
class PlotFigure:
    """A drawn plot, as SVG and PNG bytes, with words for who cannot see it."""

    anchor: str
    svg: bytes
    png: bytes
    description: str
    caption: str

    @property
    def file(self) -> str:
        """Name of its files, without ending."""
        return f"{self.anchor.removeprefix('table-')}-plot"

    @property
    def element(self) -> str:
        """The SVG element for a page."""
        return embed_svg(self.svg, f"{self.anchor}-plot")


def plot_figures(tables: Sequence[Table]) -> dict[str, PlotFigure]:
    """Anchor of a table -> its drawn plot."""
    return {table.anchor: _draw(table, table.plot) for table in tables if table.plot is not None}


def _draw(table: Table, plot: Plot) -> PlotFigure:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    across = min(ACROSS, len(plot.panels))
    down = -(-len(plot.panels) // across)
    titles = list(dict.fromkeys(one.title for panel in plot.panels for one in panel.series))
    legend_rows = -(-len(titles) // ACROSS)
    places = sorted({x for panel in plot.panels for one in panel.series for x, _ in one.points})
    with mpl.rc_context(settings(table.anchor)):
        figure = Figure(figsize=(3.25 * across, 2.75 * down + 0.24 * legend_rows + 0.2), layout="constrained")
        axes = figure.subplots(down, across, squeeze=False)
        handles: dict[str, Line2D] = {}
        for axis, panel in zip(axes.flat, plot.panels, strict=False):
            for one in panel.series:
                handles.setdefault(one.title, _line(axis, one, titles.index(one.title)))
            if plot.log:
                axis.set_xscale("log")
            axis.set_xticks(places, [f"{place:g}" for place in places])
            axis.minorticks_off()
            axis.set_xlabel(plot.x, fontsize=8.5)
            dress(axis, panel.title)
        for axis in list(axes.flat)[len(plot.panels) :]:
            axis.set_axis_off()
        shown = [handles[title] for title in titles]
        figure.legend(handles=shown, loc="outside lower center", ncols=ACROSS, frameon=False, fontsize=8.5)
        svg, png = save(figure)
    scores = ", ".join(panel.title for panel in plot.panels)
    listed = ", ".join(f"{place:g}" for place in places)
    description = f"{table.name}: {scores} at {listed} {plot.x}, for {', '.join(titles)}. The table holds the numbers."
    return PlotFigure(table.anchor, svg, png, description, plot.caption)


def _line(axis: Axes, one: Series, place: int) -> Line2D:
    """Every seed as a faint point, and a line through the means."""
    colour = QUIET if one.reference else COLOURS[place % len(COLOURS)]
    dash = DASHES[-1] if one.reference else DASHES[(place // len(COLOURS)) % len(DASHES)]
    for x, values in one.points:
        axis.plot([x] * len(values), list(values), "o", color=colour, markersize=3.6, alpha=0.55, markeredgewidth=0)
    means = [summarise(values).mean for _, values in one.points]
    (line,) = axis.plot([x for x, _ in one.points], means, color=colour, linestyle=dash, linewidth=1.4, label=one.title)
    return line
