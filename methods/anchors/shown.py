"""Shown: images that the task shows beside a request's inputs, and that this row answers as they are.

The task's stream decides which (:mod:`retable.datasets.anchors`, and the ten-shot task): ``other``, another training
image of what is asked for, ``mean``, the mean of such images, ``copies``, the shots, and ``fresh``, real images that
nobody has learned from or compares with. Nothing is trained.

Differences from the paper: no paper has these rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from torch import Tensor

from retable.methods.method import Kind, Method, MethodSettings


class ShownSettings(MethodSettings):
    """What is shown."""

    steps: int = 0
    stream: Literal["other", "mean"] = "other"
    """The task's stream, which is the name of what it shows."""


class Shown(Method):
    """What the task shows, instead of a translation."""

    Settings: ClassVar[type[MethodSettings]] = ShownSettings
    task: ClassVar[str] = "digits"
    also: ClassVar[tuple[str, ...]] = ("cartoon-groups", "attributes")

    def translate(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """``{stream: [N, C, H, W], ...}`` in [-1, 1] -> the same, float32.

        Raises:
            NotImplementedError: nothing is shown, because these are a user's own images.
        """
        return self.shown(inputs)

    def shown(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """The images that the task shows; errors as for :meth:`translate`."""
        if self.stream not in inputs:
            raise NotImplementedError(
                "is a reference row, which shows images that its task knows and makes none; name a trained row"
            )
        return inputs[self.stream].float()


class SamplesSettings(MethodSettings):
    """What is shown."""

    steps: int = 0
    stream: Literal["copies", "fresh"] = "copies"
    """The task's stream, which is the name of what it shows."""


class Samples(Shown):
    """What the task shows, instead of samples."""

    Settings: ClassVar[type[MethodSettings]] = SamplesSettings
    task: ClassVar[str] = "ten-shot"
    also: ClassVar[tuple[str, ...]] = ()
    kind: ClassVar[Kind] = "sample"

    def sample(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """As :meth:`translate`."""
        return self.shown(inputs)
