"""What is learned and asked in the task ``ten-shot``, and the latents that it asks with."""

import math
from functools import partial

import pytest
import torch

from retable.benchmarks.run.build import build_task, derive_seed
from retable.datasets.errors import DataError
from retable.datasets.task import Task
from retable.datasets.ten_shot import latents, sources
from retable.datasets.ten_shot.settings import POOL, TenShotSettings
from retable.datasets.ten_shot.shots import chosen_shots
from retable.datasets.ten_shot.task import TenShot
from retable.reports.records.cell import Cell
from tests.datasets import made_up
from tests.datasets.made_up import who

SMALL = made_up.SMALL[TenShot]


@pytest.fixture
def make(make):
    return partial(make, TenShot)


def shots_of(task):
    return who(task.reference("shots").inputs["image"])


@pytest.mark.parametrize("stream", TenShot.stages)
def test_an_epoch_shows_everything_once(make, stream):
    one = make(stream)
    number = {"shots": 10, "copies": 10, "fresh": 14}.get(stream, 20)
    epoch = [each for step in range(number // 2) for each in who(one.batch(stream, step, 2, 1)["image"])]
    assert len(set(epoch)) == number


def test_every_stream_shows_its_own_domain_and_compares_with_what_it_does_not_show(make):
    kinds = {"shots": "cartoon", "source-near": "photo", "source-far": "digit"}
    held_out = {"shots": "reference", "source-near": "source-near-test", "source-far": "source-far-test"}
    for stream, kind in kinds.items():
        task = make(stream)
        shown = who(task.batch(stream, 0, 20, 0)["image"])
        assert {each[:2] for each in shown} == {(kind, stream)}
        (name,) = {m.reference for m in task.measures("sample", stream) if m.metric == "kid"}
        assert {each[:2] for each in who(task.reference(name).inputs["image"])} == {(kind, held_out[stream])}


def test_fewer_shots_of_a_seed_are_among_its_more(make):
    for seed in (0, 1, 12345):
        few, ten, many = (shots_of(make(seed=seed, shots=shots)) for shots in (5, 10, 100))
        assert len(few) == 5
        assert few == ten[:5]
        assert ten == many[:10]
        assert len(set(many)) == 100


def test_another_seed_draws_other_shots_and_nothing_else(make):
    one, other = make(seed=1), make(seed=2)
    assert set(shots_of(one)) != set(shots_of(other))
    assert one.digests()["shots"] != other.digests()["shots"]
    assert one.digests()["reference"] == other.digests()["reference"]
    assert one.digests() == make(seed=1).digests()
    everybody = torch.cat([chosen_shots(POOL, 10, seed) for seed in range(400)])
    assert len(everybody.unique()) == POOL


def test_all_groups_are_alike_in_any_first_images_of_the_reference(make):
    groups = [each.of for each in who(make().reference("reference").inputs["image"])]
    assert groups == [i % 4 for i in range(21)]


def test_no_shot_is_in_the_reference_also_as_drawn(monkeypatch, tmp_path):
    monkeypatch.setattr(sources, "POOL", 12)
    told = []
    task = TenShot(TenShotSettings(**SMALL | {"n_reference": 8}), tmp_path, 3)
    task.prepare(lambda *progress: told.append(progress))
    shots, reference = (task.reference(name).inputs["image"] for name in ("shots", "reference"))
    prints = [image.numpy().tobytes() for image in torch.cat([shots, reference])]
    assert len(set(prints)) == len(prints) == 18
    assert shots.std() > 0.1
    assert told[-1] == ("images of reference", 8, 8)
    assert ("images of shots", 12, 12) in told


def test_requests_are_latents_of_the_promised_shapes(make):
    requests = {r.name: r for r in make().requests("sample", "shots")}
    assert {name: len(r) for name, r in requests.items()} == {"samples": 14, "smoothness": 10, "strips": 21}
    for request in requests.values():
        assert request.kind == "sample"
        assert request.inputs.keys() == {"z"}
        assert request.inputs["z"].shape == (len(request), 512)
        assert request.inputs["z"].dtype == torch.float32
    assert requests["strips"].labels["path"].tolist() == [0] * 7 + [1] * 7 + [2] * 7
    assert len(make().info().classes["path"]) >= 3
    for stream in ("source-near", "source-far"):
        assert {r.name: len(r) for r in make(stream).requests("sample", stream)} == {"samples": 5}


def test_latents_are_standard_normal_also_between_two():
    z = latents.normal(2000, "samples")
    assert z.mean().abs() < 0.01
    assert (z.std() - 1).abs() < 0.01
    between = latents.strips(300, 5, "strips").view(300, 5, 512)
    assert between.norm(dim=-1).mean(0).sub(math.sqrt(512)).abs().max() < 0.5
    assert (between[:, 2].std() - 1).abs() < 0.01


def test_a_strip_goes_from_one_normal_latent_to_the_other_in_equal_angles():
    ends = latents.normal(8, "strips").view(4, 2, 512)
    paths = latents.strips(4, 9, "strips").view(4, 9, 512)
    torch.testing.assert_close(paths[:, [0, -1]], ends)
    directions = paths.double() / paths.double().norm(dim=-1, keepdim=True)
    angles = (directions[:, 1:] * directions[:, :-1]).sum(-1).acos()
    torch.testing.assert_close(angles, angles[:, :1].expand(-1, 8), rtol=1e-4, atol=0)
    whole = (directions[:, 0] * directions[:, -1]).sum(-1).acos()
    torch.testing.assert_close(angles.sum(1), whole, rtol=1e-4, atol=0)
    steps = paths.norm(dim=-1).diff(dim=1)
    torch.testing.assert_close(steps, steps[:, :1].expand(-1, 8), rtol=0, atol=1e-4)


def test_slerp_of_equal_directions_only_changes_the_length():
    end = torch.randn(1, 1, 512, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    middle = latents.slerp(end, 3 * end, torch.tensor([[[0.5]]], dtype=torch.float64))
    torch.testing.assert_close(middle, 2 * end)


def test_smoothness_asks_for_two_points_a_hairs_breadth_apart_on_one_path():
    z = latents.neighbours(50, "smoothness").double().view(50, 2, 512)
    ends = latents.normal(100, "smoothness").double().view(50, 2, 512)

    def angle(a, b):
        return (a * b).sum(-1).div(a.norm(dim=-1) * b.norm(dim=-1)).clamp(-1, 1).acos()

    arc = angle(ends[:, 0], ends[:, 1])
    torch.testing.assert_close(angle(z[:, 0], ends[:, 0]) + angle(z[:, 0], ends[:, 1]), arc)
    step = (z[:, 1] - z[:, 0]).norm(dim=-1)
    expected = (
        1e-4 * ((arc * z[:, 0].norm(dim=-1)) ** 2 + (ends[:, 1].norm(dim=-1) - ends[:, 0].norm(dim=-1)) ** 2) ** 0.5
    )
    torch.testing.assert_close(step, expected, rtol=1e-2, atol=0)
    t = angle(z[:, 0], ends[:, 0]) / arc
    assert t.min() < 0.1 < 0.9 < t.max()


def test_previews_are_rows_of_twelve(make):
    samples, strips = make().previews("sample", "shots")
    assert (samples.name, len(samples), strips.name, len(strips)) == ("samples", 36, "strips", 48)
    assert strips.labels["path"].view(4, 12).unique(dim=1).flatten().tolist() == [0, 1, 2, 3]
    assert torch.equal(samples.learnt, make().reference("shots").inputs["image"][:12])
    (of_a_source,) = make("source-far").previews("sample", "source-far")
    assert (of_a_source.name, of_a_source.learnt) == ("samples", None)


def test_draw_gives_samples_or_interpolations_that_only_the_seed_decides(make, tmp_path):
    task = TenShot(TenShotSettings(), tmp_path / "nothing here")
    seven, three = task.draw(7, 5), task.draw(3, 5)
    assert seven.inputs["z"].shape == (7, 512)
    assert torch.equal(seven.inputs["z"][:3], three.inputs["z"])
    assert not torch.equal(three.inputs["z"], task.draw(3, 6).inputs["z"])
    strips = task.draw(3, 5, points=4)
    assert strips.inputs["z"].shape == (12, 512)
    assert strips.labels["path"].tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]
    assert not (tmp_path / "nothing here").exists()
    with pytest.raises(DataError, match="count=0"):
        task.draw(0, 1)
    with pytest.raises(DataError, match="points=0"):
        task.draw(1, 1, points=0)


def test_a_task_without_samples_says_so(tmp_path, make):
    with pytest.raises(DataError, match="ten-shot has nothing to sample"):
        Task.draw(make(), 1, 1)


def test_a_row_is_measured_against_the_reference_and_its_own_shots(make):
    measures = make().measures("sample", "shots")
    assert [m.metric for m in measures] == [
        *("fid", "kid", "sfid", "precision_recall", "density_coverage", "low_passed"),
        *("lpips_diversity", "intra_lpips", "nearest_shot", "smoothness", "staircase"),
    ]
    assert {m.metric: (m.limit, m.yardstick) for m in measures if m.limit} == {
        "lpips_diversity": (6, "shots"),
        "intra_lpips": (6, None),
        "nearest_shot": (6, "reference"),
    }


def test_the_number_of_shots_is_part_of_the_address():
    assert [TenShotSettings(shots=shots).variant for shots in (5, 10, 100)] == ["n5", "", "n100"]


def test_street_digits_are_enlarged_to_the_size(make):
    images = make("source-far", size=64).reference("source-far").inputs["image"]
    assert images.shape == (5, 3, 64, 64)


def test_the_harness_gives_every_seed_of_a_row_its_own_shots(make, tmp_path):
    def shots(seed):
        settings = TenShotSettings(**SMALL).model_dump(mode="json")
        row = {"method": "mixdl/mixdl", "task": "ten-shot", "profile": "quick", "method_settings": {}}
        cell = Cell(**row, seed=seed, task_settings=settings)
        task = build_task(cell, tmp_path)
        assert task.seed == derive_seed("data", "ten-shot", seed)
        return shots_of(task)

    assert shots(0) == shots(0)
    assert set(shots(0)) != set(shots(1))
