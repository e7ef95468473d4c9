"""Ours against published: when a difference may be printed, ranks, and pairwise orderings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

from retable.reports import text
from retable.reports.compute.select import Measured
from retable.reports.compute.statistics import INTERVAL_FROM, paired_differences
from retable.reports.compute.table_model import Orderings
from retable.reports.published.table_schema import Column, PublishedProtocol, Row
from retable.reports.records.score import Protocol

_WORDS = {"n_real": "N real", "n_fake": "N", "source": "data"}
_SOURCES = {"standin": "stand-in data", "real": "the paper's data set"}


def disagreement(column: Column, ours: Measured) -> str:
    """Why a difference to the published number would mean nothing; empty when it means something."""
    parts: list[str] = []
    if column.scale == 1.0 and ours.unit != column.unit:
        parts.append(f"unit: ours {ours.unit or 'none'}, published {column.unit or 'none'}")
    parts += _protocol_differences(column.protocol, ours.protocol, ours.source)
    return "; ".join(parts)


def _protocol_differences(published: PublishedProtocol | None, ours: Protocol | None, source: str) -> list[str]:
    if published is None:
        return ["the published protocol is not recorded"]
    parts = []
    for key, value in published.keys().items():
        mine = source if key == "source" else getattr(ours, key)
        if mine != value:
            parts.append(f"{_WORDS.get(key, key)}: ours {_say(mine)}, published {_say(value)}")
    return parts


def _say(value: str | int | None) -> str:
    if isinstance(value, int):
        return text.number(value, 0)
    return _SOURCES.get(str(value), str(value or "none"))


def ranks(values: Mapping[int, float], direction: str) -> dict[int, int]:
    """Row index -> rank from 1, equal values sharing the better one; nothing without a direction or for one row."""
    if direction == "none" or len(values) < 2:
        return {}
    sign = -1.0 if direction == "higher" else 1.0
    return {index: 1 + sum(sign * other < sign * value for other in values.values()) for index, value in values.items()}


def orderings(
    columns: Sequence[Column], rows: Sequence[Row], measured: Mapping[str, Sequence[Measured | None]]
) -> Orderings | None:
    """Every published pair of every column with a direction; ``None`` when nothing published has a row of ours.

    A pair is compared seed by seed where the rows share seeds. From five shared seeds on it is undecided when the
    interval of the paired difference holds zero; below that the sign of the mean decides, and the seeds are counted.
    """
    pairs, same, unchecked, others = 0, 0, 0, []
    for column in columns:
        ours = measured[column.id]
        if column.direction == "none":
            continue
        both = [
            (row, published_value(row, column), mine)
            for row, mine in zip(rows, ours, strict=True)
            if mine is not None and column.id in row.published and not row.reference
        ]
        for (row_a, a, mine_a), (row_b, b, mine_b) in combinations(both, 2):
            if a == b:
                continue
            if not mine_a.values or not mine_b.values or mine_a.apart or mine_b.apart:
                unchecked += 1
                continue
            pairs += 1
            high, low = ((row_a, a, mine_a), (row_b, b, mine_b)) if a > b else ((row_b, b, mine_b), (row_a, a, mine_a))
            sentence = _out_of_order(column, *high, *low)
            same += not sentence
            others += [sentence] if sentence else []
    return Orderings(pairs, same, tuple(others), unchecked) if pairs or unchecked else None


def _out_of_order(
    column: Column, row: Row, published: float, ours: Measured, low_row: Row, low_published: float, low: Measured
) -> str:
    """Empty when ``row`` came out above ``low_row`` as published, else the sentence that says what came out."""
    paired = paired_differences(ours.values, low.values)
    mean, other = ours.mean, low.mean
    difference = mean - other if paired is None else paired.mean
    decided = paired is None or paired.interval is None or not paired.interval[0] <= 0.0 <= paired.interval[1]
    if difference > 0 and decided:
        return ""
    if paired is None:
        seeds = "no shared seed"
    else:
        above = sum(point > 0 for point in paired.points)
        seeds = f"as published in {above} of {text.plural(len(paired.points), 'shared seed')}"
        if len(paired.points) >= INTERVAL_FROM and paired.interval is not None:
            low_end, high_end = (text.signed(end, column.decimals) for end in paired.interval)
            seeds += f", paired difference [{low_end}, {high_end}]"
    word = "undecided" if not decided else "tied" if difference == 0 else "reversed"
    sign = "=" if mean == other else ">" if mean > other else "<"
    numbers = [text.number(value, column.decimals) for value in (published, low_published, mean, other)]
    where = f"{column.group + ' ' if column.group else ''}{column.title}: "
    return (
        f"{where}{row.title} above {low_row.title}: {word} (published {numbers[0]} > {numbers[1]}, "
        f"ours {numbers[2]} {sign} {numbers[3]}; {seeds})"
    )


def published_value(row: Row, column: Column) -> float:
    """The published number of a cell that has one."""
    value = row.published[column.id]
    return float(value) if isinstance(value, int | float) else value.value
