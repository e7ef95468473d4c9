"""Opens MLflow: addresses, the environment that it reads, the client, our experiments, and calls within its limits.

MLflow itself is imported when a client is opened, for its import takes seconds.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from retable.benchmarks.errors import UserError
from retable.benchmarks.tracking.database import MAKE_ANEW, is_damage, prepare, sqlite_error
from retable.benchmarks.tracking.names import EXPERIMENT_NOTE, MAX_NAME, MAX_PARAMETER, MAX_TAG, cut, escape, readable

if TYPE_CHECKING:
    from mlflow.entities import Experiment, Run
    from mlflow.tracking import MlflowClient

    from retable.benchmarks.tracking.history import Point

PREFIX = "retable/"
"""In front of every experiment's name."""
NOTE = "mlflow.note.content"
"""Tag that holds the description of a run or an experiment."""
EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development", NOTE: EXPERIMENT_NOTE}
"""The kind makes MLflow's UI show training runs and charts first, rather than traces of language models."""
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_AGENT_HINT": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
}
"""Turns off telemetry, hints and chatter, unless the user has asked for them."""
METRICS_PER_BATCH = 1000
PARAMETERS_PER_BATCH = 20
"""MLflow takes 100, but a request may hold one megabyte, and a value 6000 characters of up to six bytes in JSON."""
TAGS_PER_BATCH = 100
LOCK_TIMEOUT_S = 600
"""Seconds that one process waits while another makes the database, which takes long on a busy machine."""
LIVE_TIMEOUT_S = 4
PATIENT_TIMEOUT_S = 30
"""Seconds that one request may take: beside a running suite, and when somebody waits for the result."""


def default_uri(root: Path) -> str:
    """``MLFLOW_TRACKING_URI`` if it is set, else an SQLite file in the folder of all runs."""
    from sqlalchemy.engine import URL

    file = URL.create("sqlite", database=str(root.resolve() / "mlflow.db"))
    return os.environ.get("MLFLOW_TRACKING_URI", "").strip() or file.render_as_string()


