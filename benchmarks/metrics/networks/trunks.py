"""The networks behind LPIPS, as embeddings: Zhang et al. 2018 (arXiv 1801.03924), Eq. 1.
Reference: the package `lpips` 0.1.4 (`alex`, `vgg`, `squeeze` with its learned heads); `lite0` is ours, without heads.

Eq. 1 is d(x, y) = sum_l 1 / (H_l W_l) sum_hw w_l . (f_l(x) - f_l(y))^2 with f_l of unit length at every location. The
heads w_l are non-negative, so d is a squared Euclidean distance: |e(x) - e(y)|^2 with the embedding
e(x) = concat_l sqrt(w_l / (H_l W_l)) f_l(x). It needs the network once per image; distances are then plain arithmetic.

`lite0` has no heads learned from human judgements (all channels count alike, as in the package's `lpips=False`), so its
values are not comparable with published LPIPS; the score's name carries the trunk for that reason.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor, nn

from retable.benchmarks.errors import UserError, unknown
from retable.benchmarks.metrics.images import check_images, resize_bicubic, to_rgb
from retable.benchmarks.metrics.networks import lite0, weights
from retable.benchmarks.metrics.networks.precision import full_precision

TRUNKS = {
    "lite0": "",
    "alex": "alexnet-owt-7be5be79.pth",
    "vgg": "vgg16-397923af.pth",
    "squeeze": "squeezenet1_1-b8a52dc0.pth",
}
"""Trunk -> file of torchvision's ImageNet weights; the name ends in the first digits of the file's SHA-256."""
EPS = 1e-10  # lpips.normalize_tensor
SMALLEST = 32  # alexnet's pooling leaves nothing of a smaller image


@dataclass(frozen=True)
class Trunk:
    """Turns images into embeddings whose squared distances are LPIPS; made by :func:`get_trunk`."""

    name: str
    digest: str
    """SHA-256 over the trunk's weights and the heads."""
    resize: str
    """``bicubic-96`` (lite0) or ``native``: the images as they are."""
    maps: Callable[[Tensor], list[Tensor]]
    """RGB images in [-1, 1] -> feature maps ``[N, C_l, H_l, W_l]``, not yet of unit length."""
    heads: tuple[Tensor, ...] | None
    """Non-negative ``[C_l]`` per map, or ``None`` for ones."""
    device: str

    def embed(self, images: Tensor) -> Tensor:
        """Checked images ``[N, 1 or 3, H, W]`` in [-1, 1] -> float32 ``[N, D]`` on the trunk's device."""
        parts = []
        with full_precision(self.device):
            for level, found in enumerate(self.maps(to_rgb(images.to(self.device)))):
                unit = found / (found.square().sum(dim=1, keepdim=True).sqrt() + EPS)
                scale = torch.tensor(1.0 / (found.shape[2] * found.shape[3]), device=found.device)
                if self.heads is not None:
                    scale = scale * self.heads[level][None, :, None, None]
                parts.append((unit * scale.sqrt()).flatten(1))
            return torch.cat(parts, dim=1)

    def batches(self, images: Tensor) -> Iterator[Tensor]:
        """Embeddings of a few images at a time, in order; the images are checked first."""
        images = check_images(images)
        if self.resize == "native" and min(images.shape[2:]) < SMALLEST:
            raise UserError(
                f"LPIPS trunk {self.name!r} needs images of at least {SMALLEST} x {SMALLEST} pixels, "
                f"got {list(images.shape[2:])}; use 'lite0', which enlarges them"
            )
        # vgg keeps 30 MB of maps per image of 256 px.
        size = max(1, min(16, 2**18 // (images.shape[2] * images.shape[3])))
        for start in range(0, len(images), size):
            yield self.embed(images[start : start + size])


def get_trunk(name: str, device: str = "cpu") -> Trunk:
    """The trunk of that name, its weights read once per process and device.

    Raises:
        UserError: no such trunk, or its weights are missing or damaged; the message says what to do.
    """
    return _load(name, weights_file(name), device)


def weights_file(name: str) -> Path:
    """Where the trunk's weights lie.

    Raises:
        UserError: no such trunk, or the file is missing.
    """
    if name not in TRUNKS:
        raise UserError(unknown("extractor", name, TRUNKS))
    if name == "lite0":
        return lite0.weights_file()
    return weights.find(
        TRUNKS[name],
        f"LPIPS trunk {name!r}",
        "or use the embedded trunk 'lite0'. The file holds torchvision's ImageNet weights",
    )


@lru_cache(maxsize=4)
def _load(name: str, path: Path, device: str) -> Trunk:
    if name == "lite0":
        embedded = lite0.load(path).to(device).to(memory_format=torch.channels_last)

        def maps(images: Tensor) -> list[Tensor]:
            resized = resize_bicubic(images, lite0.SIDE).clamp(-1, 1)
            found: list[Tensor] = embedded.maps(resized.contiguous(memory_format=torch.channels_last))
            return found

        return Trunk(name, weights.file_digest(path), lite0.RESIZE, maps, None, device)

    digest = weights.verify(path, path.stem.rsplit("-", 1)[-1])
    net, heads, scaling = _package(name, path)
    for head in heads:
        digest += hashlib.sha256(head.numpy().tobytes()).hexdigest()
    net, scaling = net.to(device), scaling.to(device)
    return Trunk(
        name,
        hashlib.sha256(digest.encode()).hexdigest(),
        "native",
        lambda images: list(net(scaling(images))),
        tuple(head.to(device) for head in heads),
        device,
    )


def _package(name: str, path: Path) -> tuple[nn.Module, list[Tensor], nn.Module]:
    """The package's trunk with the weights in ``path``, its heads (version 0.1) as vectors, and its input scaling."""
    import lpips

    build = {"alex": "alexnet", "vgg": "vgg16", "squeeze": "squeezenet"}[name]
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchvision on the package's spelling of "no weights"
        net: nn.Module = getattr(lpips.pretrained_networks, build)(pretrained=False)
    state = torch.load(path, map_location="cpu", weights_only=True)
    wanted = {key: f"features.{key.split('.', 1)[1]}" for key in net.state_dict()}  # slice2.3.bias -> features.3.bias
    missing = [key for key in wanted.values() if key not in state]
    if missing:
        raise UserError(f"{path} does not hold torchvision's weights for {name!r}: {missing[0]} is missing")
    net.load_state_dict({key: state[source] for key, source in wanted.items()}, strict=True, assign=True)
    file = Path(lpips.__file__).parent / "weights" / "v0.1" / f"{name}.pth"
    heads = [head.flatten() for head in torch.load(file, map_location="cpu", weights_only=True).values()]
    if any(bool((head < 0).any()) for head in heads):
        raise UserError(
            f"the heads that lpips ships for {name!r} hold negative weights, so it is no distance; use another"
        )
    return net.eval().requires_grad_(False), heads, lpips.ScalingLayer()
