"""What every rendered set of faces promises: cartoons, portraits, snapshots and sittings."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from retable.datasets.errors import DataError
from retable.datasets.standins import contact_sheet
from retable.datasets.standins.faces import rendered_set, renderer, worker_pool

SPECS = {
    "cartoons": {"domain": "cartoon", "group": "man"},
    "portraits": {"domain": "portrait", "group": "man", "shots": 2},
    "snapshots": {"domain": "snapshot", "hair_shift": 1},
    "sittings": {"domain": "sitting", "expression": "sad"},
}
every_set = pytest.mark.parametrize("name", SPECS)


def rendered(name, folder, count=2, split="x", size=32, **changes):
    options = {key: value for key, value in SPECS[name].items() if key != "domain"}
    return getattr(rendered_set, name)(folder, split=split, count=count, size=size, **options | changes)


def pictures(name, first, last, size=32):
    return renderer.render({"split": "x", "seed": 0, "size": size, "shots": 1, **SPECS[name]}, first, last)


@every_set
def test_pictures_have_the_wanted_size_and_are_drawn_all_over(name):
    for size in (16, 48, 70, 128):
        shown = pictures(name, 0, 1, size)
        assert shown.shape == (SPECS[name].get("shots", 1), size, size, 3)
        assert shown.dtype == np.uint8
        assert 40 < shown.mean() < 250


@every_set
def test_a_set_is_the_same_for_any_number_of_processes_and_in_any_order(name, tmp_path, monkeypatch):
    monkeypatch.setattr(rendered_set, "SHARD", 3)
    monkeypatch.setattr(rendered_set, "_WORTH", 2)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    together = rendered(name, tmp_path / "two", 5)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    monkeypatch.setattr(rendered_set, "WorkerPool", lambda _: pytest.fail("one processor needs no pool"))
    alone = rendered(name, tmp_path / "one", 5)
    assert together.digest == alone.digest
    assert torch.equal(together.images, alone.images)
    backwards = [torch.from_numpy(pictures(name, i, i + 1)).permute(0, 3, 1, 2) for i in (4, 0)]
    shots = len(backwards[0])
    assert torch.equal(together.images[-shots:], backwards[0])
    assert torch.equal(together.images[:shots], backwards[1])


@every_set
def test_more_people_never_change_earlier_ones_and_nothing_is_rendered_twice(name, tmp_path, monkeypatch):
    monkeypatch.setattr(rendered_set, "SHARD", 2)
    done, calls, render = [], [], renderer.render
    small = rendered(name, tmp_path, 2, progress=done.append)
    monkeypatch.setattr(
        renderer, "render", lambda o, first, last: calls.append((first, last)) or render(o, first, last)
    )
    large = rendered(name, tmp_path, 5, progress=done.append)
    assert calls == [(2, 4), (4, 5)]
    shots = SPECS[name].get("shots", 1)
    assert done == [shots * people for people in (2, 2, 4, 5)]
    assert large.images.shape == (5 * shots, 3, 32, 32)
    assert large.images.dtype == torch.uint8
    assert torch.equal(large.images[: len(small.images)], small.images)
    assert rendered(name, tmp_path, 5).digest == large.digest != small.digest
    assert len(large.digest) == 64


def test_more_shots_never_change_earlier_ones(tmp_path):
    one, three = (rendered("portraits", tmp_path, shots=shots) for shots in (1, 3))
    assert torch.equal(three.images[::3], one.images)


def test_splits_seeds_groups_and_everything_else_have_pictures_and_files_of_their_own(tmp_path):
    sets = [
        rendered(name, tmp_path, 1, shots=1) if name == "portraits" else rendered(name, tmp_path, 1) for name in SPECS
    ]
    sets += [rendered(name, tmp_path, 1, split="y") for name in SPECS]
    sets += [rendered(name, tmp_path, 1, seed=1) for name in SPECS]
    sets += [rendered(name, tmp_path, 1, group="old") for name in ("cartoons", "portraits")]
    sets += [rendered("snapshots", tmp_path, 1, hair_shift=0), rendered("sittings", tmp_path, 1, expression="neutral")]
    assert len({each.digest for each in sets}) == len(list(tmp_path.glob("*.safetensors"))) == len(sets) == 16


def test_a_person_is_cut_out_and_nothing_of_the_person_changes(tmp_path):
    plain = rendered_set.portraits(tmp_path, "x", "woman", 2, 32).images
    cut = rendered_set.portraits(tmp_path, "x", "woman", 2, 32, cut_out=True).images
    assert (cut[:, :, 0, 0] == 255).all()
    assert not (plain[:, :, 0, 0] == 255).any()
    assert torch.equal(plain[:, :, 12:24, 12:20], cut[:, :, 12:24, 12:20])


def test_avatars_before_a_card_stand_on_many_colours_and_are_drawn_alike(tmp_path):
    white = rendered_set.cartoons(tmp_path, "x", "man", 6, 32).images
    card = rendered_set.cartoons(tmp_path, "x", "man", 6, 32, card=True).images
    corners = card[:, :, :2, :2].float()
    assert (white[:, :, :2, :2] == 255).all()
    assert corners.mean((2, 3)).std(0).min() > 10
    assert corners.std((2, 3)).min() > 0
    assert torch.equal(white[:, :, 14:24, 12:20], card[:, :, 14:24, 12:20])


def test_a_hair_shift_of_three_is_the_people_as_they_are(tmp_path, monkeypatch):
    own = rendered("snapshots", tmp_path, hair_shift=0)
    monkeypatch.setattr(renderer, "render", lambda *_: pytest.fail("rendered"))
    assert rendered("snapshots", tmp_path, hair_shift=3).digest == own.digest
    assert rendered("snapshots", tmp_path, hair_shift=-3).digest == own.digest


def test_sets_of_one_block_share_one_pool_which_ends_with_it(tmp_path, monkeypatch):
    events = []

    class Recording(worker_pool.WorkerPool):
        def __init__(self, processes):
            super().__init__(1)
            events.append("start")

        def __exit__(self, *error):
            super().__exit__(*error)
            events.append("end")

    monkeypatch.setattr(rendered_set, "_WORTH", 1)
    monkeypatch.setattr(rendered_set, "WorkerPool", Recording)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    with rendered_set.shared_worker_pool():
        for group in ("man", "old"):
            rendered("cartoons", tmp_path, 1, size=16, group=group)
        assert events == ["start"]
    assert events == ["start", "end"]
    rendered("cartoons", tmp_path, 1, size=16)
    assert events == ["start", "end"], "what is in the cache needs no pool"
    rendered("cartoons", tmp_path, 1, size=16, group="woman")
    assert events == ["start", "end", "start", "end"]


def test_other_random_numbers_do_not_change_a_picture():
    np.random.seed(1)
    before = pictures("portraits", 0, 1)
    np.random.seed(2)
    torch.manual_seed(3)
    assert np.array_equal(pictures("portraits", 0, 1), before)


def test_a_damaged_set_is_rendered_again(tmp_path):
    whole = rendered("cartoons", tmp_path)
    (entry,) = tmp_path.glob("*.safetensors")
    data = bytearray(entry.read_bytes())
    data[-5] ^= 1
    entry.write_bytes(data)
    assert rendered("cartoons", tmp_path).digest == whole.digest
    assert entry.read_bytes() != bytes(data)


@pytest.mark.parametrize(("version", "old"), [("VERSION", set(SPECS)), ("LABELLED_VERSION", {"snapshots", "sittings"})])
def test_a_new_renderer_uses_none_of_the_pictures_that_it_would_draw_otherwise(tmp_path, monkeypatch, version, old):
    for name in SPECS:
        rendered(name, tmp_path, 1)
    monkeypatch.setattr(rendered_set, version, getattr(rendered_set, version) + 1)
    monkeypatch.setattr(renderer, "render", lambda *_: pytest.fail("rendered"))
    for name in SPECS:
        if name in old:
            with pytest.raises(pytest.fail.Exception, match="rendered"):
                rendered(name, tmp_path, 1)
        else:
            rendered(name, tmp_path, 1)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("portraits", {"group": "men"}, "woman, man"),
        ("portraits", {"shots": 0}, "shots is 0"),
        ("sittings", {"expression": "bored"}, "neutral, happy"),
        *((name, {"count": 0}, "count is 0") for name in SPECS),
        *((name, {"size": 8}, "16 or more") for name in SPECS),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(tmp_path, name, change, message):
    with pytest.raises(DataError, match=message):
        rendered(name, tmp_path, **change)


def test_a_worker_that_dies_is_reported():
    spec = {"domain": "portrait", "group": "nobody", "split": "x", "seed": 0, "size": 32, "shots": 1}
    with pytest.raises(DataError, match="ended early"), worker_pool.WorkerPool(1) as workers:
        workers.render(spec, 0, 1)


def test_workers_start_without_torch():
    program = "import sys, retable.datasets.standins.faces.worker_pool; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize(
    ("sheet", "columns", "rows"),
    [
        (("digits", "--rows", "2"), 10, 2),
        (("groups", "--columns", "2", "--groups", "man", "old"), 2, 4),
        (("snapshots", "--columns", "2"), 2, 3),
        (("sittings", "--columns", "2"), 2, 8),
    ],
)
def test_contact_sheets_show_what_they_promise(tmp_path, sheet, columns, rows):
    name, *options = sheet
    contact_sheet.main([name, str(tmp_path / "s.png"), *options, "--size", "16", "--zoom", "1"])
    side = 33 if name == "digits" else 17
    assert Image.open(tmp_path / "s.png").size == (columns * side + 1, rows * side + 1)
