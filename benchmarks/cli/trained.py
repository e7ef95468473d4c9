"""``retable translate`` and ``retable sample``: use a trained row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from retable.benchmarks.cli.app import RUNS, NameOption, PathArgument, PathOption, Runs, app, get_console
from retable.benchmarks.errors import UserError

Suite = Annotated[str, NameOption(help="The suite that an address belongs to.")]


@app.command(
    "translate",
    epilog="Examples: [bold]retable translate --from dtn/dtn/digits/s0 --out digits/ photos/*.png[/]   "
    "[bold]retable translate --from cartoon/transfer/cartoon-groups/s0 --group kids --out kids/ me.jpg[/]   "
    "[bold]retable translate --from stargan/stargan/attributes-faces/s0 --to hair=blond,gender=male me.jpg[/]",
)
def translate(
    images: Annotated[list[Path], PathArgument(help="PNG, JPEG or WebP files; of each its centre square is taken.")],
    from_: Annotated[str, NameOption("--from", help="A trained cell: its address or its folder.")],
    out: Annotated[Path, PathOption(help="Folder for the translated images.")] = Path("translated"),
    to: Annotated[
        list[str] | None,
        typer.Option(help="What to translate into, in the task's words: KEY=VALUE,... (hair=blond,gender=male)."),
    ] = None,
    group: Annotated[str | None, typer.Option(help="Short for --to group=NAME.")] = None,
    suite: Suite = "quick",
    runs: Runs = RUNS,
) -> None:
    """Translate images of your own with a trained row.

    The centre square of every image is brought to the size that the row was trained at: crop to the face before.
    """
    wanted = parse_wanted([*(to or []), *([f"group={group}"] if group is not None else [])])
    from retable.benchmarks.run.trained_cell import translate as translate_with

    written = translate_with(from_, images, out, runs, suite, wanted)
    get_console().print(f"{len(written)} image{'s' * (len(written) != 1)} in {out}", soft_wrap=True)


@app.command(
    "sample",
    epilog="Examples: [bold]retable sample --from mixdl/mixdl/ten-shot/s0 --n 64 --out samples/[/]   "
    "[bold]retable sample --from mixdl/mixdl/ten-shot/s0 --seed 1 --strips 4 --points 12 --out more/[/]",
)
def sample(
    from_: Annotated[str, NameOption("--from", help="A trained cell that samples: its address or its folder.")],
    n: Annotated[int, typer.Option("--n", help="How many images.")] = 64,
    seed: Annotated[int, typer.Option(help="Another seed, other images.")] = 0,
    strips: Annotated[int, typer.Option(help="How many interpolations, one row of strips.png each.")] = 0,
    points: Annotated[int, typer.Option(help="Images of an interpolation, both ends included.")] = 12,
    out: Annotated[Path, PathOption(help="Folder for 000.png ..., samples.png and strips.png.")] = Path("sampled"),
    suite: Suite = "quick",
    runs: Runs = RUNS,
) -> None:
    """Make new images with a trained row, and interpolations between them."""
    from retable.benchmarks.run.trained_cell import sample as sample_from

    sample_from(from_, out, runs, suite, count=n, seed=seed, strips=strips, points=points)
    rows = f" and {strips} interpolation{'s' * (strips != 1)}" if strips else ""
    get_console().print(f"{n} image{'s' * (n != 1)}{rows} in {out}", soft_wrap=True)


def parse_wanted(texts: Sequence[str]) -> dict[str, str]:
    """``["group=kids,to=photo"]`` as ``{"group": "kids", "to": "photo"}``; each text is one ``--to``.

    Raises:
        UserError: no ``KEY=VALUE``, or a key with two values.
    """
    wanted: dict[str, str] = {}
    for text in texts:
        for part in text.split(","):
            key, equals, value = (piece.strip() for piece in part.partition("="))
            if not (key and equals and value):
                raise UserError(
                    f"--to {text}: expected KEY=VALUE, e.g. hair=blond,gender=male or group=kids "
                    "(the output folder is --out)"
                )
            if wanted.setdefault(key, value) != value:
                raise UserError(f"--to {text}: {key!r} cannot be {wanted[key]!r} and {value!r}; run it once for each")
    return wanted
