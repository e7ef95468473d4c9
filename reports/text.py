"""How numbers, durations and protocols are written: the one place, so that every output prints the same text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from retable.reports.records.score import Protocol

MINUS = "\u2212"
ARROWS = {"higher": "↑", "lower": "↓", "none": ""}
NOT_COMPARABLE = "n/c"
NOTHING = "–"

NO_FAILURES = {"ok": "ok", "skipped": f"{NOTHING} skipped", "not-run": f"{NOTHING} not run"}
"""Status of a cell -> what a table prints for it; every other status is a failure."""


def number(value: float, decimals: int) -> str:
    """``1234.5, 2`` -> ``1,234.50``; negative numbers get a real minus sign and zero never has one."""
    return f"{value:z,.{decimals}f}".replace("-", MINUS)


def signed(value: float, decimals: int) -> str:
    """Like :func:`number` with a plus sign before positive numbers: for differences."""
    text = number(value, decimals)
    return f"+{text}" if value > 0 and text.strip("0.,") else text


def significant(value: float) -> str:
    """At least three digits that tell: ``1,234.6`` as ``1,235``, ``3.456`` as ``3.46``, ``0.0123`` as it stands."""
    size = abs(value)
    return number(value, 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 or size == 0 else 4)


def status_word(status: str) -> str:
    """What a table prints for a cell's status: ``oom`` -> ``x oom``."""
    return NO_FAILURES.get(status, f"x {status}")


def duration(seconds: float | None) -> str:
    """Wall time for people: ``0.4 s``, ``61 s``, ``12 min 05 s``, ``3 h 07 min``; ``–`` when unknown."""
    if seconds is None:
        return NOTHING
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if round(seconds) < 120:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def moment(unix_ms: float | None) -> str:
    """Unix milliseconds -> ``2026-01-31 12:00 UTC``; ``–`` when unknown."""
    if unix_ms is None:
        return NOTHING
    return datetime.fromtimestamp(unix_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def slice_text(parts: Mapping[str, str]) -> str:
    """The canonical form of a slice: ``{"request": "test", "digit": "3"}`` -> ``digit=3,request=test``."""
    return ",".join(f"{key}={parts[key]}" for key in sorted(parts))


def detail_values(detail: str) -> dict[str, str]:
    """The ``key=value`` pairs of a protocol's detail: ``timer=cpu; steps=9`` -> ``{"timer": "cpu", "steps": "9"}``."""
    return dict(re.findall(r"([\w.]+)=([^\s,;]+)", detail))


def protocol_line(protocol: Protocol, data: str) -> str:
    """A protocol in one line: only what is set. ``data`` says on which data, instead of the protocol's own."""
    parts = [protocol.metric]
    if protocol.extractor:
        parts.append(f"by {protocol.extractor}{f' (weights {protocol.weights})' if protocol.weights else ''}")
    if data:
        parts.append(f"on {data}")
    if protocol.resize:
        parts.append(f"resize {protocol.resize}")
    for count, label in ((protocol.n_real, "N real"), (protocol.n_fake, "N")):
        if count:
            parts.append(f"{label} = {number(count, 0)}")
    return ", ".join(part for part in (*parts, protocol.detail) if part)


def row_name(title: str, variant: str) -> str:
    """A row's name with its task variant: ``DTN (no3-t)``."""
    return f"{title} ({variant})" if variant else title


def plural(count: int, noun: str) -> str:
    """``1, "seed"`` -> ``1 seed``; ``3, "seed"`` -> ``3 seeds``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def slug(text: str) -> str:
    """A name for anchors and files: lower case, only ``a-z0-9-``."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "x"


def printable(text: str) -> str:
    """The text on one line, without what no page or font shows: control characters, parts of names not in UTF-8."""
    return "".join(sign if sign.isprintable() else " " if sign.isspace() else "?" for sign in text)


def one_line(text: str, limit: int = 160) -> str:
    """The text on one line, cut with an ellipsis when it is longer than ``limit``."""
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[: limit - 1].rstrip() + "…"
