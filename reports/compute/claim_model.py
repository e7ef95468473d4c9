"""Claims ready to be printed: every renderer prints exactly these texts, so that all outputs say the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

Verdict = Literal["reproduced", "undecided", "not reproduced", "contradicted", "not testable"]
VERDICTS: tuple[Verdict, ...] = ("reproduced", "undecided", "not reproduced", "contradicted", "not testable")
AGAINST: tuple[Verdict, ...] = ("not reproduced", "contradicted")
"""What the opposite of a claim is called: the second on the paper's data at the paper's scale, else the first."""

CONDITIONS = ("Learned", "Converged", "Unsaturated")
HEADINGS = ("", "Effect", "Claimed", "Interval", "p", "n", *CONDITIONS, "By seed")
OVERVIEW = (
    "Verdict", "Claim", "Contrast", "Effect", "Claimed", "Interval", "p", "n", *CONDITIONS, "Contrasts reproduced",
)  # fmt: skip
ALPHA = 0.05
"""How often chance alone may decide a contrast, one way or the other, where there is no effect."""
HOW_TO_READ = (
    "A claim is testable at this scale where three things hold; \u201cnot testable\u201d says which is missing. "
    "Learned: each trained row beats its anchors, reference rows such as the untouched input. Converged: the contrast "
    "keeps its sign from half of the steps to all, and no row still moves by more than the effect. Unsaturated: the "
    "comparators are worse than real images. Better and worse mean by more than chance (one-sided, at "
    f"{ALPHA:g}): for shares of test images by Fisher's exact test of their counts, for other scores by a paired t "
    "test over the seeds. "
    "The effect is the mean over n paired seeds, and says what the claim says where it lies on the claimed side. "
    "A contrast is decided from three seeds on when two things hold: the interval lies on one side of the claimed "
    "value (for three and four seeds it is their range, from five on the 95 % bootstrap interval of the mean), and a "
    f"paired t test agrees (p, two-sided, at most {ALPHA:g}; \u201cequal\u201d, all seeds give one effect, decides "
    "as well). A claim is reproduced when all its contrasts are, and not reproduced when those against it are more "
    "than chance gives among so many (Simes' test): \u201ccontradicted\u201d is kept for the paper's own data at the "
    "paper's scale. "
    "The seeds are trainings; all are judged on the same test images, whose own chance is in neither interval nor p."
)


NOT_MEASURED = (
    "Not measured: these runs have no anchors, or no scores at half of the steps. retable run quick measures both, "
    "and does what is missing alone."
)


class Condition(NamedTuple):
    """Whether one of :data:`CONDITIONS` holds for a contrast."""

    state: Literal["yes", "no", "not measured", "\u2013"]
    """A dash where there is nothing to ask."""
    why: str = ""
    """The row that fails, and by how much."""

    @property
    def text(self) -> str:
        """``yes``, ``no: dtn/no-gan 28.9 %, dtn/original 46.6 %``."""
        return f"{self.state}: {self.why}" if self.why else self.state

    @property
    def holds(self) -> bool:
        """Whether it is no obstacle to a verdict."""
        return self.state in ("yes", "\u2013")


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
    conditions: tuple[Condition, ...] = ()
    """As in :data:`CONDITIONS`."""
    against: float | None = None
    """Probability of an effect as low as this one by chance alone; ``None`` below three seeds."""

    @property
    def cells(self) -> tuple[str, ...]:
        """What stands under :data:`HEADINGS`."""
        held = (one.text for one in self.conditions)
        return (self.says, self.effect, self.claimed, self.interval, self.p, self.seeds, *held, self.points)


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
        # Of an undecided claim one contrast may be against it, and too few for the claim.
        shown = ("undecided", *AGAINST) if self.verdict == "undecided" else (self.verdict,)
        pool = [one for one in self.contrasts if one.verdict in shown]
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
        return (self.word, self.sentence, *one.cells[:-1], held)

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
        """``2 reproduced, 5 undecided, 1 not reproduced, ...``: a number for each of :data:`VERDICTS`."""
        return count_verdicts([self])

    def count(self, verdict: Verdict) -> int:
        """How many of the paper's claims came out so; our own questions are not among them."""
        return sum(line.verdict == verdict for line in self.lines if not line.ours)


def not_measured(papers: Sequence[Claims]) -> str:
    """What to do where a condition was not measured; empty where all of them were."""
    lines = (one for claims in papers for line in claims.lines for one in line.contrasts)
    return NOT_MEASURED if any(held.state == "not measured" for one in lines for held in one.conditions) else ""


def count_ours(papers: Sequence[Claims], verdict: Verdict) -> int:
    """How many of our own questions, beside the papers' claims, came out so."""
    return sum(line.verdict == verdict for claims in papers for line in claims.lines if line.ours)


def count_verdicts(papers: Sequence[Claims]) -> str:
    """``2 reproduced, 5 undecided, ...`` over several papers; behind it our own questions, if any."""
    said = ", ".join(f"{sum(claims.count(verdict) for claims in papers)} {verdict}" for verdict in VERDICTS)
    ours = {verdict: count_ours(papers, verdict) for verdict in VERDICTS}
    if not any(ours.values()):
        return said
    return f"{said}; of our own questions " + ", ".join(f"{number} {verdict}" for verdict, number in ours.items())
