"""What goes into a run besides numbers: sample grids, pictures, results, weights, data sets, the report."""

from __future__ import annotations

import json
import struct
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from retable.benchmarks.tracking.connect import artifact_root
from retable.benchmarks.tracking.history import Grid
from retable.benchmarks.tracking.names import cut, dataset_context
from retable.reports.records.files import own_file, own_files
from retable.reports.records.invocation import Invocation
from retable.reports.records.journal import Start

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.store.artifact.artifact_repo import ArtifactRepository
    from mlflow.tracking import MlflowClient
    from PIL import Image

FILES = ("result.json", "done", "cell.json", "weights.safetensors")
LOG_END = 2**20
"""Bytes of a long log's beginning and of its end that are uploaded. What a cell prints has no limit."""
PREVIEW = 1280
"""Side, in pixels, of the square previews that MLflow's UI shows on its charts."""
DIGEST = 12
"""Hexadecimal digits of a data set's SHA-256 that are shown; all of them are in the source. MLflow takes up to 36."""
MAX_SOURCE = 65535
"""MLflow's longest description of where a data set comes from, in characters."""


def artifacts_of(client: MlflowClient, run: Run) -> ArtifactRepository:
    """A run's artifacts, to write and to read.

    Beside an SQLite file they are in the folder beside it, wherever the database says. An experiment that was made
    through a server has ``mlflow-artifacts:`` addresses, which MLflow refuses to whoever opens the file itself. A
    database that was copied or moved still names their old place, and a stranger's may name any.
    """
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    uri, root = str(run.info.artifact_uri), artifact_root(client.tracking_uri)
    if root is not None:
        inside = unquote(urlsplit(uri).path).rpartition(f"/{root.name}/")[2].lstrip("/")
        here = (root / inside).resolve()
        uri = (here if here.is_relative_to(root.resolve()) else root / str(run.info.run_id) / "artifacts").as_uri()
    return get_artifact_repository(uri, tracking_uri=client.tracking_uri)


def log_grids(to: ArtifactRepository, journal: str, grids: Sequence[Grid]) -> None:
    """Upload sample grids as ``MlflowClient.log_image(key="samples", step=...)`` would.

    That call makes up a new name each time. Here name and time follow from the journal, so that a second upload
    replaces the first. A file that is gone or is no image is passed over.
    """
    from PIL import Image

    # Pillow's decoders report damage by any of these.
    damage = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, Image.DecompressionBombError)
    for grid in grids:
        identity = uuid.uuid5(uuid.NAMESPACE_OID, f"{journal}/samples/{grid.step}")
        stem = f"samples+step+{grid.step}+timestamp+{grid.t}+{identity}"
        with tempfile.TemporaryDirectory(prefix="retable-") as folder:
            try:
                with Image.open(grid.file, formats=("PNG",)) as image:
                    image.save(Path(folder, f"{stem}.png"))
                    _preview(image).save(Path(folder, f"{stem}+compressed.webp"))
            except damage:
                continue
            to.log_artifacts(folder, "images")


def _preview(image: Image.Image) -> Image.Image:
    """The grid at the top of a transparent square.

    The UI centres previews in a square as wide as its card, and a card is less than half as high: a wide grid by itself
    would be below the fold, even on the full screen.
    """
    from PIL import Image, ImageOps

    # Enlarged pixels stay pixels; photographs are made smaller without moiré.
    how = Image.Resampling.NEAREST if max(image.size) < PREVIEW else Image.Resampling.LANCZOS
    return ImageOps.pad(image.convert("RGBA"), (PREVIEW, PREVIEW), how, color=(0, 0, 0, 0), centering=(0.5, 0))


def log_files(to: ArtifactRepository, directory: Path) -> None:
    """Upload what an ended cell leaves: results, log, weights, and its final pictures into ``pictures/``."""
    for name in FILES:
        if file := own_file(directory, name):
            to.log_artifact(str(file))
    if file := own_file(directory, "log.txt"):
        _log_shortened(to, file)
    for picture in own_files(directory, "images"):
        if picture.parent.name == "images" and picture.suffix == ".png":
            to.log_artifact(str(picture), "pictures")


def _log_shortened(to: ArtifactRepository, log: Path) -> None:
    """Upload a log; of a long one its beginning and its end, with a line that says so."""
    left_out = log.stat().st_size - 2 * LOG_END
    if left_out <= 0:
        to.log_artifact(str(log))
        return
    with log.open("rb") as file, tempfile.TemporaryDirectory(prefix="retable-") as folder:
        begin = file.read(LOG_END)
        file.seek(LOG_END + left_out)
        said = f"\n\n[{left_out:,} bytes are left out here; the whole log is {log.parent.name}/log.txt]\n\n"
        short = Path(folder, log.name)
        short.write_bytes(begin + said.encode() + file.read(LOG_END))
        to.log_artifact(str(short))


def log_report(to: ArtifactRepository, invocation: Invocation, root: Path) -> None:
    """Upload the rendered report of an invocation, if it lies among the reports of ``root``, as ``report/``."""
    for file in invocation.report_files(root):
        to.log_artifact(str(file), str("report" / file.relative_to(invocation.report).parent))


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
