"""``retable score``: one set of images against another, whoever made them."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from retable.benchmarks.cli.app import PathOption, app, counted, get_console


class Device(StrEnum):
    """Where networks can run."""

    cpu = "cpu"
    cuda = "cuda"


FEW = 2_048
"""Images a side below which a Fréchet distance says more about their number than about them."""


@app.command(
    "score",
    epilog="Examples: [bold]retable score --fake samples/ --real photos/[/]   "
    "[bold]retable score --fake samples.npz --real photos.zip --metrics fid,kid,precision_recall --json[/]",
)
def score(
    fake: Annotated[Path, PathOption(help="Generated images: a folder, a .zip, or an .npz of uint8 [N, H, W, 3].")],
    real: Annotated[Path, PathOption(help="What they are compared with, likewise.")],
    metrics: Annotated[
        str,
        typer.Option(
            help="Of fid, kid, precision_recall, density_coverage, lpips_diversity, intra_lpips, nearest_shot; commas "
            "separate several."
        ),
    ] = "fid,kid,precision_recall,density_coverage",
    extractor: Annotated[str, typer.Option(help="The network that looks: lite0, inception, ...")] = "lite0",
    cache: Annotated[Path | None, PathOption(help="Keep features here, by the images' content.")] = None,
    device: Annotated[Device, typer.Option(help="Where the network runs.")] = Device.cpu,
    json_: Annotated[bool, typer.Option("--json", help="Scores with their protocols, for programs.")] = False,
) -> None:
    """Score a set of images against another: numbers with their protocol, as in the tables.

    Images may have any size for features; LPIPS asks for one size. For intra_lpips and nearest_shot the real set holds
    the images that the generator has learned from.
    """
    from retable.benchmarks.metrics.image_sets import open_images
    from retable.benchmarks.metrics.two_sets import score_sets

    two = open_images(fake), open_images(real)
    names = [name.strip() for name in metrics.split(",") if name.strip()]
    with counted(get_console(stderr=True)) as tell:
        scores = score_sets(*two, names, extractor, cache=cache, device=device.value, tell=tell)
    if json_:
        print(json.dumps([one.model_dump(mode="json") for one in scores], indent=1))  # noqa: T201
        return
    table = Table(box=None)
    for name in ("score", "value", "interval", "better", "generated", "real", "protocol"):
        table.add_column(name, justify="left" if name in ("score", "better", "protocol") else "right")
    for one in scores:
        interval = "" if one.interval is None else f"{one.interval[0]:.4g} to {one.interval[1]:.4g}"
        counts = (str(one.protocol.n_fake), str(one.protocol.n_real) if one.protocol.n_real else "")
        said = ", ".join(part for part in (one.protocol.resize, one.protocol.detail) if part)
        table.add_row(one.name, f"{one.value:.4g}", interval, one.direction, *counts, said)
    get_console().print(table)
    _warn(min(map(len, two)), names, get_console(stderr=True))


def _warn(fewest: int, names: list[str], console: Console) -> None:
    if "fid" in names and fewest < FEW:
        words = f"with {fewest:,} images a side FID is too high by an amount that depends on their number: compare it"
        console.print(f"{words} at equal numbers alone, or prefer KID (docs/tolerances.md)", soft_wrap=True)
