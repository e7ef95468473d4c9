"""Opens MLflow: the environment it reads, the client, the experiment. MLflow is imported when a client is opened."""

from __future__ import annotations

import contextlib
import logging
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from retable.benchmarks.tracking.address import UnreachableError, artifact_root, probe, shown, sqlite_file
from retable.benchmarks.tracking.review import EXPERIMENT_NOTE, FORMER_NOTES

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

PREFIX = "retable/"
"""In front of every experiment's name."""
NOTE = "mlflow.note.content"
EXPERIMENT_TAGS = {
    "mlflow.experimentKind": "custom_model_development",
    NOTE: EXPERIMENT_NOTE,
}
"""The kind has MLflow's UI show training runs and charts first, rather than traces of language models."""
LIVE_TIMEOUT_S = 4
PATIENT_TIMEOUT_S = 30
"""Seconds that one request may take: beside a running suite, and when somebody waits for the result."""


def set_environment(uri: str, timeout_s: int) -> None:
    """Set what MLflow reads from the environment, for the rest of this process.

    MLflow's own patience with a server that is down is about four minutes a call. A run id in the environment would
    beat the ids that we give, and MLflow phones home and advertises unless told not to.
    """
    os.environ.pop("MLFLOW_RUN_ID", None)
    os.environ.pop("MLFLOW_EXPERIMENT_ID", None)
    os.environ.pop("MLFLOW_EXPERIMENT_NAME", None)
    os.environ["MLFLOW_TRACKING_URI"] = uri
    os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
    os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = str(timeout_s)
    quieten(os.environ)


def quieten(environment: os._Environ[str] | dict[str, str]) -> None:
    """No telemetry, no hints, no chatter, unless the user has asked for them."""
    environment.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    environment.setdefault("DO_NOT_TRACK", "true")
    environment.setdefault("MLFLOW_DISABLE_AGENT_HINT", "true")
    environment.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    environment.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")


def open_client(uri: str, timeout_s: int = PATIENT_TIMEOUT_S) -> MlflowClient:
    """A client that has been seen to work.

    Processes that open a new SQLite file at once would race for its tables, so one opens it at a time.

    Raises:
        UnreachableError: there is no usable tracking server or database behind ``uri``.
    """
    probe(uri)
    set_environment(uri, timeout_s)
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        with _initialising(uri):
            client = MlflowClient(tracking_uri=uri)
            client.search_experiments(max_results=1)
    except (MlflowException, OSError) as error:
        raise UnreachableError(f"{shown(uri)}: {one_line(error)}") from error
    except Exception as error:
        # Database drivers bring exception classes of their own, known only once they are imported.
        raise UnreachableError(f"{shown(uri)}: {type(error).__name__}: {one_line(error)}") from error
    return client


def experiment_id(client: MlflowClient, uri: str, suite: str) -> str:
    """The id of the experiment ``retable/SUITE``: made where it is missing, restored where it was deleted."""
    from mlflow.exceptions import MlflowException

    name = PREFIX + suite
    found = client.get_experiment_by_name(name)
    if found is None:
        root = artifact_root(uri)
        location = (root / _folder(suite)).as_uri() if root else None
        try:
            return str(client.create_experiment(name, location, EXPERIMENT_TAGS))
        except MlflowException:
            # Another invocation was faster, or it cannot be made at all: the second look says which.
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    if found.tags.get(NOTE) in FORMER_NOTES:
        client.set_experiment_tag(found.experiment_id, NOTE, EXPERIMENT_NOTE)
    return str(found.experiment_id)


def one_line(error: BaseException) -> str:
    """What went wrong in one line: the innermost cause where the HTTP library wraps it, else the first line."""
    text = str(error).strip()
    cause = re.search(r"\(Caused by \w+\((.*)\)\)", text, re.DOTALL)
    if cause:
        text = cause[1].strip("\"' ").rpartition(">: ")[2].rpartition("pool: ")[2]
    return text.splitlines()[0][:200] if text else type(error).__name__


def _folder(suite: str) -> str:
    from retable.benchmarks.tracking.names import escape

    return escape(suite)


def _initialising(uri: str) -> contextlib.AbstractContextManager[object]:
    file = sqlite_file(uri)
    if file is None:
        return contextlib.nullcontext()
    file.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(Path(f"{file}.lock"), timeout=120)
