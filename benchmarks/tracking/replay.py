"""One cell's journal into one child run, as often as one likes: what is there already is not added again.

How: the child run is found by the journal's identity (tag ``retable.journal``). Metric points keep the journal's own
times, and MLflow's primary key of a point is (name, time, step, run, value), so a point that is logged twice is stored
once. Artifacts have names that follow from the journal, so a second upload replaces the first. The tag
``retable.replayed`` says how many bytes of the journal are safely stored; it is written after them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retable.benchmarks.tracking import artifacts
from retable.benchmarks.tracking.names import MAX_NAME, MAX_PARAMETER, MAX_TAG, cut, escape, flatten, parameter
from retable.benchmarks.tracking.record import Invocation
from retable.benchmarks.tracking.review import TABLES, cell_tables, child_note, spaced
from retable.benchmarks.tracking.story import Point, Story

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

METRICS_PER_BATCH = 1000
PARAMETERS_PER_BATCH = 20
"""MLflow takes 100, but a request may hold one megabyte, and a value 6000 characters of up to six bytes in JSON."""
STATUS = {"running": "RUNNING", "ok": "FINISHED", "failed": "FAILED", "oom": "FAILED", "nonfinite": "FAILED"}
"""Cell status -> MLflow's; everything else (timeout, skipped, killed, ...) did not get to its end: ``KILLED``."""


@dataclass
class ReplayState:
    """What one process knows of one cell between two calls of :func:`replay`. Throw it away after an error."""

    story: Story | None = None
    run_id: str = ""
    shelf: artifacts.Shelf | None = None
    closed: bool = False
    """The run has its final status, and everything is stored."""
    stored_points: int = 0
    """Metric points sent so far."""
    created: bool = False
    introduced: int = 0
    """The newest attempt whose settings and data sets have been logged."""


@dataclass(frozen=True)
class Parent:
    """Where child runs go: the experiment, the parent run, and the invocation that it stands for."""

    experiment_id: str
    run_id: str | None = None
    invocation: Invocation | None = None
    beat: Callable[[], None] = field(default=lambda: None)
    """Called after every answer of the server."""


def replay(
    client: MlflowClient, directory: Path, parent: Parent, state: ReplayState | None = None, *, over: bool = False
) -> ReplayState:
    """Bring the child run of the cell in ``directory`` up to date with its journal.

    Args:
        client: talks to MLflow.
        directory: the cell's folder.
        parent: experiment and parent run to put a new child run into.
        state: what the previous call returned, for cheap tailing; none after an error.
        over: no process works on the cell any more, so a journal without an end is that of a killed run.

    Returns:
        The state for the next call. Nothing happens while the journal is empty.
    """
    closed = over or (directory / "done").exists()
    state = state or ReplayState()
    story = state.story
    if story is None:
        scout = Story(directory)
        scout.read_on(closed=closed)
        if not scout.journal:
            return state
        run, state.created = _find_or_create(client, scout, parent)
        state.run_id, story = run.info.run_id, Story(directory)
        state.shelf = artifacts.Shelf(client, run, parent.beat)
        _adopt(client, run, parent, scout.cell)
        stored = int(run.data.tags.get("retable.replayed", "0"))
        story.read_on(closed=closed, stored=stored)
        state.story = story
        if stored >= story.offset and run.info.status == _final_status(story, over):
            state.closed = story.status != "running" or over
            state.introduced = story.attempts
            return state
    else:
        before = story.offset
        story.read_on(closed=closed)
        if story.offset == before and (state.closed or not over):
            return state
    _send(client, state, story, parent, over=over)
    return state


def _send(client: MlflowClient, state: ReplayState, story: Story, parent: Parent, *, over: bool) -> None:
    """Images and other artifacts first, then numbers, then the status, and last of all the word that it is stored."""
    if story.status == "running" and over:
        story.status = "killed"
    ended = story.status != "running"
    points, grids = story.take()
    run_id = state.run_id
    if state.shelf is not None:
        artifacts.log_grids(state.shelf, story.journal, grids)
        if ended:
            artifacts.log_files(state.shelf, story.directory)
    if story.first and story.attempts != state.introduced:
        _log_parameters(client, run_id, story.first)
        artifacts.log_datasets(client, run_id, story)
        if not ended:
            client.update_run(run_id, "RUNNING")
        state.introduced = story.attempts
    log_points(client, run_id, points, parent.beat)
    state.stored_points += len(points)
    if ended:
        client.set_terminated(run_id, STATUS.get(story.status, "KILLED"), story.last_t)
    tags = {**_story_tags(story), "retable.replayed": str(story.offset)}
    if grids:
        tags["mlflow.loggedImages"] = "True"
    log_tags(client, run_id, tags)
    parent.beat()
    state.closed = ended


def log_points(client: MlflowClient, run_id: str, points: Sequence[Point], beat: Callable[[], None]) -> None:
    """Log points in as few calls as MLflow allows."""
    from mlflow.entities import Metric

    for begin in range(0, len(points), METRICS_PER_BATCH):
        chunk = points[begin : begin + METRICS_PER_BATCH]
        client.log_batch(run_id, metrics=[Metric(p.name, p.value, p.t, p.step) for p in chunk])
        beat()


def log_tags(client: MlflowClient, run_id: str, tags: Mapping[str, str]) -> None:
    """Set tags in one call, each cut to MLflow's limit."""
    from mlflow.entities import RunTag

    client.log_batch(run_id, tags=[RunTag(key[:MAX_NAME], cut(value, MAX_TAG)) for key, value in tags.items()])


