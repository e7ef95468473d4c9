"""A table's numbers along a horizontal axis, e.g. quality against the number of shots: a panel a group, a line a row.

The points are the very numbers of the table, which is thus what a reader who cannot see the drawing reads instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retable.reports import format as text
from retable.reports.drawing import COLOURS, DASHES, QUIET, dress, embed_svg, save, settings
from retable.reports.lookup import Measured
from retable.reports.model import Panel, Plot, Series, Table
from retable.reports.statistics import summarise
from retable.reports.table_data import Column, PublishedTable, Row

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


def plot_of(
    table: PublishedTable, rows: Sequence[Row], measured: Mapping[str, Sequence[Measured | None]]
) -> Plot | None:
    """What the table's plot shows; ``None`` without one, or where nothing was measured.

    Numbers that were measured unlike the rest of their column are left out: a line must not join them.
    """
    if table.plot is None:
        return None
    groups: dict[str, list[Column]] = {}
    for column in sorted(table.columns, key=lambda column: column.x or 0.0):
        if column.x is not None:
            groups.setdefault(column.group, []).append(column)
    order = list(dict.fromkeys(column.group for column in table.columns))
    panels = []
    for group in sorted(groups, key=order.index):
        series = [_series(row, index, groups[group], measured) for index, row in enumerate(rows)]
        if drawn := tuple(one for one in series if one.points):
            panels.append(Panel(_title(groups[group][0]), drawn))
    return Plot(table.plot.caption, table.plot.x, table.plot.log, tuple(panels)) if panels else None


def _series(
    row: Row, index: int, columns: Sequence[Column], measured: Mapping[str, Sequence[Measured | None]]
) -> Series:
    points = []
    for column in columns:
        ours = measured[column.id][index]
        if ours is not None and ours.values and not ours.apart:
            values = tuple(ours.values[seed] for seed in sorted(ours.values))
            points.append((float(column.x or 0.0), values))
    return Series(row.title, tuple(points), row.reference)


def _title(column: Column) -> str:
    unit = f"({column.unit})" if column.unit else ""
    return " ".join(part for part in (column.group or column.title, text.ARROWS[column.direction], unit) if part)


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
