from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from retable.benchmarks.errors import UserError
from retable.benchmarks.metrics.features import check_available
from retable.benchmarks.metrics.images import quantise, resize_pil
from retable.benchmarks.metrics.networks import inception, lite0
from retable.benchmarks.metrics.networks.extractors import get_extractor
from retable.benchmarks.metrics.networks.precision import full_precision
from retable.benchmarks.metrics.networks.weights import file_digest
from tests.metrics.factory import make_images, name_by_digest, random_state

MILITARY_UNIFORM = 652


def test_lite0_names_a_photograph_right() -> None:
    import matplotlib

    photo = Image.open(Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg").convert("RGB")
    width, height = photo.size
    top = (height - width) // 2
    square = photo.crop((0, top, width, top + width)).resize((224, 224), Image.Resampling.BICUBIC)
    image = torch.from_numpy(np.array(square)).permute(2, 0, 1)[None].float() / 127.5 - 1
    assert int(lite0.load(lite0.weights_file()).logits(image).argmax()) == MILITARY_UNIFORM


def test_lite0_pads_like_tensorflow_so_that_maps_halve_rounding_up() -> None:
    net = lite0.load(lite0.weights_file())
    for side in (31, 32, 33, 96):
        sides = [found.shape[-1] for found in net.maps(torch.zeros(1, 3, side, side))]
        assert sides == [-(-side // 2**level) for level in range(1, 6)]


def test_embedded_weights_with_one_bit_flipped_are_refused(tmp_path: Path) -> None:
    content = bytearray(lite0.weights_file().read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "lite0.pth").write_bytes(content)
    with pytest.raises(UserError, match="is not the file it should be"):
        lite0.load(tmp_path / "lite0.pth")


def test_features_are_named_versioned_and_shaped() -> None:
    extractor = get_extractor("lite0")
    found = extractor.features(make_images(3))
    assert (found.shape, found.dtype) == ((3, 1280), np.float32)
    assert (extractor.name, extractor.resize) == ("lite0", "bicubic-96")
    assert extractor.digest == "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


@pytest.mark.parametrize("batch_size", [1, 3, 16])
def test_features_do_not_depend_on_the_batch_size(batch_size: int) -> None:
    images, extractor = make_images(7), get_extractor("lite0")
    for found, expected in zip(extractor.look(images, batch_size), extractor.look(images, 7), strict=True):
        np.testing.assert_allclose(found, expected, atol=lite0.TOLERANCE.absolute)


def test_features_do_not_depend_on_the_order_or_the_neighbours_in_the_batch() -> None:
    images, extractor = make_images(6), get_extractor("lite0")
    found, order = extractor.features(images), [4, 2, 0, 5, 1, 3]
    np.testing.assert_allclose(extractor.features(images[order]), found[order], atol=lite0.TOLERANCE.absolute)
    for others in (torch.full((4, 3, 32, 32), 1.0), make_images(4, seed=9)):
        last = extractor.features(torch.cat([others, images[:1]]))[-1]
        np.testing.assert_allclose(last, found[0], atol=lite0.TOLERANCE.absolute)


def test_one_channel_is_seen_as_grey() -> None:
    grey, extractor = make_images(2, channels=1), get_extractor("lite0")
    np.testing.assert_array_equal(extractor.features(grey), extractor.features(grey.repeat(1, 3, 1, 1)))


def test_an_image_scores_the_same_from_memory_and_from_a_png(tmp_path: Path) -> None:
    images, extractor = make_images(1), get_extractor("lite0")
    Image.fromarray(quantise(images)[0].permute(1, 2, 0).numpy().astype(np.uint8)).save(tmp_path / "x.png")
    read = torch.from_numpy(np.array(Image.open(tmp_path / "x.png"))).permute(2, 0, 1)[None].float() / 127.5 - 1
    np.testing.assert_array_equal(extractor.features(images), extractor.features(read))


def test_features_are_taken_at_full_precision_whatever_the_training_used() -> None:
    images, extractor = make_images(2), get_extractor("lite0")
    plain, before = extractor.features(images), torch.backends.cudnn.conv.fp32_precision
    with torch.autocast("cpu", dtype=torch.bfloat16):
        np.testing.assert_array_equal(extractor.features(images), plain)
    with full_precision("cpu"):
        assert torch.backends.cudnn.conv.fp32_precision == "ieee"
    assert torch.backends.cudnn.conv.fp32_precision == before


def test_missing_weights_are_an_error_with_the_ways_out_and_never_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("something tried to reach the network")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("urllib.request.urlopen", refuse)
    monkeypatch.setenv("RETABLE_WEIGHTS", str(tmp_path))
    check_available("lite0")
    for name, file in (("inception", inception.FILE), ("alex", "alexnet"), ("vgg", "vgg16"), ("squeeze", "squeezenet")):
        # What is missing, where it was looked for, and both ways out.
        with pytest.raises(UserError, match=rf"(?s){file}.*{tmp_path}.*RETABLE_WEIGHTS.*'lite0'"):
            check_available(name)
    with pytest.raises(UserError, match="or use the embedded extractor 'lite0'"):
        get_extractor("inception")
    for find in (check_available, get_extractor):
        with pytest.raises(UserError, match="unknown extractor 'lite'; did you mean 'lite0'"):
            find("lite")


@pytest.fixture
def known_inception(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state dict of the right architecture with random weights, as the real file is out of reach here."""
    with torch.device("meta"):
        shapes = inception.Inception().net.state_dict()
    path = name_by_digest(random_state(shapes), tmp_path, "inception")
    monkeypatch.setenv("RETABLE_WEIGHTS", str(tmp_path))
    monkeypatch.setattr(inception, "FILE", path.name)
    monkeypatch.setattr(inception, "SHA256", file_digest(path))
    return path


def test_inception_equals_clean_fids_network_on_the_same_weights(
    known_inception: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cleanfid import inception_pytorch

    state = torch.load(known_inception, weights_only=True)
    monkeypatch.setattr(inception_pytorch, "load_state_dict_from_url", lambda *_, **__: state)
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchvision on clean-fid's spelling of "no weights"
        theirs = inception_pytorch.InceptionV3([2, 3], resize_input=False, normalize_input=False).eval()
    images = make_images(2)
    with torch.inference_mode():
        mixed_6e, pooled = theirs((resize_pil(quantise(images), 299) - 128) / 128)
    extractor = get_extractor("inception")
    assert (mixed_6e.shape, extractor.spatial_map) == ((2, 768, 17, 17), "Mixed_6e[:7]x17x17")
    shapes = [(2, 2048), (2, 2023)]
    wanted = [pooled.flatten(1).numpy(), mixed_6e[:, :7].flatten(1).numpy()]
    for found, expected, shape in zip(extractor.look(images), wanted, shapes, strict=True):
        assert found.shape == shape
        close = inception.TOLERANCE.relative
        np.testing.assert_allclose(found, expected, rtol=close, atol=close * np.abs(expected).max())


def test_a_wrong_inception_file_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / inception.FILE).write_bytes(b"something else")
    monkeypatch.setenv("RETABLE_WEIGHTS", str(tmp_path))
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("the file was read"))
    with pytest.raises(UserError, match="not the file it should be: its SHA-256 is"):
        get_extractor("inception")
