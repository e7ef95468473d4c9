import io

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from retable.datasets.standins.digits import camera, street
from retable.datasets.standins.digits.glyphs import EXTENT, FIELD, FONTS, atlas
from retable.datasets.standins.digits.random_numbers import Draws


@pytest.fixture(scope="module")
def rendered():
    return street.render(torch.arange(600), "test")


def test_images_are_uint8_rgb_and_labels_are_spread_over_the_digits(rendered):
    images, labels = rendered
    assert images.shape == (600, 3, 32, 32)
    assert images.dtype == torch.uint8
    assert torch.bincount(labels, minlength=10).min() > 30


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 599), min_size=1, max_size=40, unique=True))
def test_an_image_is_the_same_whatever_is_rendered_with_it(rendered, indices):
    images, labels = street.render(torch.tensor(indices), "test")
    assert torch.equal(images, rendered[0][indices])
    assert torch.equal(labels, rendered[1][indices])


def test_splits_and_seeds_have_images_of_their_own(rendered):
    index = torch.arange(50)
    sets = [rendered[0][:50], street.render(index, "train")[0], street.render(index, "test", seed=1)[0]]
    flat = torch.cat(sets).flatten(1)
    assert len(flat.unique(dim=0)) == 150


def test_threads_do_not_change_an_image():
    before = torch.get_num_threads()
    try:
        versions = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            versions.append(street.render(torch.arange(256), "x")[0])
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*versions)


def test_contrasts_are_faint_and_strong_and_both_polarities_occur(rendered):
    grey = rendered[0].float().mean(1) / 255
    spread = grey.flatten(1).std(1)
    assert spread.quantile(0.1) < 0.09
    assert spread.quantile(0.9) > 0.17
    # The middle of a 1 is ink, and a crop's border is mostly wall.
    ones = grey[rendered[1] == 1]
    ink_minus_wall = ones[:, 12:20, 14:18].mean((1, 2)) - ones.mean((1, 2))
    assert 0.25 < (ink_minus_wall > 0).float().mean() < 0.75


def test_the_shapes_of_a_digit_are_one_unit_high_and_centred():
    shapes = atlas()
    for digit in range(10):
        printed = slice(int(shapes.first[digit]), int(shapes.first[digit]) + len(FONTS))
        for field, half in zip(shapes.field[printed], shapes.half_width[printed], strict=True):
            rows = (field > 0).any(1).nonzero()[:, 0]
            columns = (field > 0).any(0).nonzero()[:, 0]
            unit = FIELD / (2 * EXTENT)
            assert abs((rows[-1] - rows[0] + 1) / unit - 1) < 0.16
            assert abs((columns[-1] - columns[0] + 1) / unit - 2 * half) < 0.16
            assert abs(rows[0] + rows[-1] - (FIELD - 1)) <= 3


def test_written_digits_differ_from_version_to_version():
    shapes = atlas()
    for digit in range(10):
        start = int(shapes.first[digit]) + len(FONTS)
        written = shapes.field[start : start + int(shapes.written[digit])].flatten(1)
        assert len(written) >= 48
        assert torch.cdist(written, written).fill_diagonal_(9).min() > 0.01


def test_the_cache_gives_what_was_rendered_and_a_larger_set_starts_with_a_smaller(tmp_path, monkeypatch):
    monkeypatch.setattr(street, "SHARD", 8)
    done = []
    small = street.street(tmp_path, "s", 8, progress=done.append)
    large = street.street(tmp_path, "s", 20, progress=done.append)
    assert done == [8, 8, 16, 20]
    assert torch.equal(large.images[:8], small.images)
    monkeypatch.setattr(street, "render", lambda *_: pytest.fail("rendered again"))
    again = street.street(tmp_path, "s", 20)
    assert again.digest == large.digest != small.digest
    assert torch.equal(again.images, large.images)


def test_a_new_renderer_does_not_use_the_old_ones_images(tmp_path, monkeypatch):
    street.street(tmp_path, "s", 2)
    monkeypatch.setattr(street, "VERSION", street.VERSION + 1)
    monkeypatch.setattr(street, "render", lambda *_: pytest.fail("rendered"))
    with pytest.raises(pytest.fail.Exception, match="rendered"):
        street.street(tmp_path, "s", 2)


def test_draws_are_uniform_and_independent_of_each_other():
    draws = Draws(torch.arange(4000), 0, "x")
    a, b = draws.uniform(), draws.uniform()
    assert abs(a.mean() - 0.5) < 0.02
    assert abs(a.var() - 1 / 12) < 0.005
    assert abs(torch.corrcoef(torch.stack([a, b]))[0, 1]) < 0.05
    assert abs(torch.corrcoef(torch.stack([a[1:], a[:-1]]))[0, 1]) < 0.05
    z = draws.normal(std=2.0, limit=2.5)
    assert abs(z.std() - 2 * 0.97) < 0.1
    assert z.abs().max() <= 5.0


def test_jpeg_leaves_what_pillows_encoder_leaves(rendered):
    originals = rendered[0][:20]
    ours = camera.jpeg(originals.float(), torch.full((20,), 50.0)).clamp(0, 255)
    theirs = []
    for image in originals:
        data = io.BytesIO()
        Image.fromarray(image.permute(1, 2, 0).contiguous().numpy()).save(data, "JPEG", quality=50, subsampling=0)
        pixels = torch.frombuffer(bytearray(Image.open(data).tobytes()), dtype=torch.uint8)
        theirs.append(pixels.view(32, 32, 3).permute(2, 0, 1).float())
    loss = (torch.stack(theirs) - originals).abs().mean()
    # A codec's integer transform rounds a little differently; a wrong table or transform would differ by the loss.
    assert (ours - torch.stack(theirs)).abs().mean() < 0.35 * loss


def test_the_best_jpeg_changes_nearly_nothing(rendered):
    images = rendered[0][:8].float()
    assert (camera.jpeg(images, torch.full((8,), 100.0)) - images).abs().mean() < 1.0
