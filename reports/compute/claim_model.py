"""Claims ready to be printed: every renderer prints exactly these texts, so that all outputs say the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["reproduced", "contradicted", "undecided"]
VERDICTS: tuple[Verdict, ...] = ("reproduced", "contradicted", "undecided")

HEADINGS = ("", "Effect", "Claimed", "Interval", "p", "n", "By seed")
OVERVIEW = ("Verdict", "Claim", "Contrast", "Effect", "Claimed", "Interval", "p", "n", "Contrasts reproduced")
ALPHA = 0.05
"""How often chance alone may decide a contrast, one way or the other, where there is no effect."""
HOW_TO_READ = (
    "The effect is the mean over n paired seeds, and says what the claim says where it lies on the claimed side. "
    "A contrast is decided from three seeds on when two things hold: the interval lies on one side of the claimed "
    "value (for three and four seeds it is their range, from five on the 95 % bootstrap interval of the mean), and a "
    f"paired t test agrees (p, two-sided, at most {ALPHA:g}; \u201cequal\u201d, all seeds give one effect, decides "
    "as well). A claim is reproduced when all its contrasts are. It is contradicted when those against it are more "
    "than chance gives among so many (Simes' test). "
    "The seeds are trainings; all are judged on the same test images, whose own chance is in neither interval nor p."
)


@dataclass(frozen=True)
class ContrastLine:
    """One inequality with what we found."""

    says: str
    verdict: Verdict
    effect: str
    """Mean over the seeds with sign and unit; ``–`` where there is none."""
    claimed: str
    """What the effect has to be for the claim to hold: ``> 0``, ``> +40.00``."""
    interval: str
    """``[+1.0, +2.0]``; ``–`` below three seeds."""
    p: str
    """Two-sided p of a paired t test; ``–`` below three seeds, ``equal`` where the seeds have no spread."""
    seeds: str
    """How many seeds all its scores share."""
    points: str
    """``0: +1.20, 1: +0.80``: the effect at each seed, its number kept on the seed's line."""
    notes: tuple[str, ...]
    """Why it is undecided, what is missing, what the margin is for."""
    against: float | None = None
    """Probability of an effect as low as this one by chance alone; ``None`` below three seeds."""

    @property
    def cells(self) -> tuple[str, ...]:
        """What stands under :data:`HEADINGS`."""
        return (self.says, self.effect, self.claimed, self.interval, self.p, self.seeds, self.points)


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
    ours: bool = False
    """Whether it is a question of our own (its confidence is "derived") and no sentence of the paper."""

    @property
    def word(self) -> str:
        """The verdict with whose data it rests on: ``reproduced (standin)``."""
        return f"{self.verdict} ({self.data})" if self.data else self.verdict

    @property
    def deciding(self) -> ContrastLine:
        """The contrast that is shown where there is room for one: the one that says least for the claim.

        A claim is as good as its weakest contrast, and one that is not reproduced shows none that is.
        """
        better: dict[Verdict, tuple[Verdict, ...]] = {
            "reproduced": (),
            "undecided": ("reproduced",),
            "contradicted": ("reproduced", "undecided"),
        }
        pool = [one for one in self.contrasts if one.verdict not in better[self.verdict]]
        measured = [(one.against, place) for place, one in enumerate(pool) if one.against is not None]
        return pool[min(measured)[1]] if measured else pool[0]

    @property
    def held(self) -> int:
        """How many of its contrasts are reproduced."""
        return sum(one.verdict == "reproduced" for one in self.contrasts)

    @property
    def overview(self) -> tuple[str, ...]:
        """What stands under :data:`OVERVIEW`: the claim in one row, with the numbers of :attr:`deciding`."""
        one = self.deciding
        held = f"{self.held} of {len(self.contrasts)}"
        shown = (one.says, one.effect, one.claimed, one.interval, one.p, one.seeds)
        return (self.word, self.sentence, *shown, held)

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
        """How many of the paper's claims came out so; our own questions are not among them."""
        return sum(line.verdict == verdict for line in self.lines if not line.ours)


def count_ours(papers: Sequence[Claims], verdict: Verdict) -> int:
    """How many of our own questions, beside the papers' claims, came out so."""
    return sum(line.verdict == verdict for claims in papers for line in claims.lines if line.ours)


def count_verdicts(papers: Sequence[Claims]) -> str:
    """``2 reproduced, 1 contradicted, 5 undecided`` over several papers; behind it our own questions, if any."""
    said = ", ".join(f"{sum(claims.count(verdict) for claims in papers)} {verdict}" for verdict in VERDICTS)
    ours = {verdict: count_ours(papers, verdict) for verdict in VERDICTS}
    if not any(ours.values()):
        return said
    return f"{said}; of our own questions " + ", ".join(f"{number} {verdict}" for verdict, number in ours.items())
