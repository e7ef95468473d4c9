"""What is scored on the answers to :mod:`~retable.datasets.attributes.requests`, in table order.

Did what should change do so, by the judge of it (for several attributes, of all at once); did the rest stay, by all
judges of a face together; are the images like real ones that have it; is it still the same person.
"""

from __future__ import annotations

from collections.abc import Iterable

from retable.datasets.task import PAIRWISE, Measure

ALL = "hair.gender.age"
CHANGES = ("hair", "gender", "age", "hair-gender", "hair-age", "gender-age", "hair-gender-age")
MEASURES = (
    *(
        Measure("classification_error", name, judge=name.replace("-", "."), label=name.replace("-", "."))
        for name in CHANGES
    ),
    *(Measure("classification_error", name, judge=ALL, label=ALL) for name in ("hair", "gender", "age")),
    *(
        Measure(metric, name, reference="faces", by=name)
        for name in ("hair", "gender", "age")
        for metric in ("fid", "kid")
    ),
    *(Measure("identity", name) for name in ("hair", "gender", "age", "hair-gender-age")),
    *(Measure("answer_time", name) for name in ("hair", "hair-gender-age")),
    *(Measure(metric, "hair") for metric in PAIRWISE),
    *(Measure(metric, "faces-cycle") for metric in PAIRWISE),
    Measure("classification_error", "expressions", judge="expression", label="expression", by="expression"),
    Measure("fid", "expressions", reference="expressions", by="expression"),
    Measure("kid", "expressions", reference="expressions", by="expression"),
    Measure("identity", "expressions"),
    Measure("answer_time", "expressions"),
    *(Measure(metric, "expressions") for metric in PAIRWISE),
    *(Measure(metric, "expressions-cycle") for metric in PAIRWISE),
    Measure("classification_error", "wrong-mask", judge="expression", label="expression"),
    Measure("classification_error", "across", judge="expression", label="expression"),
    Measure("classification_error", "across", judge=ALL, label=ALL),
    Measure("identity", "across"),
    Measure("classification_error", "across-wrong-mask", judge="expression", label="expression"),
    Measure("classification_error", "across-wrong-mask", judge=ALL, label=ALL),
)
"""Of every request that there can be."""
TRUE = ("hair", "expressions")
"""Requests whose truth is known of the stand-in alone."""
CYCLES = ("faces-cycle", "expressions-cycle")
"""Requests whose truth is their input."""
FACES = (*CHANGES, CYCLES[0])
EXPRESSIONS = ("expressions", CYCLES[1])


def measured(data: Iterable[str], across: bool, known: bool) -> list[Measure]:
    """Those of a row.

    Args:
        data: the sets that it is trained on.
        across: whether there are snapshots to give expressions to.
        known: whether the true images of :data:`TRUE` are known.
    """
    sets = set(data)
    asked = set(FACES if "faces" in sets else ())
    if "expressions" in sets:
        both = "faces" in sets
        asked |= {*EXPRESSIONS, *(("wrong-mask",) if both else ())}
        asked |= {"across", *(("across-wrong-mask",) if both else ())} if across else set()
    return [m for m in MEASURES if m.request in asked and (known or m.metric not in PAIRWISE or m.request not in TRUE)]
