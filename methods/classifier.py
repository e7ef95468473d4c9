"""The classifier that judges and stages share: settings, training step, prediction. Not a row of any table.

Cross-entropy with label smoothing on batches moved by small random affine maps; Adam with a one-cycle learning rate.
A subclass names its networks and says what :meth:`Classifier.logits` is.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from itertools import chain
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional
from torch.optim import AdamW, Optimizer

from retable.methods.method import Kind, Method, MethodSettings
from retable.methods.schedules import one_cycle, set_learning_rates
from retable.methods.training import random_affine
from retable.methods.types import Rate, Share, Weight


class ClassifierSettings(MethodSettings):
    """How a classifier is trained. No paper gives these; they are choices."""

    steps: int = 10_000
    batch_size: int = 128
    lr: Rate = 2e-3
    """Highest learning rate of the one-cycle schedule."""
    weight_decay: Weight = 1e-2
    label_smoothing: Share = 0.05
    shift: Weight = 2.0
    """Largest random shift in pixels."""
    rotate: Weight = 10.0
    """Largest random rotation in degrees."""
    scale: Weight = 0.1
    """Largest relative change of size."""


class Classifier(Method):
    """Base of every method that is trained on ``{"image", LABEL}`` batches and predicts logits."""

    Settings: ClassVar[type[MethodSettings]] = ClassifierSettings
    kind: ClassVar[Kind] = "predict"
    label: str = "digit"
    """Key of the label in the batch and in the task's ``classes``."""

    @abstractmethod
    def logits(self, images: Tensor) -> Tensor:
        """Images float32 ``[N, C, H, W]`` in [-1, 1] -> logits ``[N, classes]``."""

    def optimizers(self) -> dict[str, Optimizer]:
        """One AdamW over all networks."""
        parameters = chain.from_iterable(network.parameters() for network in self.networks().values())
        return {"all": AdamW(parameters, lr=self.settings.lr, weight_decay=self.settings.weight_decay)}

    def training_step(self, batch: Mapping[str, Tensor], step: int) -> dict[str, Tensor]:
        """One update from ``{"image": [N, C, H, W], LABEL: [N]}``; gives ``loss`` and ``accuracy`` (0 to 100)."""
        s = self.settings
        set_learning_rates(self.opt, one_cycle(step, s.steps), all=s.lr)
        images = random_affine(batch["image"], s.shift, s.rotate, s.scale)
        logits = self.logits(images).float()
        loss = functional.cross_entropy(logits, batch[self.label], label_smoothing=s.label_smoothing)
        self.update(self.opt["all"], loss)
        accuracy = (logits.detach().argmax(1) == batch[self.label]).float().mean() * 100
        return {"loss": loss.detach(), "accuracy": accuracy}

    def predict(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """``{"image": [N, C, H, W]}`` in [-1, 1] -> logits float32 ``[N, classes]``."""
        with torch.no_grad():
            return self.logits(inputs["image"]).float()
