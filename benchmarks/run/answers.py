"""What a method answers to a task's requests: asked here, shown as pictures, and measured into scores."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter

import torch
from lightning_fabric import Fabric, is_wrapped
from torch import Tensor

from retable.benchmarks.errors import UserError
from retable.benchmarks.metrics import AT_THE_END
from retable.benchmarks.metrics.measure import Answer, Judge, Question, measure
from retable.benchmarks.metrics.networks.precision import single_precision
from retable.benchmarks.plan.registry import roles_of
from retable.benchmarks.run.build import WEIGHTS, build_task, derive_seed, trained_method
from retable.benchmarks.run.checkpoint import digest_of
from retable.datasets.pictures import in_rows, save_grid
from retable.datasets.task import Request, Task
from retable.methods.method import Method
from retable.reports.records.cell import Cell
from retable.reports.records.journal import Journal, Samples
from retable.reports.records.score import Score

LARGEST_BATCH = 250
"""Images per forward pass while answering, at most."""
BATCH_PIXELS = LARGEST_BATCH * 64 * 64
"""Pixels per forward pass, at most: 15 images of 256 x 256, whose features would otherwise fill a GPU."""


class Answers:
    """What a method answers, in evaluation mode and without gradients."""

    def __init__(self, method: Method, fabric: Fabric) -> None:
        self.method = method
        self.fabric = fabric

    def to(self, request: Request) -> Tensor:
        """Images ``[N, C, H, W]`` in [-1, 1], or logits ``[N, classes]`` for a ``predict`` request; float32 on the CPU.

        Where the request has a ``then``, the method is asked twice and the second answer is the one returned.

        Raises:
            UserError: the method returned something else.
        """
        first = self._once(request)
        if request.then is None:
            return first
        return self._once(Request(request.name, request.kind, {**request.then, "image": first}))

    def _once(self, request: Request) -> Tensor:
        networks = self.method.networks().values()
        modes = [network.training for network in networks]
        for network in networks:
            network.eval()
        try:
            with torch.no_grad(), self._precision(), torch.random.fork_rng():
                torch.manual_seed(derive_seed("answers", request.name))
                answer = getattr(self.method, self.method.kind)
                parts = [answer(part).float().cpu() for part in self._parts(request)]
        finally:
            for network, mode in zip(networks, modes, strict=True):
                network.train(mode)
        return self._checked(request, torch.cat(parts))

    @contextmanager
    def _precision(self) -> Iterator[None]:
        with ExitStack() as stack:
            if self.method.kind == "sample":
                # Steps of 1e-4 between two latents are lost in the eight bits of bfloat16, so that the length of a path
                # would be that of rounding errors. What is scored does not depend on the training's precision.
                stack.enter_context(single_precision(str(self.fabric.device)))
                stack.enter_context(_unwrapped(self.method))
            else:
                # Translations and judgements show no such differences, and results of theirs are recorded.
                stack.enter_context(self.fabric.autocast())
            yield

    def _parts(self, request: Request) -> Iterator[Mapping[str, Tensor]]:
        # Latents do not show how large the images will be.
        unseen = self.method.info.image_size**2 if request.kind == "sample" else 64 * 64
        pixels = max([value[0, 0].numel() for value in request.inputs.values() if value.ndim == 4], default=unseen)
        size = max(1, min(LARGEST_BATCH, BATCH_PIXELS // pixels))
        for start in range(0, len(request), size):
            part = {name: value[start : start + size] for name, value in request.inputs.items()}
            yield self.fabric.to_device(part)

    def _checked(self, request: Request, out: Tensor) -> Tensor:
        who = f"{type(self.method).__name__}.{self.method.kind}, request {request.name!r}"
        if len(out) != len(request):
            raise UserError(f"{who}: {len(out)} answers to {len(request)} inputs")
        if not bool(torch.isfinite(out).all()):
            raise UserError(f"{who}: the answers hold NaN or infinite values")
        if request.kind != "predict" and (out.ndim != 4 or float(out.abs().max()) > 1 + 1e-4):
            raise UserError(
                f"{who}: expected images [N, C, H, W] in [-1, 1], got shape {list(out.shape)} "
                f"in [{float(out.min()):.3g}, {float(out.max()):.3g}]"
            )
        return out.clamp(-1, 1) if request.kind != "predict" else out


@contextmanager
def _unwrapped(method: Method) -> Iterator[None]:
    """A method's networks without Fabric's wrapping, which turns autocast on again in every forward pass."""
    wrapped = {name: network for name, network in method.networks().items() if is_wrapped(network)}
    try:
        for name, network in wrapped.items():
            setattr(method, name, network.module)
        yield
    finally:
        for name, network in wrapped.items():
            setattr(method, name, network)


def save_preview(answers: Answers, task: Task, directory: Path, journal: Journal, step: int) -> None:
    """The grid of a training step, ``samples/step-NNNNNN.png``: inputs, answers and truth of the first preview."""
    for request in _pictured(answers, task)[:1]:
        strips = _strips(answers, request)
        name = f"samples/step-{step:06d}.png"
        save_grid(directory / name, [row for what in ("inputs", "outputs", "truth") for row in strips.get(what, ())])
        journal.write(Samples(step=step, file=name))


def save_final_pictures(answers: Answers, task: Task, directory: Path) -> None:
    """One strip per picture, so that a report can lay the rows of a table under the same inputs.

    The strips of the first preview are ``images/inputs.png``, ``learnt.png``, ``outputs.png`` and ``truth.png``, as far
    as it has them; those of another preview begin with its name, ``NAME.inputs.png``.
    """
    for number, request in enumerate(_pictured(answers, task)):
        stem = f"images/{request.name}." if number else "images/"
        for what, rows in _strips(answers, request).items():
            save_grid(directory / f"{stem}{what}.png", rows)


def _pictured(answers: Answers, task: Task) -> list[Request]:
    previews = task.previews(answers.method.kind, answers.method.stream)
    return [request for request in previews if request.kind != "predict"]


def _strips(answers: Answers, request: Request) -> dict[str, list[Tensor]]:
    """What there is to show of a request, as rows of a grid."""
    shown = {
        "inputs": request.inputs.get("image"),
        "learnt": request.learnt,
        "outputs": answers.to(request),
        "truth": request.truth,
    }
    # Samples stand under no inputs, so all of them are shown.
    rows = in_rows if request.kind == "sample" else lambda images: [images]
    return {what: rows(images) for what, images in shown.items() if images is not None}


def score_task(cell: Cell, answers: Answers, task: Task, root: Path, *, on_the_way: bool = False) -> Iterator[Score]:
    """Every score that the task wants of this cell, in the task's order.

    Yields as it goes, so that a crash in a late metric costs no early score.

    Args:
        cell: which metrics' extractors, seeds and judges.
        answers: of its method.
        task: says what is to be measured.
        root: the folder of all runs.
        on_the_way: leave out what waits for the end of training
            (:data:`~retable.benchmarks.metrics.AT_THE_END`).
    """
    kind, stream = answers.method.kind, answers.method.stream
    requests = {request.name: request for request in task.requests(kind, stream)}
    given: dict[str, Answer] = {}
    judges = Judges(cell, task, answers.fabric, root)
    for wanted in task.measures(kind, stream):
        if on_the_way and wanted.metric in AT_THE_END:
            continue
        if wanted.request not in given:
            given[wanted.request] = _answer(requests[wanted.request], answers, task)
        answer = given[wanted.request]
        if wanted.limit is not None:
            answer = answer.where(torch.arange(len(answer.images)) < wanted.limit)
        question = Question(
            wanted.metric,
            answer,
            reference=_real(wanted.reference, task),
            yardstick=_real(wanted.yardstick, task),
            judge=None if wanted.judge is None else judges.get(wanted.judge),
            label=wanted.label,
            by=wanted.by,
            extractors=cell.run.extractors,
            data=f"{cell.task_label}:{cell.task_settings['source']}:{wanted.request}",
            seed=derive_seed("metrics", cell.task),
            cache=root / "cache",
            device=str(answers.fabric.device),
        )
        yield from measure(question)


def _answer(request: Request, answers: Answers, task: Task) -> Answer:
    begin = perf_counter()
    # Ends on the CPU, so a GPU has finished too.
    out = answers.to(request)
    seconds = perf_counter() - begin
    images, logits = (request.inputs["image"], out) if request.kind == "predict" else (out, None)
    return Answer(
        request=request.name,
        images=images,
        labels=request.labels,
        truth=request.truth,
        source=request.inputs.get("image") if request.kind == "translate" else None,
        logits=logits,
        seconds=seconds,
        class_names=task.info().classes,
    )


def _real(name: str | None, task: Task) -> Answer | None:
    """The task's reference images of that name."""
    if name is None:
        return None
    request = task.reference(name)
    return Answer(name, request.inputs["image"], request.labels, class_names=task.info().classes)


