"""What a cell's process spares itself before and after the work: a small cell is little more than these seconds."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn


@contextmanager
def uncollected() -> Iterator[None]:
    """Leave the garbage collector out of a block of imports, and its objects out of every later collection.

    Importing torch makes very many objects and next to no rubbish. Looking through them again and again takes about a
    fifth of the import's time; the same look once more is what a process does before it ends.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()


def leave(code: int) -> NoReturn:
    """End this process at once with exit code ``code``.

    For a process whose results are on disk already: the interpreter would take torch apart object by object, about a
    second of CPU time. Handlers registered with ``atexit`` are not called.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
