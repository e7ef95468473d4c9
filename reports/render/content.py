"""Everything that a report prints, computed once for all its pages and files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from retable.reports.compute.claim_model import Claims
from retable.reports.compute.decide_claims import build_claims
from retable.reports.compute.runs import Runs
from retable.reports.compute.table_model import Table
from retable.reports.compute.tables import build_tables
from retable.reports.compute.time_budget import budget_table
from retable.reports.published.papers import PublishedPaper, load_papers
from retable.reports.render.curves import MOST_POINTS, curve_figures
from retable.reports.render.drawing import Drawing
from retable.reports.render.pictures import SideBySide, side_by_side
from retable.reports.render.plots import plot_figures


@dataclass(frozen=True)
class Content:
    """What there is to say about some runs; each part is made when it is first asked for."""

    runs: Runs
    papers: Sequence[PublishedPaper] = field(default_factory=load_papers)
    points: int = MOST_POINTS
    """To which every training curve is thinned; 0 for a report without curves."""

    @cached_property
    def tables(self) -> list[Table]:
        """Every table of the papers, without their budget of time."""
        return build_tables(self.runs, self.papers)

    @cached_property
    def all_tables(self) -> list[Table]:
        """The tables of the papers, and where the time went."""
        budget = budget_table(self.runs)
        return [*self.tables, *([budget] if budget else [])]

    @cached_property
    def claims(self) -> list[Claims]:
        """The decided claims, one entry per paper."""
        return build_claims(self.runs, self.papers, self.tables)

    @cached_property
    def figures(self) -> dict[str, SideBySide]:
        """Anchor of a table -> its rows' answers side by side."""
        pairs = ((table, side_by_side(self.runs, table)) for table in self.tables if table.figure_caption)
        return {table.anchor: figure for table, figure in pairs if figure is not None}

    @cached_property
    def plots(self) -> dict[str, Drawing]:
        """Anchor of a table -> its numbers as a drawing."""
        return plot_figures(self.tables)

    @cached_property
    def curves(self) -> dict[str, Drawing]:
        """Paper -> its training curves."""
        return curve_figures(self.runs, self.points) if self.points else {}
