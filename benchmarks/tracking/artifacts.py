"""What goes into a child run besides numbers: sample grids, pictures, results, weights, data sets."""

from __future__ import annotations

import json
import shutil
import tempfile
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from retable.benchmarks.tracking.address import artifact_root
from retable.benchmarks.tracking.names import cut
from retable.benchmarks.tracking.review import dataset_context
from retable.benchmarks.tracking.story import Grid, Story

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient
    from PIL import Image

FILES = ("result.json", "cell.json", "log.txt", "weights.safetensors")
PREVIEW = 1280
"""Side, in pixels, of the square previews that MLflow's UI shows on its charts."""
DIGEST = 12
"""Hexadecimal digits of a data set's SHA-256 that are shown; all of them are in the source. MLflow takes up to 36."""

MAX_SOURCE = 65535
"""MLflow's longest description of where a data set comes from, in characters."""


class Shelf:
    """Where one run's artifacts go. A file that is put twice under one name is there once."""

    def __init__(self, client: MlflowClient, run: Run, beat: Callable[[], None] = lambda: None) -> None:
        """Take note.

        Args:
            client: talks to MLflow.
            run: whose artifacts.
            beat: called after every file.
        """
        self._client, self._run_id, self._beat = client, run.info.run_id, beat
        self._folder = _served_folder(client.tracking_uri, str(run.info.artifact_uri))

    def put(self, file: Path, folder: str = "") -> None:
        """Upload ``file`` under its own name into ``folder`` of the run's artifacts."""
        if self._folder is None:
            self._client.log_artifact(self._run_id, str(file), folder or None)
        else:
            (self._folder / folder).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, self._folder / folder / file.name)
        self._beat()


def _served_folder(tracking_uri: str, artifact_uri: str) -> Path | None:
    """The folder behind an address that only a tracking server could serve, when there is no server between.

    An experiment that was made through a server over an SQLite file has ``mlflow-artifacts:`` addresses. MLflow
    refuses them to whoever opens the file itself; ``retable ui`` serves them from the folder beside the file.
    """
    root = artifact_root(tracking_uri)
    if root is None or not artifact_uri.startswith("mlflow-artifacts:"):
        return None
    folder = (root / urlsplit(artifact_uri).path.lstrip("/")).resolve()
    return folder if folder.is_relative_to(root) else None


def log_grids(shelf: Shelf, journal: str, grids: Sequence[Grid]) -> None:
    """Upload sample grids as ``MlflowClient.log_image(key="samples", step=...)`` would.

    That call makes up a new name each time. Here name and time follow from the journal, so that a second upload
    replaces the first. A file that is gone or is no image is passed over.
    """
    from PIL import Image, UnidentifiedImageError

    for grid in grids:
        identity = uuid.uuid5(uuid.NAMESPACE_OID, f"{journal}/samples/{grid.step}")
        stem = f"samples+step+{grid.step}+timestamp+{grid.t}+{identity}"
        with tempfile.TemporaryDirectory(prefix="retable-") as folder:
            full, preview = Path(folder) / f"{stem}.png", Path(folder) / f"{stem}+compressed.webp"
            try:
                with Image.open(grid.file) as image:
                    image.load()
                    image.save(full)
                    _preview(image).save(preview)
            except (OSError, UnidentifiedImageError, Image.DecompressionBombError, ValueError):
                continue
            shelf.put(full, "images")
            shelf.put(preview, "images")


def _preview(image: Image.Image) -> Image.Image:
    """The grid at the top of a transparent square.

    The UI centres previews in a square as wide as its card, and a card is less than half as high: a wide grid by itself
    would be below the fold, even on the full screen.
    """
    from PIL import Image

    scale = PREVIEW / max(image.size)
    # Enlarged pixels stay pixels; photographs are made smaller without moiré.
    how = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS
    width, height = (max(1, int(side * scale)) for side in image.size)
    square = Image.new("RGBA", (PREVIEW, PREVIEW))
    square.paste(image.convert("RGB").resize((width, height), how), ((PREVIEW - width) // 2, 0))
    return square


def log_files(shelf: Shelf, directory: Path) -> None:
    """Upload what an ended cell leaves: results, log, weights, and its final pictures into ``pictures/``."""
    for name in FILES:
        if (directory / name).is_file():
            shelf.put(directory / name)
    for picture in sorted((directory / "images").glob("*.png")):
        shelf.put(picture, "pictures")


def log_datasets(client: MlflowClient, run_id: str, story: Story) -> None:
    """Name the data sets that the run saw, by digest, and what for. MLflow keeps one entry per name, digest and run."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    inputs = []
    for name, digest in (story.latest.get("data") or {}).items():
        known_as = str(digest).removeprefix("sha256:")[:DIGEST] or "none"
        source = json.dumps({"tags": {"sha256": str(digest), "task": str(story.cell.get("task", ""))}})
        dataset = Dataset(cut(str(name), 500) or "unnamed", known_as, "code", cut(source, MAX_SOURCE))
        inputs.append(DatasetInput(dataset, [InputTag("mlflow.data.context", dataset_context(str(name)))]))
    if inputs:
        client.log_inputs(run_id, datasets=inputs)
