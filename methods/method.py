"""What a method is: how to train and how to produce images, one row of a paper's table.

A method never sees MLflow, the command line, a path or a device string. It builds its networks and optimisers, turns a
batch into one update (:meth:`Method.training_step`), and answers requests with :meth:`translate`, :meth:`sample` or
:meth:`predict`, whichever it implements.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal, Protocol

import torch
from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator
from torch import Tensor, nn
from torch.optim import Optimizer

Kind = Literal["translate", "sample", "predict"]


class Info(Protocol):
    """The part of a task's description that methods rely on."""

    @property
    def image_size(self) -> int:
        """Height and width of every image in pixels."""
        ...

    @property
    def channels(self) -> Mapping[str, int]:
        """Domain name -> number of image channels."""
        ...

    @property
    def classes(self) -> Mapping[str, tuple[str, ...]]:
        """Label key -> class names."""
        ...


class MethodSettings(BaseModel):
    """Settings that every method has; a method adds its own, with the paper's values as defaults.

    Frozen, and unknown keys are errors.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    steps: int
    """Number of training steps; 0 for a method that is not trained."""
    batch_size: int = 64
    """Images per domain and step."""

    # Not types: a subclass that gives its own default without the type, as a third party's may, would lose them.
    @field_validator("steps", "batch_size", check_fields=False)
    @classmethod
    def _enough(cls, value: int, field: ValidationInfo) -> int:
        least = 0 if field.field_name == "steps" else 1
        if value < least:
            raise ValueError(f"must be {least} or more")
        return value


def _plain_backward(loss: Tensor) -> None:
    loss.backward()  # type: ignore[no-untyped-call]


class Method(ABC):
    """Base class of every method. Rows name their class in :data:`retable.methods.rows.ROWS` or by entry point."""

    Settings: ClassVar[type[MethodSettings]]
    title: ClassVar[str] = ""
    """The name in tables of a row that has none of its own: of one that is registered by entry point."""
    task: ClassVar[str]
    """Registered name of the task that this method is written for; conformance tests try it there."""
    also: ClassVar[tuple[str, ...]] = ()
    """Other tasks that it works on as it is; conformance tests try it there too."""
    kind: ClassVar[Kind] = "translate"
    """Which one of :meth:`translate`, :meth:`sample` and :meth:`predict` this method implements."""
    stream: str = "train"
    """Which of the task's training streams this method learns from; a setting of this name decides for one that may
    learn from several, see :meth:`stream_of`."""
    watch: ClassVar[tuple[str, ...]] = ()
    """Loss terms that a healthy training ends low in; their mean over the last tenth of the steps becomes a score."""
    averages: ClassVar[tuple[str, ...]] = ()
    """Networks that may move without an optimiser: running averages of others, or of what is seen. With some settings a
    method may lack one."""
    needs: ClassVar[Mapping[str, str]] = {}
    """Role -> registered name of the method whose trained networks this one starts from, e.g. ``{"f": "dtn/f"}``."""

    without_files: ClassVar[str] = "settings that do without it (its documentation says which)"
    """How to do without :meth:`files`; ends the error where one is missing."""

    settings: Any

    @classmethod
    def needed(cls, settings: Any) -> Mapping[str, str]:
        """The part of :attr:`needs` that a method of these settings starts from; everything, unless it says otherwise.

        A network that only a term of weight 0 looks at is not worth its training.
        """
        return cls.needs

    @classmethod
    def stream_of(cls, settings: Any) -> str:
        """The training stream of a method of these settings."""
        stream: str = getattr(settings, "stream", cls.stream)
        return stream

    def __init__(self, settings: MethodSettings, info: Info) -> None:
        """Build the networks as attributes. Weights come from torch's global random state, which the harness seeds."""
        self.settings = settings
        self.stream = self.stream_of(settings)
        self.info = info
        self.opt: dict[str, Optimizer] = {}
        """The optimisers by name, as the harness has set them up."""
        self.backward: Callable[[Tensor], None] = _plain_backward

    def start_from(self, role: str, other: Method) -> None:
        """Take over what ``role`` of :meth:`needed` provides; called once, before :meth:`optimizers`."""
        raise NotImplementedError(f"{type(self).__name__} needs {role!r} but does not say how to start from it")

    @classmethod
    def files(cls, settings: Any) -> Mapping[str, str]:
        """Role -> name of a file of weights that nothing here can train, e.g. ``{"face": "mobilefacenet.pth"}``.

        The harness finds the file in the user's folder of weights, before anything is trained; with settings that do
        without it, name none.
        """
        return {}

    def take_file(self, role: str, state: Mapping[str, Tensor]) -> None:
        """Take over a file of :meth:`files`, a state dict on the CPU; called once, before :meth:`start_from`.

        Not called where the weights of a checkpoint follow, so the network exists before and is one of
        :meth:`networks`. A RuntimeError, such as ``load_state_dict`` raises, means that the file does not fit.
        """
        raise NotImplementedError(f"{type(self).__name__} names a file for {role!r} but does not say how to take it")

    def networks(self) -> dict[str, nn.Module]:
        """Every network by attribute name; together they are what a checkpoint holds."""
        return {name: value for name, value in vars(self).items() if isinstance(value, nn.Module)}

    def models(self) -> int:
        """How many separate models this row trains, alike in size, e.g. one a domain; together they are its networks.

        Source of the count: StarGAN (arXiv 1711.09020), Table 3, which prints parameters as ``52.6M x 7``.
        """
        return 1

    def optimizers(self) -> dict[str, Optimizer]:
        """New optimisers by name. A network without one is frozen."""
        return {}

    def training_step(self, batch: Mapping[str, Tensor], step: int) -> dict[str, Tensor]:
        """One update of every network from one batch.

        Use ``self.update(self.opt["g"], loss)`` to step. Returns the loss terms by name: detached scalars, for the
        curves; a non-finite one ends the run.
        """
        raise NotImplementedError(f"{type(self).__name__} has steps > 0 but no training_step")

    def update(self, optimizer: Optimizer, loss: Tensor) -> None:
        """Clear the optimiser's gradients, back-propagate ``loss`` and step."""
        optimizer.zero_grad(set_to_none=True)
        self.backward(loss)
        optimizer.step()
        # Autocast keeps copies of the weights in lower precision; a second forward pass in this step must not see them.
        torch.clear_autocast_cache()

    def translate(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Inputs by name, first axis N, images float32 in [-1, 1] -> images ``[N, C, H, W]`` in [-1, 1]."""
        raise NotImplementedError

    def sample(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Latents by name, first axis N -> images float32 ``[N, C, H, W]`` in [-1, 1]."""
        raise NotImplementedError

    def predict(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """``{"image": [N, C, H, W]}`` in [-1, 1] -> logits float32 ``[N, classes]``."""
        raise NotImplementedError
