"""Task `digits`: street-view digits become handwritten ones, without pairs (DTN, Taigman et al., 2017, Section 5.1).

Source domain s: SVHN, or its synthetic stand-in (:mod:`~retable.datasets.standins.digits.street`). Target domain t:
MNIST, always real, 28 x 28 padded by two pixels of background to 32 x 32, which leaves every stroke as it was written.

Who sees what:

================  =============================  ==================================
stream            real                           stand-in (splits of the renderer)
================  =============================  ==================================
``train`` s       SVHN extra, without labels     ``extra``, without labels
``train`` t       one half of MNIST train        the same half
``f``             SVHN extra, labels             ``extra``, labels
``judge-mnist``   the other half of MNIST train  the same other half
requests          SVHN test, MNIST test          ``test``, MNIST test
================  =============================  ==================================

Reference rows (:mod:`~retable.datasets.anchors`) have streams of their own, with ``train``'s batches.

With ``split=validation`` requests show the stand-in's ``validation-test``, and MNIST images of the judge's half.

Differences from the paper: it trains its MNIST classifier and the transfer on the same images; here the judge learns
from a half of MNIST train that no method sees. Its f and its s come from SVHN extra, as here.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

import torch
from pydantic import AfterValidator, Field, model_validator
from torch import Tensor
from torch.nn.functional import pad

from retable.datasets import anchors
from retable.datasets.digits import mnist, svhn
from retable.datasets.errors import DataError
from retable.datasets.images import signed
from retable.datasets.sampling import epoch_order, step_indices
from retable.datasets.sources import LabelledImages
from retable.datasets.standins.digits.street import street
from retable.datasets.task import Kind, Measure, Request, SplitSettings, Task, TaskInfo

Stream = Literal["train", "f", "judge-mnist"]
SIZE = 32
PREVIEW = 32
ANCHORS = ("untouched", "other", "mean")
"""Streams of reference rows (:mod:`~retable.datasets.anchors`); nobody knows the true picture of a street digit."""
_ROLES: dict[str, tuple[str, str]] = {
    "s": ("extra", "n_source"),
    "f": ("extra", "n_f"),
    "test": ("test", "n_test"),
}
"""Role of street digits -> their split, and the setting that says how many."""
_NEEDS: dict[str, tuple[str, ...]] = {
    "train": ("s", "test"),
    "f": ("f", "test"),
    "judge-mnist": (),
}
"""Stream -> roles of the street digits that it and its requests need."""


def _some_digits(value: tuple[int, ...]) -> tuple[int, ...]:
    if not all(0 <= d <= 9 for d in value):
        raise ValueError(f"digits are 0 to 9, got {value}")
    if len(set(value)) > 8:
        raise ValueError(f"at least two digits must remain, got {value}")
    return tuple(sorted(set(value)))


LeftOut = Annotated[tuple[int, ...], AfterValidator(_some_digits)]


class DigitsSettings(SplitSettings):
    """Sizes of the data sets and which digits are left out (Table 3)."""

    stream: Stream = "train"
    """The stream that :meth:`Digits.prepare` gets ready; other streams' data are made when first asked for."""
    n_source: int = Field(default=20_000, ge=0)
    """Unlabelled street digits s; 0 means all (real source only)."""
    n_f: int = Field(default=30_000, ge=0)
    """Labelled street digits for f; 0 means all (real source only)."""
    n_test: int = Field(default=2_000, ge=0)
    """Street digits of the ``test`` request; 0 means all (real source only)."""
    n_train_request: int = Field(default=10_000, ge=0)
    """With ``adaptation``: how many images of s are asked for in the request ``train``; 0 means all."""
    n_compared: int = Field(default=1_000, ge=2)
    """How many answers and how many MNIST test images the image metrics (Fréchet, KID, LPIPS) compare."""
    without_s: LeftOut = ()
    """Digits left out of s."""
    without_t: LeftOut = ()
    """Digits left out of t."""
    without_f: LeftOut = ()
    """Digits left out of f's training."""
    adaptation: bool = False
    """Add the request ``train`` and the measures of Table 2 (unsupervised domain adaptation)."""

    @model_validator(mode="after")
    def _finite(self) -> Self:
        if self.source == "standin":
            for name in ("n_source", "n_f", "n_test"):
                if getattr(self, name) == 0:
                    raise ValueError(f"{name} = 0 means all images of a real data set; the stand-in has no end")
        return self

    @property
    def variant(self) -> str:
        """``no3-st`` where digit 3 is left out of s and t; different digits are joined: ``no3-s-no5-f``.

        ``val`` stands behind it on the validation split.
        """
        left_out: dict[tuple[int, ...], str] = {}
        for letter, digits in (("s", self.without_s), ("t", self.without_t), ("f", self.without_f)):
            if digits:
                left_out[digits] = left_out.get(digits, "") + letter
        return self.named("-".join(f"no{''.join(map(str, digits))}-{where}" for digits, where in left_out.items()))


