"""What goes into a run besides numbers: sample grids, pictures, results, weights, data sets, the report."""

from __future__ import annotations

import json
import shutil
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from retable.benchmarks.tracking.connect import artifact_root
from retable.benchmarks.tracking.describe import dataset_context
from retable.benchmarks.tracking.history import Grid
from retable.benchmarks.tracking.names import cut
from retable.reports.records.journal import Start

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


def upload(client: MlflowClient, run: Run, file: Path, folder: str = "") -> None:
    """Upload ``file`` under its own name into ``folder`` of a run's artifacts; a second upload replaces the first.

    An experiment that was made through a server over an SQLite file has ``mlflow-artifacts:`` addresses. MLflow
    refuses them to whoever opens the file itself; ``retable ui`` serves them from the folder beside the file.
    """
    root, address = artifact_root(client.tracking_uri), urlsplit(str(run.info.artifact_uri))
    if root is None or address.scheme != "mlflow-artifacts":
        client.log_artifact(run.info.run_id, str(file), folder or None)
        return
    served = (root / address.path.lstrip("/")).resolve()
    if not served.is_relative_to(root):
        raise ValueError(f"run {run.info.run_id}: its artifacts at {run.info.artifact_uri} lie outside of {root}")
    (served / folder).mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, served / folder / file.name)


def log_grids(client: MlflowClient, run: Run, journal: str, grids: Sequence[Grid]) -> None:
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
            upload(client, run, full, "images")
            upload(client, run, preview, "images")


def _preview(image: Image.Image) -> Image.Image:
    """The grid at the top of a transparent square.

    The UI centres previews in a square as wide as its card, and a card is less than half as high: a wide grid by itself
    would be below the fold, even on the full screen.
    """
    from PIL import Image, ImageOps

    # Enlarged pixels stay pixels; photographs are made smaller without moiré.
    how = Image.Resampling.NEAREST if max(image.size) < PREVIEW else Image.Resampling.LANCZOS
    return ImageOps.pad(image.convert("RGBA"), (PREVIEW, PREVIEW), how, color=(0, 0, 0, 0), centering=(0.5, 0))


def log_files(client: MlflowClient, run: Run, directory: Path) -> None:
    """Upload what an ended cell leaves: results, log, weights, and its final pictures into ``pictures/``."""
    for name in FILES:
        if (directory / name).is_file():
            upload(client, run, directory / name)
    for picture in sorted((directory / "images").glob("*.png")):
        upload(client, run, picture, "pictures")


def log_report(client: MlflowClient, run: Run, report: Path) -> None:
    """Upload every file of a rendered report into ``report/``."""
    for path in sorted(path for path in report.rglob("*") if path.is_file()):
        upload(client, run, path, Path("report", path.relative_to(report)).parent.as_posix())


def log_datasets(client: MlflowClient, run_id: str, start: Start) -> None:
    """Name the data sets that the run saw, by digest, and what for. MLflow keeps one entry per name, digest and run."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    inputs = []
    for name, digest in start.data.items():
        known_as = digest.removeprefix("sha256:")[:DIGEST] or "none"
        source = json.dumps({"tags": {"sha256": digest, "task": start.cell.task}})
        dataset = Dataset(cut(name, 500) or "unnamed", known_as, "code", cut(source, MAX_SOURCE))
        inputs.append(DatasetInput(dataset, [InputTag("mlflow.data.context", dataset_context(name))]))
    if inputs:
        client.log_inputs(run_id, datasets=inputs)
