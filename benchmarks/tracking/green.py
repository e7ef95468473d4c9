"""The scores of the last green run, for the gate; and the gate's verdict, which makes a run green or red."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Literal, TypeVar

from retable.benchmarks.gate.expectations import score_key
from retable.benchmarks.tracking.address import UnreachableError, sqlite_file
from retable.benchmarks.tracking.names import read_score_metric

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

GATE = "retable.gate"
"""Tag of a parent run: the gate's last verdict over its cells, ``green`` or ``red``; none where it was not asked."""
Verdict = Literal["green", "red"]
T = TypeVar("T")


def last_green_parent(uri: str, suite: str, exclude: Collection[str] = ()) -> dict[str, dict[str, float]] | None:
    """Scores by address of the newest parent run of ``suite`` that ended ``ok`` and that the gate found green.

    Where the gate has found none green, it is the newest that the gate has not judged. A run is more than the cells
    that it had to train: cells of its plan that were done before count with the newest run of theirs that is not
    younger than the parent.

    Args:
        uri: tracking URI.
        suite: suite's name.
        exclude: ids of invocations to pass over, e.g. the one that is being judged.

    Returns:
        ``{address: {score key: value}}``, with keys as :func:`retable.benchmarks.gate.expectations.score_key` spells
        them; ``None`` when there is no green run, or MLflow cannot be reached: the comparison is an extra.
    """

    def read(client: MlflowClient, ended_ok: list[Run]) -> dict[str, dict[str, float]] | None:
        known = [run for run in ended_ok if run.data.tags.get("retable.invocation") not in exclude]
        green = [run for run in known if run.data.tags.get(GATE) == "green"]
        unjudged = [run for run in known if GATE not in run.data.tags]
        parent = next(iter([*green, *unjudged]), None)
        return _scores(client, parent) if parent else None

    return _ask(uri, suite, read)


def mark_gate(uri: str, suite: str, cells: Collection[str], verdict: Verdict) -> bool:
    """Tag the run that the gate has judged: the newest parent run that ended ``ok`` and planned all of these cells.

    Args:
        uri: tracking URI.
        suite: suite's name.
        cells: hashes of the cells that were judged.
        verdict: what the gate said.

    Returns:
        Whether there is such a run; not where MLflow cannot be reached either: the exit code is what counts.
    """
    from retable.benchmarks.tracking.replay import log_tags

    def write(client: MlflowClient, ended_ok: list[Run]) -> bool:
        judged = next((run for run in ended_ok if _planned(run).issuperset(cells)), None)
        if judged is None:
            return False
        log_tags(client, judged.info.run_id, {GATE: verdict})
        return True

    return bool(cells) and bool(_ask(uri, suite, write))


def _ask(uri: str, suite: str, question: Callable[[MlflowClient, list[Run]], T]) -> T | None:
    """Put a question to MLflow and the suite's parent runs that ended ``ok``, newest first; ``None`` without either."""
    file = sqlite_file(uri)
    if file is not None and not file.exists():
        return None
    from retable.benchmarks.tracking.connect import LIVE_TIMEOUT_S, PREFIX, open_client

    try:
        client = open_client(uri, LIVE_TIMEOUT_S)
        experiment = client.get_experiment_by_name(PREFIX + suite)
        return question(client, _ended_ok(client, experiment.experiment_id)) if experiment else None
    except (UnreachableError, OSError):
        return None
    except Exception as error:
        from mlflow.exceptions import MlflowException

        if isinstance(error, MlflowException):
            return None
        raise


def _ended_ok(client: MlflowClient, experiment: str) -> list[Run]:
    runs = client.search_runs(
        [experiment],
        "tags.`retable.kind` = 'invocation' and tags.`retable.status` = 'ok'",
        order_by=["attributes.start_time DESC"],
        max_results=50,
    )
    return list(runs)


def _planned(parent: Run) -> set[str]:
    """Hashes of the cells of a parent run's plan."""
    lists = (value for key, value in parent.data.tags.items() if key.startswith("retable.planned."))
    return {hash_ for value in lists for hash_ in value.split(",") if hash_}


def _scores(client: MlflowClient, parent: Run) -> dict[str, dict[str, float]]:
    from retable.benchmarks.tracking.replay import our_experiments

    planned = _planned(parent)
    ended = parent.info.end_time or parent.info.start_time
    found: dict[str, dict[str, float]] = {}
    runs = client.search_runs(
        our_experiments(client),
        f"tags.`retable.status` = 'ok' and attributes.start_time <= {ended}",
        order_by=["attributes.start_time DESC"],
        max_results=5000,
    )
    for run in runs:
        address = run.data.tags.get("retable.address")
        if address and address not in found and run.data.tags.get("retable.cell") in planned:
            found[address] = _scores_of(run)
    return found


def _scores_of(run: Run) -> dict[str, float]:
    named = ((read_score_metric(metric), value) for metric, value in run.data.metrics.items())
    return {score_key(*name): value for name, value in named if name is not None}
