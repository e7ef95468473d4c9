"""What every registered method must keep, ours or a third party's. The harness relies on each of these."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pydantic
import pytest
import torch
from torch import Tensor, nn

from retable.benchmarks.plan.registry import (
    get_method,
    get_needs,
    get_row,
    get_settings,
    get_tasks,
    get_title,
    rows,
    tasks,
)
from retable.benchmarks.run import checkpoint
from retable.benchmarks.run.build import seed_everything
from retable.datasets.task import Request, Task
from retable.methods.method import Method
from tests.conformance.conftest import BATCH

Make = Callable[..., Method]
every_method = pytest.mark.parametrize("name", sorted(rows()))
every_use = pytest.mark.parametrize(("name", "on"), [(name, on) for name in sorted(rows()) for on in get_tasks(name)])


def batch_of(task: Task, method: Method, step: int) -> dict[str, Tensor]:
    return task.batch(method.stream, step, BATCH, 0)


def train(task: Task, method: Method, first: int, last: int) -> dict[str, Tensor]:
    losses: dict[str, Tensor] = {}
    for network in method.networks().values():
        network.train(any(parameter.requires_grad for parameter in network.parameters()))
    for step in range(first, last):
        losses = method.training_step(batch_of(task, method, step), step)
    return losses


def state(method: Method, only: str | None = None) -> dict[str, Tensor]:
    return {
        f"{name}.{key}": value.clone()
        for name, network in method.networks().items()
        if only is None or name == only
        for key, value in network.state_dict().items()
    }


def request_for(task: Task, method: Method) -> Request:
    request = next(iter(task.requests(method.kind, method.stream)))
    return Request(request.name, request.kind, {name: value[:8] for name, value in request.inputs.items()})


def answer(method: Method, inputs: Mapping[str, Tensor]) -> Tensor:
    for network in method.networks().values():
        network.eval()
    with torch.no_grad():
        out = getattr(method, method.kind)(inputs)
    assert isinstance(out, Tensor)
    return out


def same(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(value, other[key]) for key, value in one.items())


@every_method
def test_it_says_which_row_it_is_and_how_it_differs_from_the_paper(name: str) -> None:
    cls = get_method(name)
    assert get_title(name).strip()
    assert sum(get_title(name) == row.title for row in rows().values()) <= 1
    assert set(get_tasks(name)) <= set(tasks())
    module = inspect.getmodule(cls)
    pages = f"{cls.__doc__ or ''}\n{module.__doc__ if module else ''}"
    assert "Differences from the paper" in pages


@every_method
def test_its_settings_have_defaults_and_are_frozen_and_refuse_unknown_keys(name: str) -> None:
    model: Any = get_method(name).Settings
    settings: Any = get_settings(name)
    assert {**settings.model_dump(), **get_row(name).settings} == settings.model_dump()
    with pytest.raises(pydantic.ValidationError):
        settings.steps = 1
    with pytest.raises(pydantic.ValidationError):
        model(no_such_setting=1)


@every_method
def test_the_methods_it_needs_are_registered_and_form_no_circle(name: str) -> None:
    def visit(wanted: str, above: tuple[str, ...]) -> None:
        assert wanted not in above
        for needed in get_needs(wanted).values():
            visit(needed, (*above, wanted))

    visit(name, ())


@every_method
def test_what_it_needs_with_its_own_settings_is_part_of_what_it_declares(name: str) -> None:
    cls = get_method(name)
    assert cls.needed(get_settings(name)).items() <= cls.needs.items()
    assert get_row(name).needs.keys() <= cls.needs.keys()


@every_method
def test_equal_seeds_give_equal_networks_and_other_seeds_others(name: str, make_method: Make) -> None:
    one = state(make_method(name, seed=3))
    assert same(state(make_method(name, seed=3)), one)
    assert not one or not same(state(make_method(name, seed=4)), one)


@every_method
def test_a_step_gives_finite_detached_scalars_and_moves_what_has_an_optimiser(
    name: str, make_method: Make, make_task: Callable[..., Task]
) -> None:
    method = make_method(name)
    if method.settings.steps == 0:
        pytest.skip("not trained")
    before = state(method)
    losses = train(make_task(method.task, method.stream), method, 0, 2)
    assert losses
    for value in losses.values():
        assert value.ndim == 0
        assert not value.requires_grad
        assert torch.isfinite(value)
    stepped = {id(p) for optimizer in method.opt.values() for group in optimizer.param_groups for p in group["params"]}
    for network_name, network in method.networks().items():
        if network_name in method.averages:
            assert not any(id(parameter) in stepped for parameter in network.parameters()), network_name
            continue
        moved = not same(
            state(method, network_name), {k: v for k, v in before.items() if k.split(".")[0] == network_name}
        )
        assert moved == any(id(parameter) in stepped for parameter in network.parameters()), network_name


@every_use
def test_its_answers_have_the_right_shape_and_range_and_depend_on_nothing_else_in_the_batch(
    name: str, on: str, make_method: Make, make_task: Callable[..., Task]
) -> None:
    method = make_method(name, on=on)
    task = make_task(on, method.stream)
    request = request_for(task, method)
    out = answer(method, request.inputs)
    assert len(out) == len(request)
    assert torch.isfinite(out).all()
    if method.kind == "predict":
        assert out.ndim == 2
    else:
        size = task.info().image_size
        assert out.shape[2:] == (size, size)
        assert out.shape[1] in task.info().channels.values()
        assert out.abs().max() <= 1 + 1e-4
    singles = ({key: value[i : i + 1] for key, value in request.inputs.items()} for i in range(len(request)))
    alone = torch.cat([answer(method, single) for single in singles])
    torch.testing.assert_close(out, alone, atol=1e-4, rtol=1e-4)


@every_method
def test_answering_changes_no_weights(name: str, make_method: Make, make_task: Callable[..., Task]) -> None:
    method = make_method(name)
    before = state(method)
    answer(method, request_for(make_task(method.task, method.stream), method).inputs)
    assert same(state(method), before)


@every_use
def test_its_networks_hold_everything_that_its_answers_depend_on(
    name: str, on: str, make_method: Make, make_task: Callable[..., Task], tmp_path: Path
) -> None:
    trained, other = make_method(name, seed=0, on=on), make_method(name, seed=1, on=on)
    task = make_task(on, trained.stream)
    if trained.settings.steps:
        train(task, trained, 0, 1)
    checkpoint.save_weights(tmp_path / "weights.safetensors", trained.networks())
    checkpoint.load_weights(tmp_path / "weights.safetensors", other.networks())
    inputs = request_for(task, trained).inputs
    assert torch.equal(answer(trained, inputs), answer(other, inputs))


@every_method
def test_a_resumed_training_ends_with_the_same_bits(
    name: str, make_method: Make, make_task: Callable[..., Task], tmp_path: Path
) -> None:
    whole = make_method(name)
    if whole.settings.steps == 0:
        pytest.skip("not trained")
    task = make_task(whole.task, whole.stream)
    seed_everything(5)
    train(task, whole, 0, 2)
    checkpoint.save(tmp_path, 2, whole.networks(), whole.opt)
    train(task, whole, 2, 4)
    resumed = make_method(name, seed=9)
    assert checkpoint.restore_newest(tmp_path, resumed.networks(), resumed.opt, pytest.fail) == 2
    train(task, resumed, 2, 4)
    assert same(state(whole), state(resumed))


def test_the_tests_above_would_notice_a_method_that_hides_state(
    make_method: Make, make_task: Callable[..., Task], tmp_path: Path
) -> None:
    """A conformance suite that cannot fail is worth nothing: hide the dummy's network from its checkpoint."""

    class Hiding(get_method("dummy/dummy")):  # type: ignore[misc]
        def networks(self) -> dict[str, nn.Module]:
            return {}

    one, other = make_method("dummy/dummy", seed=0), make_method("dummy/dummy", seed=1)
    one.__class__ = other.__class__ = Hiding
    checkpoint.save_weights(tmp_path / "weights.safetensors", one.networks())
    checkpoint.load_weights(tmp_path / "weights.safetensors", other.networks())
    inputs = request_for(make_task("dummy"), one).inputs
    assert not torch.equal(answer(one, inputs), answer(other, inputs))
