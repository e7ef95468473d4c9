"""Unsupervised domain adaptation, DTN (arXiv 1611.02200) Table 2: train on transferred images, test on the target.
Reference: none. The paper does not say how its classifier is trained, so everything about it here is our choice.

The choice: a small fixed network (three strided convolutions, 32-64-128 channels, batch norm, one linear layer), Adam
at 4e-3 with a cosine to zero, batches of 64 drawn without replacement per epoch, a fixed number of steps whatever the
size of the training set, no augmentation, and the last weights; nothing is selected by looking at the test images.
Trained on 4,500 real MNIST digits it reaches 97.5 % on MNIST test, in 5 s on one CPU thread.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from retable.benchmarks.errors import UserError
from retable.benchmarks.metrics.accuracy import accuracy
from retable.benchmarks.metrics.images import check_images
from retable.benchmarks.metrics.measure import Question
from retable.benchmarks.metrics.tolerance import Tolerance
from retable.reports.records.score import Score

TOLERANCE = Tolerance("itself, with the same seed", "for one number of CPU threads: sums are split over threads")
STEPS, BATCH_SIZE, RATE = 300, 64, 4e-3
WIDTHS = (32, 64, 128)
SMALLEST = 8  # three halvings leave one pixel


def adaptation_accuracy(
    train_images: Tensor,
    train_labels: Tensor,
    test_images: Tensor,
    test_labels: Tensor,
    *,
    seed: int,
    steps: int = STEPS,
    batch_size: int = BATCH_SIZE,
    device: str = "cpu",
) -> float:
    """Percentage of test images that a classifier, trained from scratch on the training images, gets right.

    Deterministic on a CPU for a given number of threads, and leaves torch's global random state as it was.

    Args:
        train_images: float32 ``[N, C, H, W]`` in [-1, 1], C = 1 or 3, sides of at least 8.
        train_labels: int64 ``[N]``, >= 0.
        test_images: float32 ``[M, C, H, W]`` in [-1, 1], of the same shape.
        test_labels: int64 ``[M]``.
        seed: of the initial weights and the order of the batches.
        steps: training steps, >= 1.
        batch_size: images a step, at most N are used.
        device: where to train.

    Raises:
        UserError: images or labels are not what they should be.
    """
    train_images, test_images = check_images(train_images, "training images"), check_images(test_images, "test images")
    if train_images.shape[1:] != test_images.shape[1:] or min(train_images.shape[2:]) < SMALLEST:
        raise UserError(
            f"adaptation trains and tests on images of one shape with sides of at least {SMALLEST}, "
            f"got {list(train_images.shape[1:])} and {list(test_images.shape[1:])}"
        )
    for what, images, labels in (("training", train_images, train_labels), ("test", test_images, test_labels)):
        if labels.shape != (len(images),) or labels.is_floating_point() or int(labels.min()) < 0:
            raise UserError(f"adaptation: {what} labels must be int64 [{len(images)}], >= 0; got {list(labels.shape)}")
    classes = int(max(train_labels.max(), test_labels.max())) + 1
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = classifier(train_images.shape[1], classes).to(device).to(memory_format=torch.channels_last)
    train(net, train_images.to(device), train_labels.to(device), steps, batch_size, seed)
    with torch.inference_mode():
        logits = torch.cat(
            [net(test_images[start : start + 500].to(device)) for start in range(0, len(test_images), 500)]
        )
    return accuracy(logits, test_labels)


def classifier(channels: int, classes: int) -> nn.Sequential:
    """The fixed network: images ``[N, channels, H, W]`` -> logits ``[N, classes]``."""
    layers: list[nn.Module] = []
    for inputs, outputs in zip((channels, *WIDTHS), WIDTHS, strict=False):
        side = 3 if layers else 5
        layers += [nn.Conv2d(inputs, outputs, side, stride=2, padding=side // 2, bias=False)]
        layers += [nn.BatchNorm2d(outputs), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(16 * WIDTHS[-1], classes))


def train(net: nn.Module, images: Tensor, labels: Tensor, steps: int, batch_size: int, seed: int) -> None:
    """Cross-entropy with Adam for ``steps`` batches; leaves the network in evaluation mode."""
    optimizer = torch.optim.Adam(net.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    generator = torch.Generator().manual_seed(seed)
    size = min(batch_size, len(images))
    order: list[Tensor] = []
    net.train()
    for _ in range(steps):
        if not order:
            order = list(torch.randperm(len(images), generator=generator)[: len(images) // size * size].view(-1, size))
        chosen = order.pop()
        loss = functional.cross_entropy(net(images[chosen]), labels[chosen])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    net.eval()


def score_adaptation(question: Question) -> Iterator[Score]:
    """``adaptation``: a classifier trained on the answers and tested on the reference; percent, higher is better."""
    answer, reference = question.answer, question.needs_reference()
    value = adaptation_accuracy(
        answer.images,
        question.labels(question.label),
        reference.images,
        question.labels(question.label, of=reference),
        seed=question.seed,
        device=question.device,
    )
    n_real, n_fake, detail = len(reference.images), len(answer.images), f"steps={STEPS}x{BATCH_SIZE}"
    part, score = question.whole, question.score
    yield score("adaptation", value, part, "higher", unit="%", n_real=n_real, n_fake=n_fake, detail=detail)
