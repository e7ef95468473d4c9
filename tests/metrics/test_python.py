"""The scores as functions of the package: three lines of Python."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import retable
from retable.benchmarks.environment import REPOSITORY
from retable.benchmarks.errors import UserError
from retable.benchmarks.metrics.lpips import lpips_pair
from retable.benchmarks.metrics.measure import Answer, Question, measure
from retable.benchmarks.metrics.networks.trunks import get_trunk
from tests.metrics.factory import make_images

FAKE, REAL = make_images(9, seed=1), make_images(9, seed=2)


def pixels(images: torch.Tensor) -> np.ndarray:  # type: ignore[type-arg]
    return ((images + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()


def test_functions_give_the_harnesss_scores_of_arrays_tensors_and_paths(tmp_path: Path) -> None:
    np.savez(tmp_path / "real.npz", pixels(REAL))
    for metric, function in (("fid", retable.fid), ("kid", retable.kid)):
        (expected,) = measure(Question(metric, Answer("a", FAKE), Answer("b", REAL)))
        for fake in (FAKE, pixels(FAKE)):
            for real in (REAL, str(tmp_path / "real.npz")):
                assert function(fake, real) == pytest.approx(expected.value, rel=1e-5)
    whole = torch.from_numpy(pixels(FAKE)).permute(0, 3, 1, 2) / 127.5 - 1, torch.from_numpy(pixels(REAL)) / 127.5 - 1
    expected = lpips_pair(whole[0], whole[1].permute(0, 3, 1, 2).contiguous(), get_trunk("lite0"))
    assert retable.lpips(FAKE, REAL) == pytest.approx(expected, rel=1e-5)
    assert [one.name for one in retable.score(FAKE, REAL, ["precision_recall"])] == ["precision.lite0", "recall.lite0"]


@pytest.mark.parametrize("images", [np.zeros((3, 8, 8)), np.zeros((3, 8, 8, 3)), [1, 2], torch.zeros(3, 2, 8, 8)])
def test_what_is_no_set_of_images_is_refused(images: object) -> None:
    with pytest.raises(UserError, match=r"\[N, "):
        retable.fid(images, REAL)


def test_the_import_itself_loads_nothing() -> None:
    script = "import sys, retable; assert not {'numpy', 'torch', 'pydantic'} & set(sys.modules); print(dir(retable))"
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run([sys.executable, "-P", "-c", script], env=environment, capture_output=True, text=True)
    assert "'fid'" in done.stdout, done.stderr
