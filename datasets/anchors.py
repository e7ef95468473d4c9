"""What reference rows show: images that no method makes, and that a method should do better than.

A reference row has a stream of its own, and :func:`seen_by` puts what it shows beside the inputs of every request,
under the stream's name. No other row is trained on one of these streams, so no other row sees any of it.

=============  =====================================================================================
stream         what it shows of each request
=============  =====================================================================================
``untouched``  nothing: the inputs are enough
``other``      for every image another training image of what is asked for, drawn by the seed
``mean``       the mean of up to :data:`MOST` training images of what is asked for
``truth``      the true images; requests without them are left out
=============  =====================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from retable.datasets.images import signed
from retable.datasets.seeding import torch_generator
from retable.datasets.shards import Shards
from retable.datasets.task import Request

STREAMS = ("untouched", "other", "mean", "truth")
MOST = 1_000
"""Images in a mean: with more it looks the same, and a whole data set takes long to read."""


@dataclass(frozen=True)
class Pool:
    """Training images of one domain."""

    images: Tensor | Shards
    """uint8 ``[M, C, H, W]``."""
    labels: Mapping[str, Tensor] = field(default_factory=dict)
    """Label key -> int64 ``[M]``; those that a request has too say what is asked for."""


def seen_by(stream: str, requests: Sequence[Request], pool: Callable[[Request], Pool], seed: int) -> list[Request]:
    """The requests as a row of this stream sees them: unchanged, unless it is a reference row's.

    Args:
        stream: any stream of the task.
        requests: all of one kind.
        pool: the training images of the domain that a request asks for.
        seed: another seed, other images.
    """
    if stream not in STREAMS:
        return list(requests)
    if stream == "truth":
        return [with_shown(request, stream, request.truth) for request in requests if request.truth is not None]
    if stream == "untouched":
        return list(requests)
    shown = _others if stream == "other" else _means
    return [with_shown(request, stream, shown(request, pool(request), seed)) for request in requests]


def with_shown(request: Request, stream: str, images: Tensor) -> Request:
    """The request with these images, float32 ``[N, C, H, W]``, among its inputs; also where it asks twice."""
    then = None if request.then is None else {**request.then, stream: images}
    return replace(request, inputs={**request.inputs, stream: images}, then=then)


def _others(request: Request, pool: Pool, seed: int) -> Tensor:
    generator = torch_generator("other", request.name, seed)
    images = torch.empty(len(request), *pool.images.shape[1:])
    for rows, places in _alike(request, pool):
        images[rows] = signed(pool.images[places[torch.randint(len(places), (len(rows),), generator=generator)]])
    return images


def _means(request: Request, pool: Pool, seed: int) -> Tensor:
    images = torch.empty(len(request), *pool.images.shape[1:])
    for rows, places in _alike(request, pool):
        images[rows] = signed(pool.images[places[:MOST]]).mean(0)
    return images


def _alike(request: Request, pool: Pool) -> list[tuple[Tensor, Tensor]]:
    """Rows of the request that ask for the same, and the places of the pool's images that are so; all, if none is."""
    keys = sorted(pool.labels.keys() & request.labels.keys())
    nothing = torch.zeros(len(request), 1, dtype=torch.long)
    wanted = torch.cat([nothing, *(request.labels[key][:, None] for key in keys)], 1)
    found = []
    for want in torch.unique(wanted, dim=0):
        fits = torch.ones(len(pool.images), dtype=torch.bool)
        for key, value in zip(keys, want[1:], strict=True):
            fits &= pool.labels[key] == value
        places = (fits if fits.any() else ~fits).nonzero().flatten()
        found.append(((wanted == want).all(1).nonzero().flatten(), places))
    return found
