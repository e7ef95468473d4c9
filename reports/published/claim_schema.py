"""Claims as data: a sentence of a paper, turned into inequalities between scores of ours.

A contrast compares sums of terms. Each term is one score of one method, or its mean over several slices. A contrast
says that ``sum(plus) - sum(minus)`` is above ``margin`` (zero by default); for scores of which lower is better the
sides change places. :mod:`retable.reports.compute.decide_claims` decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from itertools import product
from typing import Annotated, Self

from pydantic import BaseModel, Field, model_validator

from retable.reports.published.schema import STRICT, Confidence, Identifier

Values = Annotated[list[str], Field(min_length=1)]


class _Strict(BaseModel):
    model_config = STRICT


class Scored(_Strict):
    """One score; a list in ``slice`` stands for each of its values, e.g. three groups."""

    score: str
    slice: dict[str, str | Values]

    def each(self) -> list[tuple[str, dict[str, str]]]:
        """``(score, single slice)`` of everything that it stands for."""
        lists = [[value] if isinstance(value, str) else value for value in self.slice.values()]
        return [(self.score, dict(zip(self.slice, values, strict=True))) for values in product(*lists)]


class Term(Scored):
    """One score of one method, or the mean of several."""

    method: str
    variant: str = ""
    mean_with: list[Scored] = []
    """Further scores of the same cell that the mean is taken over, e.g. the errors of single attributes."""
    factor: float = Field(default=1.0, gt=0)
    """The term is multiplied by this: ``1.05`` for "at most 5 % more than"."""
    may_fail: bool = False
    """The claim, or the paper's own number, says that this row fails here: it need not beat any anchor."""

    def parts(self) -> list[tuple[str, dict[str, str]]]:
        """Every ``(score, slice)`` that the term is the mean of."""
        return [*self.each(), *(part for scored in self.mean_with for part in scored.each())]


class Reference(_Strict):
    """A row that shows what real images get; of the same name and slice as the score it stands beside, unless given."""

    method: str
    score: str = ""
    slice: dict[str, str] = {}


class Conditions(_Strict):
    """When a verdict may rest on a score: what its rows have to beat, and what real images get.

    A verdict needs rows that have *learned*, a contrast that has *converged*, and scores that are *unsaturated*:
    :mod:`retable.reports.compute.conditions` decides. Of several entries that fit a score, the first counts.
    """

    score: str
    """Name of a score, or a pattern of names: ``classification_error.*``."""
    request: str = "*"
    """Pattern of the requests that this is about."""
    anchors: list[str] = []
    """Reference rows, each of which a trained row has to beat to have learned; none where no reference row is worse
    than a trained one by rights."""
    real: Reference | None = None
    """Whose score comparators have to be worse than, or else there is no room for a difference; ``None`` where the
    score has no best."""
    trained: bool = True
    """Whether training changes the score; where it does not, there is nothing to ask."""

    def fits(self, score: str, slices: Mapping[str, str]) -> bool:
        """Whether it is about this score."""
        return fnmatchcase(score, self.score) and fnmatchcase(slices.get("request", ""), self.request)


class Contrast(_Strict):
    """One inequality: ``sum(plus) - sum(minus) > margin``."""

    says: str
    """In plain words, as a sentence that is true or false."""
    plus: list[Term] = Field(min_length=1)
    minus: list[Term] = []
    margin: float = 0.0
    """In ``unit``, after ``scale``. Below zero it says how much worse is still called as good."""
    margin_why: str = ""
    unit: str = ""
    decimals: int = Field(default=2, ge=0, le=6)
    scale: float = Field(default=1.0, gt=0)
    """Scores are multiplied by this before they are added, e.g. ``1000`` for KID."""

    @model_validator(mode="after")
    def _a_margin_has_a_reason(self) -> Self:
        if bool(self.margin or self.factors) != bool(self.margin_why):
            raise ValueError(
                "'margin' and 'margin_why' belong together: a margin (or a term's 'factor') needs its reason, beside it"
            )
        return self

    @property
    def factors(self) -> list[float]:
        """Factors of terms other than 1, each once."""
        terms = (*self.plus, *self.minus)
        return list(dict.fromkeys(term.factor for term in terms if term.factor != 1.0))

    @model_validator(mode="after")
    def _something_can_differ(self) -> Self:
        if not self.minus and not self.margin:
            raise ValueError("needs 'minus' or 'margin': a score above zero says nothing")
        if self.plus == self.minus:
            raise ValueError("'plus' and 'minus' are the same, so the effect is always 0")
        return self


class Claim(_Strict):
    """What a paper, or a published review of it, says, in our own words."""

    id: Identifier
    table: Identifier
    """The table of the same file that it belongs to; its figure is the claim's picture."""
    sentence: str
    source: str
    confidence: Confidence
    task: str
    contrasts: list[Contrast] = Field(min_length=1)
