"""The scores of the last green run, for the gate."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from benchmarks.gate.expectations import score_key
from benchmarks.tracking.address import UnreachableError, sqlite_file
from benchmarks.tracking.names import read_score_metric

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient


def last_green_parent(uri: str, suite: str, exclude: Collection[str] = ()) -> dict[str, dict[str, float]] | None:
    """Scores by address of the newest parent run of ``suite`` that ended ``ok``.

    A run is more than the cells that it had to train: cells of its plan that were done before count with the newest
    run of theirs that is not younger than the parent.

    Args:
        uri: tracking URI.
        suite: suite's name.
        exclude: ids of invocations to pass over, e.g. the one that is being judged.

    Returns:
        ``{address: {score key: value}}``, with keys as :func:`benchmarks.gate.expectations.score_key` spells them;
        ``None`` when there is no green run, or MLflow cannot be reached: the comparison is an extra.
    """
    file = sqlite_file(uri)
    if file is not None and not file.exists():
        return None
    from benchmarks.tracking.connect import LIVE_TIMEOUT_S, PREFIX, open_client

    try:
        client = open_client(uri, LIVE_TIMEOUT_S)
        experiment = client.get_experiment_by_name(PREFIX + suite)
        parent = _newest_green(client, experiment.experiment_id, exclude) if experiment else None
        return _scores(client, parent) if parent else None
    except (UnreachableError, OSError):
        return None
    except Exception as error:
        from mlflow.exceptions import MlflowException

        if isinstance(error, MlflowException):
            return None
        raise


def _newest_green(client: MlflowClient, experiment: str, exclude: Collection[str]) -> Run | None:
    green = client.search_runs(
        [experiment],
        "tags.`retable.kind` = 'invocation' and tags.`retable.status` = 'ok'",
        order_by=["attributes.start_time DESC"],
        max_results=50,
    )
    return next((run for run in green if run.data.tags.get("retable.invocation") not in exclude), None)


def _scores(client: MlflowClient, parent: Run) -> dict[str, dict[str, float]]:
    from benchmarks.tracking.replay import our_experiments

    tags = parent.data.tags
    planned = {
        hash_
        for key, value in tags.items()
        if key.startswith("retable.planned.")
        for hash_ in value.split(",")
        if hash_
    }
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
