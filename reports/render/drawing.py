"""What all drawn figures share: colours and dashes of their lines, and how a figure becomes part of a page."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito, "Color universal design" (2008), without yellow and black: told apart by people with any colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#8C6BB1", "#7F7F7F")
DASHES = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)), (0, (3, 3)))
QUIET = "#8a8f98"
"""Axes, grids, and lines that are only there to compare with."""
_INK = "#010203"
"""Stands for the page's text colour, which an embedded figure takes over."""


def settings(salt: str) -> dict[Any, Any]:
    """Matplotlib's settings for every figure; equal salts give equal files."""
    return {
        "svg.fonttype": "none",
        "svg.hashsalt": salt,
        "font.family": "sans-serif",
        "font.size": 9,
        "text.color": _INK,
        "axes.labelcolor": _INK,
        "axes.titlecolor": _INK,
        "axes.edgecolor": QUIET,
        "xtick.color": QUIET,
        "ytick.color": QUIET,
        "xtick.labelcolor": _INK,
        "ytick.labelcolor": _INK,
    }


def dress(axis: Axes, title: str) -> None:
    """Title at the left, two spines, a faint grid across."""
    axis.set_title(title, fontsize=9.5, loc="left")
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="y", color=QUIET, alpha=0.25, linewidth=0.6)
    axis.tick_params(labelsize=8, length=2.5)


def save(figure: Figure) -> tuple[bytes, bytes]:
    """The figure as SVG and as PNG, laid out once for both.

    Left to itself Matplotlib lays a figure out anew for either, and draws it once more without a result each time, to
    move things by a pixel or two.
    """
    svg, png = io.BytesIO(), io.BytesIO()
    if (engine := figure.get_layout_engine()) is not None:
        engine.execute(figure)
        figure.set_layout_engine("none")
    figure.savefig(svg, format="svg", transparent=True, metadata={"Date": None})
    figure.savefig(png, format="png", dpi=150, facecolor="white")
    return svg.getvalue(), png.getvalue()


def embed_svg(data: bytes, name: str) -> str:
    """The SVG element for a page: text in the page's colour, ids that meet those of no figure of another name."""
    svg = data.decode()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg).replace("xlink:href", "href").replace(_INK, "currentColor")
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'href="#', f'href="#{name}-', svg)
    return re.sub(r"url\(#", f"url(#{name}-", svg)