class Digits(Task):
    """Street digits to MNIST."""

    name = "digits"
    Settings = DigitsSettings
    judges: ClassVar = {"target": "judges/mnist"}
    stages: ClassVar = {stream: stream for stream in _NEEDS} | dict.fromkeys(ANCHORS, "train")
    stage_settings: ClassVar = {"f": ("n_f", "n_test", "without_f"), "judge-mnist": ()}
    settings: DigitsSettings

    def prepare(self) -> None:
        """Fetch and verify MNIST and have the street digits of the settings' stream rendered or checked."""
        _ = self._mnist
        for role in _NEEDS[self.settings.stream]:
            self._street(role)
        self._require()

    def info(self) -> TaskInfo:
        """Domains ``s`` (3 channels) and ``t`` (1 channel), 32 x 32, labels ``digit``."""
        return TaskInfo(SIZE, {"s": 3, "t": 1}, {"digit": tuple(str(d) for d in range(10))})

    def batch(self, stream: str, step: int, size: int, seed: int) -> dict[str, Tensor]:
        """A training batch: shuffled epochs over the stream's images, one permutation for each domain.

        Returns:
            ``train``: ``s`` ``[size, 3, 32, 32]`` and ``t`` ``[size, 1, 32, 32]``, no labels. ``f`` and the judge:
            ``image`` and ``digit``.
        """
        known = self.stage(stream)
        if known == "train":
            s, t = self._s.images, self._t[0]
            return {
                "s": signed(s[step_indices(len(s), step, size, "s", seed)]),
                "t": _padded(t[step_indices(len(t), step, size, "t", seed)]),
            }
        if known == "judge-mnist":
            images, labels = self._judge_mnist
            chosen = step_indices(len(images), step, size, known, seed)
            return {"image": _padded(images[chosen]), "digit": labels[chosen]}
        chosen = step_indices(len(self._f.images), step, size, known, seed)
        return {"image": signed(self._f.images[chosen]), "digit": self._f.labels[chosen]}

    def requests(self, kind: Kind, stream: str) -> list[Request]:
        """``translate``: street test images (and s with ``adaptation``). ``predict``: the test sets of the stream."""
        known = self.stage(stream)
        if kind == "translate":
            requests = [_request("test", kind, self._street("test"))]
            if self.settings.adaptation:
                s, n = self._s, self.settings.n_train_request or len(self._s.images)
                requests.append(_request("train", kind, LabelledImages(s.images[:n], s.labels[:n], s.digest)))
            return self._seen_by(stream, requests)
        if kind == "predict" and known != "train":
            target = self.reference("mnist-test")
            if known == "judge-mnist":
                return [target]
            inputs = {"image": target.inputs["image"].expand(-1, 3, -1, -1)}
            target = Request(target.name, kind, inputs, target.labels)
            return [_request("source-test", kind, self._street("test")), target]
        return []

    def measures(self, kind: Kind, stream: str) -> list[Measure]:
        """Tables 1 and 3: accuracy by the target judge, with distances and diversity; Table 2 with ``adaptation``."""
        if kind == "translate":
            measures = [
                Measure("accuracy", "test", judge="target", label="digit", by="digit"),
                Measure("fid", "test", reference="mnist-compared", limit=self.settings.n_compared),
                Measure("kid", "test", reference="mnist-compared", limit=self.settings.n_compared),
                Measure("lpips_diversity", "test", limit=self.settings.n_compared),
            ]
            if self.settings.adaptation:
                measures += [Measure("adaptation", r, reference="mnist-test", label="digit") for r in ("train", "test")]
            return measures
        names = {"f": ("source-test", "mnist-test"), "judge-mnist": ("mnist-test",)}
        if kind == "predict":
            return [Measure("accuracy", name, label="digit") for name in names.get(self.stage(stream), ())]
        return []

    def previews(self, kind: Kind, stream: str) -> list[Request]:
        """The first street test images of a translation."""
        if kind != "translate":
            return []
        test = self._street("test")
        shown = LabelledImages(test.images[:PREVIEW], test.labels[:PREVIEW], test.digest)
        return self._seen_by(stream, [_request("preview", kind, shown)])

    def reference(self, name: str) -> Request:
        """MNIST's test images ``[N, 1, 32, 32]`` with their digits.

        ``mnist-test`` is all 10,000, ``mnist-compared`` the first ``n_compared``: Fréchet distances are biased by N, so
        it is the same for every row. On the validation split they are images of the judge's half instead, which no
        other method sees and no table shows.
        """
        counts = {"mnist-test": None, "mnist-compared": self.settings.n_compared}
        if name not in counts:
            raise DataError(f"the task digits has no reference images {name!r}; it has {', '.join(counts)}")
        images, labels = self._mnist.test_images, self._mnist.test_labels
        if self.settings.split == "validation":
            images, labels = (part[: len(images)] for part in self._judge_mnist)
        images, labels = images[: counts[name]], labels[: counts[name]]
        return Request(name, "predict", {"image": _padded(images)}, {"digit": labels})

    def digests(self) -> dict[str, str]:
        """SHA-256 of MNIST and of the street digits used so far by role, e.g. ``street-s``, ``svhn-test``."""
        kind = "svhn" if self.settings.source == "real" else "street"
        return {"mnist": self._mnist.digest} | {f"{kind}-{role}": d.digest for role, d in sorted(self._loaded.items())}

    def _seen_by(self, stream: str, requests: list[Request]) -> list[Request]:
        # Which digit a row should show nobody tells it, so what stands for t does not depend on the digit either.
        return anchors.seen_by(stream, requests, lambda _: anchors.Pool(_framed(self._t[0])), self.seed)

    def _require(self) -> None:
        """There must be something to learn from, and enough to compare.

        Raises:
            DataError: there is not.
        """
        stream, where = self.settings.stream, self._data_dir or "the task digits"
        if stream == "train" and (words := svhn.too_few("test", len(self._street("test")))):
            raise DataError(f"{where}: {words} for the request test; add some, or raise task.n_test")
        left = {"train": ("s", "_s"), "f": ("f", "_f")}.get(stream)
        if left and not len(getattr(self, left[1])):
            raise DataError(
                f"{where}: no image of {left[0]} is left without the digits that task.without_{left[0]} names"
            )

    @property
    def _data_dir(self) -> Path | None:
        return Path(self.settings.data_dir).expanduser() if self.settings.data_dir else None

    @cached_property
    def _mnist(self) -> mnist.Mnist:
        folder = self._data_dir
        # A folder of SVHN alone is a fine --data-dir: MNIST then comes as it does without one.
        if folder is not None and self.settings.source == "real" and not mnist.find(folder):
            folder = None
        return mnist.load(self.cache, folder)

    @cached_property
    def _loaded(self) -> dict[str, LabelledImages]:
        return {}

    def _street(self, role: str) -> LabelledImages:
        """The street digits of a role (:data:`_ROLES`), loaded or rendered when first asked for."""
        if role not in self._loaded:
            split, size = _ROLES[role]
            split = self.settings.part(split) if role == "test" else split
            self._loaded[role] = self._load(split, getattr(self.settings, size))
        return self._loaded[role]

    def _load(self, split: str, n: int) -> LabelledImages:
        if self.settings.source == "standin":
            return street(self.cache / "street", split, n)
        wanted = {split} | {_ROLES[role][0] for role in _NEEDS[self.settings.stream]}
        needed = tuple(name for name in svhn.FILES if name in wanted)
        folder = self._data_dir or svhn.fetch(self.cache, needed)
        svhn.require(folder, needed)
        return svhn.load(split, folder, n)

    @cached_property
    def _s(self) -> LabelledImages:
        return _without(self._street("s"), self.settings.without_s)

    @cached_property
    def _f(self) -> LabelledImages:
        return _without(self._street("f"), self.settings.without_f)

    def _half(self, which: int, without: tuple[int, ...] = ()) -> tuple[Tensor, Tensor]:
        """One half of MNIST train by a fixed shuffle: images ``[N, 28, 28]`` and labels."""
        data = self._mnist
        order = epoch_order(len(data.train_labels), 0, "mnist halves")
        half = order[which::2].sort().values
        half = half[_kept(data.train_labels[half], without)]
        return data.train_images[half], data.train_labels[half]

    @cached_property
    def _t(self) -> tuple[Tensor, Tensor]:
        return self._half(0, self.settings.without_t)

    @cached_property
    def _judge_mnist(self) -> tuple[Tensor, Tensor]:
        return self._half(1)


def _kept(labels: Tensor, without: tuple[int, ...]) -> Tensor:
    return ~torch.isin(labels, torch.tensor(without, dtype=labels.dtype))


def _without(data: LabelledImages, left_out: tuple[int, ...]) -> LabelledImages:
    if not left_out:
        return data
    kept = _kept(data.labels, left_out)
    return LabelledImages(data.images[kept], data.labels[kept], data.digest)


def _padded(images: Tensor) -> Tensor:
    """MNIST uint8 ``[B, 28, 28]`` -> float32 ``[B, 1, 32, 32]`` in [-1, 1], two pixels of background around it."""
    return signed(_framed(images))


def _framed(images: Tensor) -> Tensor:
    return pad(images[:, None], (2, 2, 2, 2))


def _request(name: str, kind: Kind, data: LabelledImages) -> Request:
    return Request(name, kind, {"image": signed(data.images[:])}, {"digit": data.labels})
