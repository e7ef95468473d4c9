"""The parts of a contrast: each slice of each term, with what was measured of it at the end and half way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from retable.reports import text
from retable.reports.compute.runs import CellScore
from retable.reports.compute.select import Comparability, Selection, comparability, difference
from retable.reports.published.claim_schema import Contrast, Term


@dataclass(frozen=True)
class Part:
    """One slice of one term: its scores by seed, and what became of the method's cells."""

    term: Term
    place: int
    """Of the term among those of its contrast."""
    score: str
    slices: dict[str, str]
    sign: float
    """The term's factor or its negative, divided by the number of scores that the term is the mean of."""
    found: dict[int, CellScore]
    half: dict[int, CellScore]
    """The same after half of the steps; of a row that trains nothing the last ones."""
    statuses: dict[int, str]

    @property
    def method(self) -> str:
        """The row, with its variant."""
        return text.row_name(self.term.method, self.term.variant)

    def missing(self, seed: int) -> str:
        """Why there is no score at this seed."""
        status = self.statuses.get(seed, "not-run")
        if status != "ok":
            return f"{self.method}: {text.status_word(status)}"
        return f"{self.score} of {self.method} on {text.slice_text(self.slices)} was not measured"


def parts_of(selection: Selection, task: str, contrast: Contrast) -> list[Part]:
    """Every part, those that count for the claim first."""
    signed = [*((1.0, term) for term in contrast.plus), *((-1.0, term) for term in contrast.minus)]
    return [part for place, (sign, term) in enumerate(signed) for part in _parts(selection, task, term, place, sign)]


def _parts(selection: Selection, task: str, term: Term, place: int, sign: float) -> Iterator[Part]:
    statuses = selection.statuses(term.method, term.variant, task)
    each = term.parts()
    share = sign * term.factor / len(each)
    for name, one in each:
        asked = (term.method, term.variant, task, name, one)
        half = selection.by_seed(*asked, half_way=True)
        yield Part(term, place, name, one, share, selection.by_seed(*asked), half, statuses)


def effect_of(contrast: Contrast, parts: Sequence[Part], seed: int, *, half_way: bool = False) -> float:
    """What the contrast compares, less what it claims: above 0 where the seed agrees."""
    values = [part.sign * (part.half if half_way else part.found)[seed].score.value for part in parts]
    terms = [value * contrast.scale for value in values] + [-contrast.margin]
    total = sum(terms)
    # A mean over three groups is not exact; what rounding alone leaves must not decide a tie.
    return 0.0 if abs(total) <= 1e-12 * sum(abs(term) for term in terms) else total


OF_THE_SET = ("data", "n_real", "n_fake", "detail")
"""Protocol keys that follow from the slice: two groups of people have different numbers of images."""


def unlike(parts: Sequence[Part], shared: Sequence[int]) -> str:
    """In what the scores differ that are to be added up; empty when nothing is wrong.

    One term must be measured alike at every seed. Terms of one score share extractor, weights and unit, and those on
    one slice also share the number of images; the name of the data may differ, as variants of a task do.
    """
    first: dict[str, Comparability] = {}
    same_slice: dict[tuple[str, str], Comparability] = {}
    for part in parts:
        ways = [comparability(part.found[seed]) for seed in shared]
        for way in ways:
            if why := difference(way, ways[0]):
                return f"{part.score} of {part.method} on {text.slice_text(part.slices)}, {why} between seeds"
        for way in ways[:1]:
            where = f"{part.score} of {part.method}"
            of_score = without(way, OF_THE_SET)
            if why := difference(of_score, first.setdefault(part.score, of_score)):
                return f"{where}, {why}"
            of_slice = without(way, ("data",))
            place = (part.score, text.slice_text(part.slices))
            if why := difference(of_slice, same_slice.setdefault(place, of_slice)):
                return f"{where} on {place[1]}, {why}"
            units = {part.found[seed].score.unit for part in parts for seed in shared}
            if len(units) > 1:
                return f"the units {' and '.join(sorted(unit or 'none' for unit in units))} cannot be added"
    return ""


def without(way: Comparability, names: Sequence[str]) -> Comparability:
    """What must be equal, but for these names."""
    return tuple((name, value) for name, value in way if name not in names)


def at(found: Mapping[int, CellScore], seed: int) -> CellScore:
    """The score at this seed; judges and reference rows may have a seed of their own."""
    return found.get(seed) or found[min(found)]
