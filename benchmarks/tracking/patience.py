"""Waiting for a process of ours. On a busy machine it is slow for want of a processor, and killing it helps nobody."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import psutil

LOOK_S = 0.1
LIMIT_S = 900.0
"""Seconds after which the longest wait ends."""
AT_WORK = (psutil.STATUS_RUNNING, psutil.STATUS_DISK_SLEEP)


def ended(process: subprocess.Popen[bytes], idle_s: Callable[[], float]) -> bool:
    """Wait until a process ends. Returns whether it did so in time.

    Args:
        process: the process.
        idle_s: how many seconds it may wait for others: a server, a lock. The time in which it computes, or would if it
            had a processor, does not count.
    """
    looks = idle = 0.0
    while idle < idle_s() and looks * LOOK_S < LIMIT_S:
        try:
            process.wait(LOOK_S)
        except subprocess.TimeoutExpired:
            looks += 1
            idle += 0 if at_work(process) else LOOK_S
        else:
            return True
    return False


def at_work(process: subprocess.Popen[bytes]) -> bool:
    """Whether a process, or one that it started, computes or waits for a processor or a disk."""
    try:
        first = psutil.Process(process.pid)
        return any(one.status() in AT_WORK for one in (first, *first.children(recursive=True)))
    except psutil.Error:
        return False
