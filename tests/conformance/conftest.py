"""What the conformance tests try methods and tasks on: the smoke profile's sizes, with made-up MNIST and faces."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from retable.benchmarks.plan.overrides import Profile, build_settings
from retable.benchmarks.plan.registry import get_method, get_row, get_settings, get_task
from retable.benchmarks.plan.suites import PROFILES
from retable.benchmarks.run.build import seed_everything
from retable.datasets.digits import mnist
from retable.datasets.seeding import derived_seed
from retable.datasets.standins.faces import rendered_set
from retable.datasets.task import Task, TaskSettings
from retable.methods.method import Method

BATCH = 6


def made_up_mnist(*_: object) -> mnist.Mnist:
    """Noise in MNIST's shapes: the contracts do not depend on what is in the pictures, and need no network."""
    generator = torch.Generator().manual_seed(0)

    def images(n: int) -> torch.Tensor:
        return torch.randint(0, 256, (n, 28, 28), dtype=torch.uint8, generator=generator)

    return mnist.Mnist(images(400), torch.arange(400) % 10, images(100), torch.arange(100) % 10, "made-up")


def made_up_faces(
    folder: Path, split: str, group: str, count: int, size: int, shots: int = 1, seed: int = 0, **_: object
) -> rendered_set.ImageSet:
    """Noise in the shapes of faces: rendering would take longer than all the tests together."""
    generator = torch.Generator().manual_seed(derived_seed(split, group, seed) % 2**31)
    images = torch.randint(0, 256, (count * shots, 3, size, size), dtype=torch.uint8, generator=generator)
    return rendered_set.ImageSet(images, f"made-up-{split}-{group}-{count}")


def made_up_snapshots(
    folder: Path, split: str, count: int, size: int, hair_shift: int = 0, seed: int = 0, progress: object = None
) -> rendered_set.ImageSet:
    """Noise in the shapes of snapshots."""
    return made_up_faces(folder, split, f"snapshots-{hair_shift}", count, size, seed=seed)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def make_task(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Task]:
    """``make_task(name, stream)`` -> a prepared task of the smoke profile's size."""
    monkeypatch.setattr(mnist, "load", made_up_mnist)
    monkeypatch.setattr(rendered_set, "cartoons", made_up_faces)
    monkeypatch.setattr(rendered_set, "portraits", made_up_faces)
    monkeypatch.setattr(rendered_set, "snapshots", made_up_snapshots)
    monkeypatch.setattr(rendered_set, "sittings", made_up_faces)

    def make(name: str, stream: str | None = None, settings: TaskSettings | None = None) -> Task:
        cls = get_task(name)
        profile = Profile.load("smoke", (PROFILES,))
        settings = settings or build_settings(cls.Settings, profile.task.get(name, {}), f"task {name}")
        task = cls(cls.settings_for(settings, stream) if stream else settings, cache)
        task.prepare()
        return task

    return make


@pytest.fixture
def make_method(make_task: Callable[..., Task]) -> Callable[..., Method]:
    """``make_method(name)`` -> the method, small, with optimisers, as the harness would set it up.

    Its task is its own one, unless ``on`` names another that it works on.
    """

    def make(name: str, seed: int = 0, on: str | None = None) -> Method:
        cls, row = get_method(name), get_row(name)
        small = {key: value for key, (value, _) in Profile.load("smoke", (PROFILES,)).method_values(name).items()}
        settings = get_settings(name, {**small, "batch_size": BATCH, **row.settings})
        task = make_task(on or cls.task, cls.stream_of(settings))
        seed_everything(seed)
        method = cls(settings, task.info())
        for role, needed in cls.needed(settings).items():
            method.start_from(role, make(row.needs.get(role, needed), seed))
        method.opt = method.optimizers()
        return method

    return make
