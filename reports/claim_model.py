"""Claims ready to be printed: every renderer prints exactly these texts, so that all outputs say the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["reproduced", "contradicted", "undecided"]
VERDICTS: tuple[Verdict, ...] = ("reproduced", "contradicted", "undecided")

HEADINGS = ("", "Effect", "Interval", "n", "By seed")
OVERVIEW = ("Verdict", "Claim", "Effect", "Interval", "n", "Contrasts reproduced")
HOW_TO_READ = (
    "An effect above 0 is what the claim says, below 0 the opposite; seeds are paired. "
    "Below three seeds nothing is decided; three or four decide when all of them lie on one side of 0 (interval: their "
    "range); from five on the 95 % bootstrap interval of the mean decides. A claim is reproduced when all its "
    "contrasts are, and contradicted when one of them is."
)


@dataclass(frozen=True)
class ContrastLine:
    """One inequality with what we found."""

    says: str
    verdict: Verdict
    effect: str
    """Mean over the seeds with sign and unit; ``–`` where there is none."""
    interval: str
    """``[+1.0, +2.0]``; ``–`` below three seeds."""
    seeds: str
    """How many seeds all its scores share."""
    points: str
    """``0: +1.20, 1: +0.80``: the effect at each seed, its number kept on the seed's line."""
    notes: tuple[str, ...]
    """Why it is undecided, what is missing, what the margin is for."""

    @property
    def cells(self) -> tuple[str, ...]:
        """What stands under :data:`HEADINGS`."""
        return (self.says, self.effect, self.interval, self.seeds, self.points)


@dataclass(frozen=True)
class ClaimLine:
    """One claim with its verdict."""

    anchor: str
    sentence: str
    verdict: Verdict
    data: str
    """``standin``, ``real``, both, or empty where nothing was measured."""
    source: str
    """Source and confidence of the sentence."""
    tables: tuple[tuple[str, str], ...]
    """``(label, anchor)`` of the tables that hold its scores."""
    contrasts: tuple[ContrastLine, ...]

    @property
    def word(self) -> str:
        """The verdict with whose data it rests on: ``reproduced (standin)``."""
        return f"{self.verdict} ({self.data})" if self.data else self.verdict

    @property
    def deciding(self) -> ContrastLine:
        """The contrast that speaks for the claim where there is room for one: the first with the claim's verdict."""
        return next(one for one in self.contrasts if one.verdict == self.verdict)

    @property
    def held(self) -> int:
        """How many of its contrasts are reproduced."""
        return sum(one.verdict == "reproduced" for one in self.contrasts)

    @property
    def overview(self) -> tuple[str, ...]:
        """What stands under :data:`OVERVIEW`: the claim in one row, with the numbers of :attr:`deciding`."""
        one = self.deciding
        held = f"{self.held} of {len(self.contrasts)}"
        return (self.word, self.sentence, one.effect, one.interval, one.seeds, held)

    @property
    def place(self) -> str:
        """Where it belongs, without links: ``Fig. 4``."""
        return "; ".join(label for label, _ in self.tables)


@dataclass(frozen=True)
class Claims:
    """The claims of one paper."""

    anchor: str
    paper: str
    title: str
    lines: tuple[ClaimLine, ...]

    @property
    def counts(self) -> str:
        """``2 reproduced, 1 contradicted, 5 undecided``."""
        return count_verdicts([self])

    def count(self, verdict: Verdict) -> int:
        """How many of its claims came out so."""
        return sum(line.verdict == verdict for line in self.lines)


def count_verdicts(papers: Sequence[Claims]) -> str:
    """``2 reproduced, 1 contradicted, 5 undecided`` over several papers."""
    counts = Counter(line.verdict for claims in papers for line in claims.lines)
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS)
