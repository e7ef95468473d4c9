"""What every registered task must keep, ours or a third party's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
import torch

from retable.benchmarks.metrics import METRICS
from retable.benchmarks.plan.registry import get_method, get_settings, get_task, get_tasks, roles_of, rows, tasks
from retable.datasets.task import Kind, Request, SplitSettings, Task

Make = Callable[..., Task]
every_task = pytest.mark.parametrize("name", sorted(tasks()))


def uses(name: str) -> Iterator[tuple[Kind, str]]:
    """How registered methods use the task: the kinds and streams it has to serve."""
    own = [(row, get_method(row)) for row in rows()]
    found = {(cls.kind, cls.stream_of(get_settings(row))) for row, cls in own if name in get_tasks(row)}
    assert found, f"no registered method is written for task {name}"
    return iter(sorted(found))


def check_images(images: torch.Tensor, size: int, channels: set[int]) -> None:
    assert images.dtype == torch.float32
    assert images.shape[1] in channels
    assert images.shape[2:] == (size, size)
    assert -1 <= images.min() <= images.max() <= 1


def check_second_question(request: Request) -> None:
    """``then`` gives as many inputs as were asked about, and leaves the image to the first answer."""
    if request.then is not None:
        assert request.kind == "translate"
        assert "image" not in request.then
        assert {len(value) for value in request.then.values()} <= {len(request)}


@every_task
def test_its_name_is_the_registered_one_and_its_judges_are_registered_classifiers(name: str) -> None:
    cls = get_task(name)
    assert cls.name == name
    for judge in cls.judges.values():
        assert get_method(judge).kind == "predict"


@every_task
def test_info_works_before_anything_is_prepared(name: str, cache: object) -> None:
    cls = get_task(name)
    info = cls(cls.Settings(), cache).info()  # type: ignore[arg-type]
    assert info.image_size > 0
    assert info.channels


@every_task
def test_a_batch_is_a_pure_function_of_stream_step_size_and_seed(name: str, make_task: Make) -> None:
    for _, stream in uses(name):
        one, other = make_task(name, stream), make_task(name, stream)
        first = one.batch(stream, 3, 4, 7)
        one.batch(stream, 4, 4, 7)
        again = other.batch(stream, 3, 4, 7)
        assert first.keys() == again.keys()
        assert all(torch.equal(first[key], again[key]) for key in first)
        assert any(not torch.equal(first[key], one.batch(stream, 4, 4, 7)[key]) for key in first)
        assert any(not torch.equal(first[key], one.batch(stream, 3, 4, 8)[key]) for key in first)


@every_task
def test_batches_and_requests_have_the_promised_shapes_and_ranges(name: str, make_task: Make) -> None:
    for kind, stream in uses(name):
        task = make_task(name, stream)
        info = task.info()
        channels = set(info.channels.values())
        for key, value in task.batch(stream, 0, 4, 0).items():
            assert len(value) == 4, key
            if value.ndim == 4:
                check_images(value, info.image_size, channels)
        for request in task.requests(kind, stream):
            assert request.kind == kind
            assert {len(value) for value in (*request.inputs.values(), *request.labels.values())} == {len(request)}
            for value in request.inputs.values():
                if value.ndim == 4:
                    check_images(value, info.image_size, channels)
            for key, labels in request.labels.items():
                assert 0 <= labels.min() <= labels.max() < len(info.classes[key])
            if request.truth is not None:
                check_images(request.truth, info.image_size, channels)
            check_second_question(request)
        for request in task.previews(kind, stream):
            for shown in (request.truth, request.learnt):
                if shown is not None:
                    check_images(shown, info.image_size, channels)


@every_task
def test_whatever_it_wants_measured_can_be_measured(name: str, make_task: Make) -> None:
    for kind, stream in uses(name):
        task = make_task(name, stream)
        requests = {request.name: request for request in task.requests(kind, stream)}
        assert len(requests) == len(task.requests(kind, stream)), "request names are unique"
        for measure in task.measures(kind, stream):
            assert measure.metric in METRICS
            request = requests[measure.request]
            for key in (measure.label, measure.by):
                assert key is None or key in request.labels
            assert measure.judge is None or roles_of(measure.judge, task.judges, name)
            assert measure.metric != "lpips_pair" or request.truth is not None
            if measure.reference is not None:
                reference = task.reference(measure.reference)
                assert len(reference) > 1
                assert measure.by is None or measure.by in reference.labels


def asked(task: Task, kind: Kind, stream: str) -> set[bytes]:
    """The pictures that requests show, or hold the truth of.

    Not those of requests about what was learned from, and not what a reference row shows, which may be that too.
    """
    requests = [request for request in task.requests(kind, stream) if request.name != "train"]
    inputs = [value for request in requests for key, value in request.inputs.items() if key != stream]
    return pictures([*inputs, *(request.truth for request in requests if request.truth is not None)])


def compared(task: Task, kind: Kind, stream: str) -> set[bytes]:
    """The pictures that answers are compared with."""
    names = {name for one in task.measures(kind, stream) for name in (one.reference, one.yardstick) if name}
    return pictures([task.reference(name).inputs["image"] for name in names])


def pictures(tensors: list[torch.Tensor]) -> set[bytes]:
    return {image.numpy().tobytes() for tensor in tensors if tensor.ndim == 4 for image in tensor}


@pytest.mark.parametrize(
    "name", [name for name in sorted(tasks()) if issubclass(get_task(name).Settings, SplitSettings)]
)
def test_what_settings_are_chosen_on_is_in_no_table_and_in_nothing_that_is_learned_from(
    name: str, make_task: Make
) -> None:
    judged = set(get_task(name).judges.values())
    judges = {get_method(judge).stream_of(get_settings(judge)) for judge in judged}
    for kind, stream in uses(name):
        tables = make_task(name, stream)
        split = tables.settings.model_copy(update={"split": "validation"})
        chosen = make_task(name, None, split)
        if get_task(name).settings_for(split, stream) == tables.settings:
            continue  # a stage that rows of both splits share
        assert chosen.settings.variant.endswith("val")
        mine, table = (asked(task, kind, stream) | compared(task, kind, stream) for task in (chosen, tables))
        learned = pictures([value for step in range(8) for value in tables.batch(stream, step, 16, 0).values()])
        assert mine
        assert not mine & (table | learned)
        for judge in judges:
            batches = [make_task(name, judge).batch(judge, step, 16, 0) for step in range(8)]
            assert not asked(chosen, kind, stream) & pictures([value for one in batches for value in one.values()])


@every_task
def test_its_previews_are_small_and_always_the_same(name: str, make_task: Make) -> None:
    for kind, stream in uses(name):
        one, other = make_task(name, stream).previews(kind, stream), make_task(name, stream).previews(kind, stream)
        assert [request.name for request in one] == [request.name for request in other]
        for first, second in zip(one, other, strict=True):
            assert len(first) <= 64
            assert first.inputs.keys() == second.inputs.keys()
            assert all(torch.equal(value, second.inputs[key]) for key, value in first.inputs.items())
            check_second_question(first)


@every_task
def test_its_previews_have_unique_names_that_a_file_can_bear(name: str, make_task: Make) -> None:
    for kind, stream in uses(name):
        names = [request.name for request in make_task(name, stream).previews(kind, stream)]
        assert len(set(names)) == len(names)
        assert all(re.fullmatch(r"[a-z0-9][a-z0-9-]*", each) for each in names)


@every_task
def test_settings_for_a_stream_are_settled_at_once(name: str) -> None:
    """Shared stages are found by equal settings, so narrowing them twice must change nothing more."""
    cls = get_task(name)
    for _, stream in uses(name):
        once = cls.settings_for(cls.Settings(), stream)
        assert cls.settings_for(once, stream) == once


@every_task
def test_its_digests_name_the_data_and_do_not_change(name: str, make_task: Make) -> None:
    _, stream = next(uses(name))
    one, other = make_task(name, stream).digests(), make_task(name, stream).digests()
    assert one == other
    assert all(one.values())
