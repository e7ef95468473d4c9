"""What reference rows show, and that no other row sees it."""

import pytest
import torch

from retable.benchmarks.plan.registry import get_method, get_settings, rows
from retable.datasets import TASKS, anchors
from retable.datasets.attributes.labels import KEYS
from retable.datasets.attributes.task import Attributes
from retable.datasets.cartoon_groups.task import CartoonGroups
from retable.datasets.digits.task import Digits
from retable.datasets.images import signed
from retable.datasets.standins.faces.labelled_people import labels_of
from retable.datasets.task import Request
from retable.datasets.ten_shot.task import TenShot
from tests.datasets.made_up import EXPRESSION, FACES, who

SHOWN = {*anchors.STREAMS, "copies", "fresh"}


def by_name(task, stream, kind="translate"):
    return {request.name: request for request in task.requests(kind, stream)}


def same(one, other):
    return torch.equal(one, other)


@pytest.mark.parametrize("task", [CartoonGroups, Digits, Attributes, TenShot])
def test_no_other_stream_shows_what_reference_rows_do(make, task):
    for stream in sorted(set(task.stages) - SHOWN):
        made = make(task, stream)
        for kind in ("translate", "sample"):
            for request in (*made.requests(kind, stream), *made.previews(kind, stream)):
                assert not SHOWN & (request.inputs.keys() | (request.then or {}).keys())


def test_no_other_row_has_a_stream_that_shows_anything():
    for name in rows():
        if get_method(name).stream_of(get_settings(name)) in SHOWN - {"untouched"}:
            assert name.startswith("anchor/")
    assert set(TASKS) == {"digits", "cartoon-groups", "attributes", "ten-shot"}, "new tasks have to be among the above"


def test_another_image_of_a_group_is_a_training_image_of_it_and_the_seed_draws_which(make):
    one, again, other = (make(CartoonGroups, "other", seed) for seed in (0, 0, 1))
    for name, kind in (("test", "cartoon"), ("train", "cartoon"), ("back", "photo")):
        request = by_name(one, "other")[name]
        shown = who(request.inputs["other"])
        assert [each.of for each in shown] == request.labels["group"].tolist()
        assert {(each.kind, each.split) for each in shown} == {(kind, f"train-{kind}")}
        assert len({each.person for each in shown if each.of == 0}) > 1
        assert same(request.inputs["other"], by_name(again, "other")[name].inputs["other"])
        assert not same(request.inputs["other"], by_name(other, "other")[name].inputs["other"])


def test_the_mean_of_a_group_is_that_of_its_training_images_and_no_others(make):
    request = by_name(make(CartoonGroups, "mean"), "mean")["test"]
    pool = make(CartoonGroups)._pool(request)
    for group in range(4):
        mean = signed(pool.images[pool.labels["group"] == group]).mean(0)
        for shown in request.inputs["mean"][request.labels["group"] == group]:
            torch.testing.assert_close(shown, mean)


def test_a_digit_has_the_same_mean_whatever_it_shows_and_any_other_target_image(make):
    task = make(Digits, "train")
    t = task.batch("train", 0, 40, 0)["t"]
    mean = by_name(task, "mean")["test"].inputs["mean"]
    torch.testing.assert_close(mean, t.mean(0).expand_as(mean))
    known = {image.numpy().tobytes() for image in t}
    shown = {image.numpy().tobytes() for image in by_name(task, "other")["test"].inputs["other"]}
    assert shown <= known
    assert len(shown) > 1


def test_other_faces_have_what_is_asked_for(make):
    expressions = make(Attributes, "other", data=EXPRESSION)
    for name in ("expressions", "expressions-cycle", "across"):
        request = by_name(expressions, "other")[name]
        names = expressions.info().classes["expression"]
        shown = who(request.inputs["other"])
        assert [each.of for each in shown] == [names[number] for number in request.labels["expression"]]
        assert {each.split for each in shown} == {"train"}
    faces = make(Attributes, "other", data=FACES)
    everybody = {
        tuple(getattr(labels_of("train", person), key) for key in KEYS) for person in range(faces.settings.n_faces)
    }
    found = 0
    for request in faces.requests("translate", "other"):
        wanted = torch.stack([request.labels[key] for key in KEYS], 1).tolist()
        for want, shown in zip(wanted, who(request.inputs["other"]), strict=True):
            if tuple(want) in everybody:
                found += 1
                assert [getattr(labels_of("train", shown.person), key) for key in KEYS] == want
    assert found


def test_where_nobody_has_what_is_asked_for_anybody_is_shown():
    pool = anchors.Pool(torch.full((3, 1, 2, 2), 255, dtype=torch.uint8), {"group": torch.tensor([0, 0, 1])})
    request = Request("test", "translate", {"image": torch.zeros(2, 1, 2, 2)}, {"group": torch.tensor([1, 7])})
    for stream in ("other", "mean"):
        (seen,) = anchors.seen_by(stream, [request], lambda _: pool, 0)
        assert same(seen.inputs[stream], torch.ones(2, 1, 2, 2))


@pytest.mark.parametrize(("task", "values"), [(CartoonGroups, {}), (Attributes, {"data": FACES}), (Attributes, {})])
def test_the_truth_is_shown_and_measured_where_it_is_known_and_not_of_the_real_source(make, task, values):
    made = make(task, "truth", **values)
    requests = by_name(made, "truth")
    assert requests
    assert all(same(request.inputs["truth"], request.truth) for request in requests.values())
    measured = {measure.request for measure in made.measures("translate", "truth")}
    assert measured
    assert measured <= set(requests)
    real = task(task.Settings(**values, source="real", data_dir="nowhere"), made.cache)
    assert real.measures("translate", "truth") == []
    assert real.measures("translate", "mean")


def test_who_copies_shows_one_shot_per_latent_and_stands_still_and_jumps_between(make):
    task = make(TenShot, "copies")
    shots = who(task.reference("shots").inputs["image"])
    requests = by_name(task, "copies", "sample")
    samples = who(requests["samples"].inputs["copies"])
    assert set(samples) <= set(shots)
    assert len(set(samples)) > 3
    strips = who(requests["strips"].inputs["copies"])
    paths = requests["strips"].labels["path"].tolist()
    steps = [(a, b) for a, b, p, q in zip(strips, strips[1:], paths, paths[1:], strict=False) if p == q]
    assert 0 < sum(a != b for a, b in steps) < len(steps) / 2


def test_fresh_images_are_neither_shots_nor_reference_and_each_is_shown_once(make):
    task = make(TenShot, "fresh")
    (request,) = task.requests("sample", "fresh")
    fresh = who(request.inputs["fresh"])
    assert len(set(fresh)) == len(request) == task.settings.n_samples
    assert {each.split for each in fresh} == {"fresh"}
    assert "fresh" in task.digests()
    assert "fresh" not in make(TenShot, "shots").digests()
    assert TenShot(TenShot.Settings(source="real", data_dir="nowhere"), task.cache).measures("sample", "fresh") == []