def find_runs(client: MlflowClient, tag: str, value: str, experiments: Iterable[str] | None = None) -> list[Run]:
    """Runs in our experiments that carry a tag, newest first. ``value`` holds no quote: escaped, or made by us."""
    where = list(experiments) if experiments is not None else our_experiments(client)
    if not where:
        return []
    newest_first = ["attributes.start_time DESC"]
    return list(client.search_runs(where, f"tags.`{tag}` = '{value}'", order_by=newest_first, max_results=1000))


def our_experiments(client: MlflowClient) -> list[str]:
    """Ids of the experiments that are called ``retable/...``."""
    found = client.search_experiments(filter_string="name LIKE 'retable/%'", max_results=1000)
    return [experiment.experiment_id for experiment in found]


def _find_or_create(client: MlflowClient, story: Story, parent: Parent) -> tuple[Run, bool]:
    found = find_runs(client, "retable.journal", story.journal)
    if found:
        return found[0], False
    cell = story.cell
    tags = {
        "retable.journal": story.journal,
        "retable.status": "running",
        "retable.method": str(cell.get("method", "")),
        "retable.task": str(cell.get("task", "")),
        "retable.variant": str(cell.get("variant", "")),
        "retable.source": str((cell.get("task_settings") or {}).get("source", "")),
        "retable.profile": str(cell.get("profile", "")),
        "retable.seed": str(cell.get("seed", "")),
        "retable.cell": str(cell.get("hash", "")),
        "retable.paper": str(cell.get("paper", "")),
        "retable.address": str(cell.get("address", "")),
        "mlflow.note.content": child_note(cell),
        TABLES: spaced(cell_tables(cell)),
        **_parent_tags(parent),
    }
    tags = {key: cut(value, MAX_TAG) for key, value in tags.items()}
    return client.create_run(parent.experiment_id, story.began, tags, cut(run_name(cell), MAX_NAME)), True


def run_name(cell: Mapping[str, Any]) -> str:
    """``dtn · digits-no3-t · s0``; the paper's own name in front where the method's alone would say too little."""
    paper, _, method = str(cell.get("method", "?")).rpartition("/")
    task = "-".join(filter(None, [str(cell.get("task", "?")), str(cell.get("variant", ""))]))
    return f"{f'judge {method}' if paper == 'judges' else method} · {task} · s{cell.get('seed', '?')}"


def source_name(invocation: Invocation) -> str:
    """What the UI's column "Source" shows: it keeps only what follows the last slash, so no whole command line."""
    return f"retable run {invocation.suite}"


def _parent_tags(parent: Parent) -> dict[str, str]:
    tags = {}
    if parent.run_id:
        tags["mlflow.parentRunId"] = parent.run_id
    if invocation := parent.invocation:
        tags |= {
            "retable.invocation": invocation.id,
            "retable.suite": invocation.suite,
            "retable.host": invocation.host,
            "retable.pid": str(invocation.pid),
            "retable.started": str(invocation.started),
            "mlflow.source.name": source_name(invocation),
            "mlflow.source.type": "LOCAL",
        }
    return tags


def _adopt(client: MlflowClient, run: Run, parent: Parent, cell: Mapping[str, Any]) -> None:
    """Bring a run that was there before up to date.

    A resumed cell belongs to the invocation that took it up again, if that one lives in the same experiment. The tables
    that show it are those of today's files; a description stays, for it may be the user's.
    """
    tags = run.data.tags
    wanted = {TABLES: spaced(cell_tables(cell))}
    if "mlflow.note.content" not in tags:
        wanted["mlflow.note.content"] = child_note(cell)
    if run.info.experiment_id == parent.experiment_id:
        wanted |= _parent_tags(parent)
    changed = {key: value for key, value in wanted.items() if tags.get(key) != cut(value, MAX_TAG)}
    if changed:
        log_tags(client, run.info.run_id, changed)


def _story_tags(story: Story) -> dict[str, str]:
    environment = {str(key): str(value) for key, value in (story.latest.get("environment") or {}).items()}
    tags = {
        "retable.status": story.status,
        "retable.attempt": str(story.attempts),
    }
    for key, value in environment.items():
        tags["retable." + ("" if key in ("device", "commit", "dirty") else "environment.") + escape(key)] = value
    if story.reason or story.attempts > 1:
        # An empty one takes back what an earlier attempt failed of.
        tags["retable.reason"] = story.reason
    if "commit" in environment:
        tags["mlflow.source.git.commit"] = environment["commit"]
    if story.nonfinite:
        tags["retable.nonfinite"] = ", ".join(sorted(story.nonfinite))
    told = [f"**{story.status}**: {story.reason}"] if story.reason else []
    if told or story.notes or story.attempts > 1:
        tags["mlflow.note.content"] = "\n\n".join([*told, *story.notes, child_note(story.cell)])
    return tags


def _log_parameters(client: MlflowClient, run_id: str, start: Mapping[str, Any]) -> None:
    """Settings of the first attempt; MLflow refuses to change a parameter, and logging intervals may differ later."""
    from mlflow.entities import Param

    cell = start.get("cell") or {}
    settings = {
        "method": cell.get("method_settings") or {},
        "task": cell.get("task_settings") or {},
        "run": cell.get("run") or {},
        **{
            role: {key: needed.get("hash", "") for key, needed in (cell.get(role) or {}).items()}
            for role in ("starts_from", "judges")
        },
    }
    flat = {parameter(name): cut(value, MAX_PARAMETER) for name, value in flatten(settings) if value != "{}"}
    params = [Param(name, value) for name, value in flat.items()]
    for begin in range(0, len(params), PARAMETERS_PER_BATCH):
        client.log_batch(run_id, params=params[begin : begin + PARAMETERS_PER_BATCH])


def _final_status(story: Story, over: bool) -> str:
    return STATUS.get("killed" if story.status == "running" and over else story.status, "KILLED")
