"""Files from the network, with time-outs that hold: a machine without one, or with one that hangs, loses seconds."""

from __future__ import annotations

import hashlib
import queue
import threading
import time
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any

from retable.datasets.errors import DataError
from retable.datasets.files import written_whole

OFFLINE = "RETABLE_OFFLINE"
"""Environment variable: set to 1 to use no network."""
CONNECT_S = 4.0
"""How long a server may take to answer, name look-up included, and how long a transfer may stand still."""
GRACE_S, SLOWEST = 30.0, 50_000
"""A transfer may take so many seconds, and one more for every so many bytes: 1.3 GB take seven hours at most."""
MAX_BYTES = 2**31
"""Most bytes of a file that is saved."""

NETWORK_ERRORS = (OSError, EOFError, zlib.error, HTTPException, ValueError)
"""What urllib, sockets and decompression raise."""


def read_url(url: str, max_bytes: int) -> bytes:
    """The content of a URL.

    Raises:
        OSError: no answer, an error status, more than ``max_bytes``, or too slow (:data:`SLOWEST`); one of
            :data:`NETWORK_ERRORS` in general.
    """
    return b"".join(_chunks(url, max_bytes))


def save_url(
    url: str, path: Path, md5: str, progress: Callable[[int], None] | None = None, max_bytes: int = MAX_BYTES
) -> None:
    """Download a large file and move it into place once its MD5, as its publisher gives it, is right.

    Raises:
        DataError: the download failed, is larger than ``max_bytes``, or its content is not the right one; the message
            has the URL.
    """
    digest, size = hashlib.md5(usedforsecurity=False), 0
    try:
        with written_whole(path) as file:
            for chunk in _chunks(url, max_bytes):
                file.write(chunk)
                digest.update(chunk)
                size += len(chunk)
                if progress is not None:
                    progress(size)
            if digest.hexdigest() != md5:
                raise DataError(f"{url}: wrong content: MD5 is {digest.hexdigest()}, expected {md5}")
    except NETWORK_ERRORS as error:
        raise DataError(f"{url}: {reason(error)}") from error


def reason(error: BaseException) -> str:
    """The words of a network error without its wrapping and its number."""
    inner = getattr(error, "reason", None) or error
    return str(getattr(inner, "strerror", None) or inner or type(error).__name__)


def _chunks(url: str, max_bytes: int) -> Iterator[bytes]:
    """What a server sends, as it comes; one that sends for ever, or a byte now and then, is left."""
    began, size = time.monotonic(), 0
    with _opened(url) as response:
        # Not read(): that would wait until its buffer is full, however slowly.
        while chunk := response.read1(1 << 16):
            size += len(chunk)
            if size > max_bytes:
                raise OSError(f"more than {max_bytes:,} bytes")
            if time.monotonic() - began > GRACE_S + size / SLOWEST:
                raise TimeoutError(f"slower than {SLOWEST // 1000} kB a second")
            yield chunk


@contextmanager
def _opened(url: str) -> Iterator[Any]:
    """The response to a request. A name look-up has no time-out of its own, hence the thread: it can be left behind."""
    answer: queue.Queue[Any] = queue.Queue()

    def ask() -> None:
        try:
            answer.put(urllib.request.urlopen(url, timeout=CONNECT_S))  # noqa: S310 - URLs come from torchvision
        except Exception as error:
            answer.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        response = answer.get(timeout=CONNECT_S + 0.5)
    except queue.Empty:
        raise TimeoutError(f"no answer within {CONNECT_S:g} s") from None
    if isinstance(response, Exception):
        raise response
    with response:
        yield response
