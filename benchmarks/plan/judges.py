"""Names of judges: a role that a task declares, or several of them joined by dots, which judge together.

``hair.gender`` asks two classifiers one question, "which hair and which gender", with hair times gender classes.
"""

from __future__ import annotations

from collections.abc import Collection

from retable.benchmarks.errors import UserError, did_you_mean


def roles_of(judge: str, known: Collection[str], who: str) -> tuple[str, ...]:
    """The declared roles that a judge's name stands for, in its order; a declared name stands for itself.

    Args:
        judge: e.g. ``hair`` or ``hair.gender``.
        known: declared roles.
        who: whose measures name the judge, for the error, e.g. ``task 'attributes'``.

    Raises:
        UserError: a part is no declared role, or is named twice.
    """
    if judge in known:
        return (judge,)
    parts = tuple(judge.split("."))
    for part in parts:
        if part not in known:
            within = f" (in {judge!r})" if len(parts) > 1 else ""
            hint = did_you_mean(part, known) or (f"; it declares {', '.join(known)}" if known else "; it declares none")
            raise UserError(f"{who} measures with the judge {part!r}{within}, which it does not declare{hint}")
        if parts.count(part) > 1:
            raise UserError(f"{who} measures with the judge {judge!r}, which names {part!r} twice; once is enough")
    return parts
