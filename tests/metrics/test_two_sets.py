"""`retable score`: sets of images in files give the scores of their pixels, and what cannot be read is named."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from typer.testing import CliRunner

from retable.benchmarks.cli.main import app
from retable.benchmarks.errors import UserError
from retable.benchmarks.metrics.image_sets import images_in, open_images
from retable.benchmarks.metrics.measure import Answer, Question, measure
from retable.benchmarks.metrics.two_sets import METRICS, score_sets
from retable.datasets.errors import DataError
from tests.metrics.factory import make_images

FAKE, REAL = make_images(12, seed=1), make_images(10, seed=2)


def pixels(images: Tensor) -> np.ndarray:  # type: ignore[type-arg]
    return ((images + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()


def folder(path: Path, images: Tensor) -> Path:
    path.mkdir()
    for number, image in enumerate(pixels(images)):
        Image.fromarray(image).save(path / f"{number:03}.png")
    return path


def zipped(path: Path, images: Tensor) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in folder(path.with_suffix(""), images).iterdir():
            archive.write(file, f"some/{file.name}")
        archive.writestr("__MACOSX/._000.png", b"no image")
        archive.writestr("readme.txt", b"no image")
    return path


def saved(path: Path, images: Tensor) -> Path:
    np.savez(path, images=pixels(images))
    return path


def test_a_folder_a_zip_and_an_array_hold_the_same_images_in_the_same_order(tmp_path: Path) -> None:
    whole = [
        open_images(path).whole()
        for path in (folder(tmp_path / "a", FAKE), zipped(tmp_path / "b.zip", FAKE), saved(tmp_path / "c.npz", FAKE))
    ]
    expected = torch.from_numpy(pixels(FAKE)).permute(0, 3, 1, 2).float() / 127.5 - 1
    for found in whole:
        torch.testing.assert_close(found, expected)


def test_scores_are_those_of_the_harness_on_the_same_pixels(tmp_path: Path) -> None:
    fake, real = open_images(saved(tmp_path / "f.npz", FAKE)), open_images(folder(tmp_path / "r", REAL))
    found = score_sets(fake, real, METRICS, "lite0")
    one, other = Answer("images", fake.whole()), Answer("real", real.whole())
    expected = [
        score
        for metric in METRICS
        for score in measure(Question(metric, one, None if metric == "lpips_diversity" else other))
    ]
    assert [score.name for score in found] == [score.name for score in expected]
    assert [score.value for score in found] == pytest.approx([score.value for score in expected], rel=1e-5)
    assert {score.protocol.n_fake for score in found} == {12}


def test_images_of_many_sizes_have_features_and_no_lpips(tmp_path: Path) -> None:
    mixed = folder(tmp_path / "mixed", FAKE)
    Image.fromarray(pixels(FAKE)[0]).resize((40, 24)).save(mixed / "005.png")
    real = open_images(folder(tmp_path / "r", REAL))
    assert sum(len(batch) for batch in open_images(mixed).batches()) == 12
    assert score_sets(open_images(mixed), real, ["fid"], "lite0")[0].value > 0
    with pytest.raises(UserError, match="images of one size, these have 32 x 32, 40 x 24"):
        score_sets(open_images(mixed), real, ["lpips_diversity"], "lite0")


def test_features_are_kept_by_content_and_not_by_name(tmp_path: Path) -> None:
    real = open_images(saved(tmp_path / "r.npz", REAL))
    cache = tmp_path / "cache"
    first = score_sets(open_images(folder(tmp_path / "a", FAKE)), real, ["fid"], "lite0", cache=cache)
    kept = set(cache.rglob("*.safetensors"))
    again = score_sets(open_images(saved(tmp_path / "moved.npz", FAKE)), real, ["fid"], "lite0", cache=cache)
    assert again[0].value == first[0].value
    assert set(cache.rglob("*.safetensors")) == kept and len(kept) == 2  # noqa: PT018


def broken_zip(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", b"\x89PNG and nothing")
    return path


def an_object(path: Path) -> Path:
    np.savez(path, images=np.array([{"a": 1}], dtype=object))
    return path


def floats(path: Path) -> Path:
    np.savez(path, images=np.zeros((3, 8, 8, 3), dtype=np.float32))
    return path


def empty(path: Path) -> Path:
    path.mkdir()
    return path


def pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def text(path: Path) -> Path:
    path.write_text("no archive")
    return path


@pytest.mark.parametrize(
    ("make", "name", "words"),
    [
        (broken_zip, "x.zip", r"x\.zip: a\.png: "),
        (an_object, "x.npz", "not an .npz file that can be read"),
        (floats, "x.npz", r"images must be uint8 \[N, H, W, 3\], not float32"),
        (empty, "x", "no images"),
        (text, "x.zip", "not a zip file"),
        (pipe, "x.npz", "is a named pipe, not a file"),
        (text, "x.npz", "not an .npz file"),
        (text, "x.tar", "neither a folder of images nor"),
        (lambda path: path, "x", "no such file or folder"),
    ],
)
def test_what_cannot_be_read_is_named(make, name: str, words: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises((UserError, DataError), match=words):
        open_images(make(tmp_path / name)).whole()


def test_the_command_prints_a_table_or_json_and_warns_of_few_images(tmp_path: Path) -> None:
    two = ["--fake", str(saved(tmp_path / "f.npz", FAKE)), "--real", str(saved(tmp_path / "r.npz", REAL))]
    shown = CliRunner().invoke(app, ["score", *two, "--metrics", "fid,precision_recall"], env={"COLUMNS": "160"})
    assert shown.exit_code == 0
    assert "fid.lite0" in shown.output and "recall.lite0" in shown.output  # noqa: PT018
    assert "with 10 images a side FID is too high" in shown.output
    printed = CliRunner().invoke(app, ["score", *two, "--metrics", "kid", "--json"])
    (score,) = json.loads(printed.stdout)
    assert (score["name"], score["protocol"]["n_fake"], score["protocol"]["n_real"]) == ("kid.lite0", 12, 10)


def test_images_of_two_sides_are_not_mistaken_for_each_other_and_no_metric_is_refused() -> None:
    one, other = images_in(FAKE), images_in(REAL)
    (near,) = score_sets(one, one, ["nearest_shot"], "lite0")
    (far,) = score_sets(one, other, ["nearest_shot"], "lite0")
    assert near.value < 1e-6 < far.value
    with pytest.raises(UserError, match="no metric is named"):
        score_sets(one, other, [], "lite0")


@pytest.mark.parametrize(
    ("metrics", "extractor", "words"),
    [("fit", "lite0", "did you mean"), ("fid", "lite", "lite0"), ("lpips_diversity", "inception", "can use")],
)
def test_unknown_metrics_and_networks_are_refused_before_an_image_is_read(
    metrics: str, extractor: str, words: str, tmp_path: Path
) -> None:
    nothing = open_images(saved(tmp_path / "f.npz", FAKE))
    with pytest.raises(UserError, match=words):
        score_sets(nothing, nothing, [metrics], extractor)
