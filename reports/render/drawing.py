"""What all drawn figures share: their style, panels beside each other with one legend, and SVG inside a page."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

# Okabe & Ito, "Color universal design" (2008), without yellow and black: told apart by people with any colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#8C6BB1", "#7F7F7F")
DASHES = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)), (0, (3, 3)))
QUIET = "#8a8f98"
"""Axes, grids, and lines that are only there to compare with."""
ACROSS = 3
"""Panels beside each other."""
_INK = "#010203"
"""Stands for the page's text colour, which an embedded figure takes over."""
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.titlecolor", "xtick.labelcolor", "ytick.labelcolor"), _INK),
    **dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color"), QUIET),
}


def drawable(values: Iterable[float]) -> np.ndarray:
    """The values, within what 32 bits hold: of the largest doubles an axis cannot work out its margins."""
    return np.clip(np.asarray(list(values), dtype=np.float64), -1e38, 1e38)


@dataclass(frozen=True)
class Drawing:
    """A drawn figure."""

    name: str
    """The stem of its files, and the prefix of its ids in a page."""
    svg: bytes
    png: bytes
    description: str
    """For readers who cannot see it."""
    caption: str

    @property
    def element(self) -> str:
        """The SVG element for a page: text in the page's colour, ids that differ from those of all other figures."""
        svg = self.svg.decode()
        svg = svg[svg.index("<svg") :]
        svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
        svg = re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg).replace("xlink:href", "href").replace(_INK, "currentColor")
        return re.sub(r'(\bid="|href="#|url\(#)', lambda found: f"{found[0]}{self.name}-", svg)


def draw_panels(
    name: str, panels: Sequence[str], rows: Sequence[str], height: float, draw: Callable[[int, Axes], Iterable[Line2D]]
) -> tuple[bytes, bytes]:
    """Small multiples with one legend below them, as SVG and PNG; equal names and numbers give equal files.

    Args:
        name: of the figure.
        panels: their titles.
        rows: labels of the lines, in the legend's order.
        height: of a panel, in inches.
        draw: draws the panel of this index, and returns the lines that the legend is about.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    across = min(ACROSS, len(panels))
    down, deep = -(-len(panels) // across), -(-len(rows) // ACROSS)
    with mpl.rc_context():
        # Not as a matplotlibrc has it, which may be somebody else's that lies in the current folder.
        mpl.rcdefaults()
        mpl.rcParams.update({**_STYLE, "svg.hashsalt": name})
        figure = Figure(figsize=(3.25 * across, height * down + 0.24 * deep + 0.2), layout="constrained")
        axes = list(figure.subplots(down, across, squeeze=False).flat)
        handles: dict[object, Line2D] = {}
        for place, (axis, title) in enumerate(zip(axes, panels, strict=False)):
            for line in draw(place, axis):
                handles.setdefault(line.get_label(), line)
            axis.set_title(title, fontsize=9.5, loc="left", parse_math=False)
            axis.spines[["top", "right"]].set_visible(False)
            axis.grid(axis="y", color=QUIET, alpha=0.25, linewidth=0.6)
            axis.tick_params(labelsize=8, length=2.5)
        for axis in axes[len(panels) :]:
            axis.set_axis_off()
        shown = [handles[row] for row in rows if row in handles]
        legend = figure.legend(handles=shown, loc="outside lower center", ncols=ACROSS, frameon=False, fontsize=8.5)
        for label in legend.get_texts():
            label.set_parse_math(False)
        # Laid out once for both: left to itself Matplotlib does it anew for either, and draws the figure once more.
        if (engine := figure.get_layout_engine()) is not None:
            engine.execute(figure)
            figure.set_layout_engine("none")
        svg, png = io.BytesIO(), io.BytesIO()
        figure.savefig(svg, format="svg", transparent=True, metadata={"Date": None})
        figure.savefig(png, format="png", dpi=150, facecolor="white")
    return svg.getvalue(), png.getvalue()
