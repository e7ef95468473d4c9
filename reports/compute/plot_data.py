"""What a plot of a table shows: its numbers along a horizontal axis, one panel per group, one line per row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from retable.reports import text
from retable.reports.compute.select import Measured
from retable.reports.compute.table_model import Panel, Plot, Series
from retable.reports.published.table_schema import Column, PublishedTable, Row


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