class Judges:
    """The classifiers that judge a cell's images, restored when first asked for."""

    def __init__(self, cell: Cell, task: Task, fabric: Fabric, root: Path) -> None:
        self._cell, self._task, self._fabric, self._root = cell, task, fabric, root
        self._ready: dict[str, Judge] = {}

    def get(self, name: str) -> Judge:
        """The judge of a role; several roles joined by dots judge together.

        Raises:
            UserError: the cell has no such judge, or it was trained on images of another size.
        """
        parts = [self._one(role) for role in roles_of(name, self._cell.judges, f"task {self._cell.task!r}")]
        if len(parts) == 1:
            return parts[0]
        digest = hashlib.sha256("\n".join(part.digest for part in parts).encode()).hexdigest()
        return Judge(name, lambda images: joint_logits([part.logits(images) for part in parts]), digest)

    def _one(self, role: str) -> Judge:
        if role not in self._ready:
            cell = self._cell.judges[role]
            trained, ours = build_task(cell, self._root).info().image_size, self._task.info().image_size
            if trained != ours:
                raise UserError(
                    f"{cell.address} was trained on images of {trained} pixels and cannot judge {ours}: "
                    f"settings_for of the task {self._cell.task!r} must keep what decides the size"
                )
            method = trained_method(cell, self._task, self._root)
            for network in method.networks().values():
                self._fabric.to_device(network)
            answers = Answers(method, self._fabric)

            def logits(images: Tensor) -> Tensor:
                return answers.to(Request("judged", "predict", {"image": images}))

            self._ready[role] = Judge(role, logits, digest_of(cell.directory(self._root) / WEIGHTS))
        return self._ready[role]


def joint_logits(logits: Sequence[Tensor]) -> Tensor:
    """Log-probabilities of every combination of classes, the first judge's class changing slowest.

    Judges answer independently, so the joint logits are the outer sum of their log-probabilities.

    Args:
        logits: float ``[N, c_i]`` of one or more judges.

    Returns:
        ``[N, c_1 * c_2 * ...]``; class ``(i * c_2 + j) * c_3 + k`` is class i of the first, j of the second, k of the
        third.
    """
    joint = logits[0].log_softmax(1)
    for more in logits[1:]:
        joint = (joint[:, :, None] + more.log_softmax(1)[:, None, :]).flatten(1)
    return joint
