"""Where MLflow lives: tracking URIs, and whether anybody answers there. Imports no MLflow."""

from __future__ import annotations

import http.client
import os
import re
import urllib.error
import urllib.request
from pathlib import Path

PROBE_S = 2.0
"""Seconds that a tracking server gets to say that it is there."""


class UnreachableError(Exception):
    """No usable tracking server behind the address, in one line."""


def default_uri(root: Path) -> str:
    """``MLFLOW_TRACKING_URI`` where it is set, else an SQLite file in the folder of all runs."""
    return os.environ.get("MLFLOW_TRACKING_URI", "").strip() or f"sqlite:///{root.resolve() / 'mlflow.db'}"


def sqlite_file(uri: str) -> Path | None:
    """The absolute path of an SQLite address's file; ``None`` for every other address."""
    match = re.fullmatch(r"sqlite(?:\+\w+)?:///([^?]+)(?:\?.*)?", uri)
    return Path(match[1]).resolve() if match else None


def is_http(uri: str) -> bool:
    """Whether the address is a tracking server's."""
    return uri.startswith(("http://", "https://"))


def artifact_root(uri: str) -> Path | None:
    """Folder for the artifacts of an SQLite address, beside its file; ``None`` where the server decides."""
    file = sqlite_file(uri)
    return file.parent / "mlartifacts" if file else None


def shown(uri: str) -> str:
    """The address as it may be printed: without user name and password."""
    return re.sub(r"://[^/@]*@", "://***@", uri)


def probe(uri: str, timeout_s: float = PROBE_S) -> None:
    """Ask a tracking server whether it lives. Cheap, so that a dead one costs no import of MLflow and no long wait.

    Raises:
        UnreachableError: nobody listens, nobody answers in time, or the answer is a server error.
    """
    if not is_http(uri):
        return
    try:
        with urllib.request.urlopen(uri.rstrip("/") + "/health", timeout=timeout_s):  # noqa: S310 (http, by is_http)
            return
    except urllib.error.HTTPError as error:
        error.close()
        if error.code >= 500:
            raise UnreachableError(f"{shown(uri)} answers {error.code} {error.reason}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise UnreachableError(f"{shown(uri)} does not answer ({str(reason) or type(error).__name__})") from None
