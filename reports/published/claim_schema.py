"""Claims as data: a sentence of a paper, turned into inequalities between scores of ours.

A contrast compares sums of terms. Each term is one score of one method, or its mean over several slices. A contrast
says that ``sum(plus) - sum(minus)`` is above ``margin`` (zero by default); for scores of which lower is better the
sides change places. :mod:`retable.reports.compute.decide_claims` decides.
"""

from __future__ import annotations

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

    def parts(self) -> list[tuple[str, dict[str, str]]]:
        """Every ``(score, slice)`` that the term is the mean of."""
        return [*self.each(), *(part for scored in self.mean_with for part in scored.each())]


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
