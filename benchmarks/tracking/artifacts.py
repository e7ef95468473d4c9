"""What goes into a child run besides numbers: sample grids, pictures, results, weights, data sets."""

from __future__ import annotations

import json
import tempfile
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.tracking.names import cut
from benchmarks.tracking.story import Grid, Story

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

FILES = ("result.json", "cell.json", "log.txt", "weights.safetensors")
PREVIEW = 256
"""Longer side, in pixels, of the previews that MLflow's UI shows before one clicks; its own value."""
DIGEST = 16
"""Hexadecimal digits of a data set's SHA-256 that are shown; MLflow takes up to 36."""

MAX_SOURCE = 65535
"""MLflow's longest description of where a data set comes from, in characters."""


def log_grids(client: MlflowClient, run_id: str, journal: str, grids: Sequence[Grid], beat: Callable[[], None]) -> None:
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
                    small = image.convert("RGB")
                    scale = PREVIEW / max(small.size)
                    small.resize([max(1, int(side * scale)) for side in small.size]).save(preview)
            except (OSError, UnidentifiedImageError, Image.DecompressionBombError, ValueError):
                continue
            client.log_artifact(run_id, str(full), "images")
            client.log_artifact(run_id, str(preview), "images")
        beat()


def log_files(client: MlflowClient, run_id: str, directory: Path, beat: Callable[[], None]) -> None:
    """Upload what an ended cell leaves: results, log, weights, and its final pictures into ``pictures/``."""
    for name in FILES:
        if (directory / name).is_file():
            client.log_artifact(run_id, str(directory / name))
            beat()
    for picture in sorted((directory / "images").glob("*.png")):
        client.log_artifact(run_id, str(picture), "pictures")
        beat()


def log_datasets(client: MlflowClient, run_id: str, story: Story) -> None:
    """Name the data sets that the run saw, by digest. MLflow keeps one entry per name, digest and run."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    source = json.dumps({"tags": {"task": json.dumps(story.cell.get("task_settings") or {})}})
    inputs = []
    for name, digest in (story.latest.get("data") or {}).items():
        known_as = str(digest).removeprefix("sha256:")[:DIGEST] or "none"
        dataset = Dataset(cut(str(name), 500) or "unnamed", known_as, "code", cut(source, MAX_SOURCE))
        inputs.append(DatasetInput(dataset, [InputTag("mlflow.data.context", "training")]))
    if inputs:
        client.log_inputs(run_id, datasets=inputs)