def sqlite_file(uri: str) -> Path | None:
    """The absolute path of an SQLite address's file; ``None`` for every other address."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(uri)
    except (ArgumentError, ValueError):
        return None
    named = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:") and "uri" not in url.query
    try:
        return Path(str(url.database)).expanduser().resolve() if named else None
    except RuntimeError as error:
        raise UserError(f"{uri}: {error}") from error


def mlflow_uri(uri: str) -> str:
    """The address as MLflow gets it: an SQLite file by its absolute path.

    The driver's name keeps MLflow from making a folder that is called like the encoded path.
    """
    from sqlalchemy.engine import make_url

    file = sqlite_file(uri)
    if file is None:
        return uri
    return make_url(uri).set(drivername="sqlite+pysqlite", database=str(file)).render_as_string(hide_password=False)


def artifact_root(uri: str) -> Path | None:
    """The folder for the artifacts of an SQLite address, beside its file; ``None`` where the server decides."""
    file = sqlite_file(uri)
    return file.parent / "mlartifacts" if file else None


def shown(uri: str) -> str:
    """The address, or a text with addresses, as it may be printed: without user name and password."""
    return re.sub(r"(password=)[^&\s]+", r"\1***", re.sub(r"://[^/\s][^\s]*@", "://***@", uri))


def open_client(uri: str, timeout_s: int = PATIENT_TIMEOUT_S) -> MlflowClient:
    """A client that has had an answer. Sets what MLflow reads from the environment, for the rest of this process.

    By itself MLflow tries a dead server for about four minutes per call. A run id in the environment would beat the
    ids that we give. Processes that open a new SQLite file at once would race for its tables, so they take turns.

    Raises:
        UserError: there is no usable tracking server or database behind ``uri``.
    """
    for name in ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME"):
        os.environ.pop(name, None)
    os.environ["MLFLOW_TRACKING_URI"] = address = mlflow_uri(uri)
    os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
    os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = str(timeout_s)
    os.environ.update({**QUIET, **os.environ})
    from mlflow.tracking import MlflowClient
    from sqlalchemy.engine import make_url

    logging.getLogger("alembic").setLevel(logging.WARNING)

    def opened(at: str) -> MlflowClient:
        client = MlflowClient(tracking_uri=at)
        client.search_experiments(max_results=1)
        return client

    file = sqlite_file(uri)
    try:
        if file is None:
            return opened(address)
        file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{file}.lock", timeout=LOCK_TIMEOUT_S):
            prepare(file, lambda new: opened(str(make_url(address).set(database=str(new)))))
            return opened(address)
    except UserError:
        raise
    except Exception as error:
        if is_damage(sqlite_error(error)):
            raise failure(uri, error) from error
        words = f"MLflow at {shown(uri)} cannot be reached: {one_line(error)}; check MLFLOW_TRACKING_URI"
        raise UserError(words) from error


def failure(uri: str, error: Exception) -> UserError:
    """Whatever MLflow, its database driver or its HTTP library raised, as one line for the user."""
    if isinstance(error, UserError):
        return error
    advice = f"; the file is damaged: {MAKE_ANEW}" if is_damage(sqlite_error(error)) else ""
    return UserError(f"MLflow at {shown(uri)} failed: {one_line(error)}{advice}")


def one_line(error: Exception) -> str:
    """The innermost cause where the HTTP library wraps it, else the first line."""
    text = shown(str(error).strip())
    cause = re.search(r"\(Caused by \w+\((.*)\)\)", text, re.DOTALL)
    if cause:
        text = cause[1].strip("\"' ").rpartition(">: ")[2].rpartition("pool: ")[2]
    return text.splitlines()[0][:200] if text else type(error).__name__


def experiments(client: MlflowClient) -> list[Experiment]:
    """Our experiments."""
    return list(client.search_experiments(filter_string=f"name LIKE '{PREFIX}%'", max_results=1000))


def experiment_id(client: MlflowClient, suite: str) -> str:
    """The id of the experiment ``retable/SUITE``: made if it is missing, restored if it was deleted."""
    from mlflow.exceptions import MlflowException

    name, root = PREFIX + suite, artifact_root(client.tracking_uri)
    found = client.get_experiment_by_name(name)
    if found is None:
        location = (root / escape(suite)).as_uri() if root else None
        try:
            return str(client.create_experiment(name, location, EXPERIMENT_TAGS))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        return experiment_id(client, suite)  # another invocation was faster
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


def find_runs(client: MlflowClient, wanted: str) -> list[Run]:
    """Runs in our experiments that MLflow's search ``wanted`` finds; newest first, at most MLflow's limit of 50,000."""
    ids, newest_first = [one.experiment_id for one in experiments(client)], ["attributes.start_time DESC"]
    return list(client.search_runs(ids, wanted, order_by=newest_first, max_results=50_000)) if ids else []


def log(
    client: MlflowClient,
    run_id: str,
    *,
    points: Sequence[Point] = (),
    params: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Log points, parameters and tags in as few calls as MLflow's limits allow."""
    from mlflow.entities import Metric, Param, RunTag

    metrics = [Metric(*point) for point in points]
    # Names that become equal count once: MLflow refuses to change a parameter.
    short = {readable(name): cut(value, MAX_PARAMETER) for name, value in (params or {}).items()}
    settings = [Param(name, value) for name, value in short.items()]
    for begin in range(0, len(metrics), METRICS_PER_BATCH):
        client.log_batch(run_id, metrics=metrics[begin : begin + METRICS_PER_BATCH])
    for begin in range(0, len(settings), PARAMETERS_PER_BATCH):
        client.log_batch(run_id, params=settings[begin : begin + PARAMETERS_PER_BATCH])
    labels = [RunTag(name[:MAX_NAME], cut(value, MAX_TAG)) for name, value in (tags or {}).items()]
    for begin in range(0, len(labels), TAGS_PER_BATCH):
        client.log_batch(run_id, tags=labels[begin : begin + TAGS_PER_BATCH])
