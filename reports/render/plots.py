"""Draws a table's numbers along a horizontal axis, e.g. quality against the number of shots: one line per row.

Its points are the numbers of the table, so a reader who cannot see the drawing reads the table instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from retable.reports.compute.statistics import summarise
from retable.reports.compute.table_model import Plot, Series, Table
from retable.reports.render.drawing import COLOURS, DASHES, QUIET, Drawing, draw_panels, drawable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D


def plot_figures(tables: Sequence[Table]) -> dict[str, Drawing]:
    """Anchor of a table -> its drawn plot."""
    return {table.anchor: _draw(table, table.plot) for table in tables if table.plot is not None}


def _draw(table: Table, plot: Plot) -> Drawing:
    titles = list(dict.fromkeys(one.title for panel in plot.panels for one in panel.series))
    places = sorted({x for panel in plot.panels for one in panel.series for x, _ in one.points})
    ticks = [f"{place:g}" for place in places]

    def draw(index: int, axis: Axes) -> list[Line2D]:
        lines = [_line(axis, one, titles.index(one.title)) for one in plot.panels[index].series]
        if plot.log:
            axis.set_xscale("log")
        axis.set_xticks(places, ticks)
        axis.minorticks_off()
        axis.set_xlabel(plot.x, fontsize=8.5)
        return lines

    panels = [panel.title for panel in plot.panels]
    name = f"{table.anchor.removeprefix('table-')}-plot"
    what = f"{', '.join(panels)} at {', '.join(ticks)} {plot.x}, for {', '.join(titles)}"
    description = f"{table.name}: {what}. The table holds the numbers."
    return Drawing(name, *draw_panels(name, panels, titles, 2.75, draw), description, plot.caption)


def _line(axis: Axes, one: Series, place: int) -> Line2D:
    """Every seed as a faint point, and a line through the means."""
    colour = QUIET if one.reference else COLOURS[place % len(COLOURS)]
    dash = DASHES[-1] if one.reference else DASHES[(place // len(COLOURS)) % len(DASHES)]
    for x, values in one.points:
        axis.plot([x] * len(values), drawable(values), "o", color=colour, markersize=3.6, alpha=0.55, markeredgewidth=0)
    means = drawable(summarise(values).mean for _, values in one.points)
    (line,) = axis.plot([x for x, _ in one.points], means, color=colour, linestyle=dash, linewidth=1.4, label=one.title)
    return line
