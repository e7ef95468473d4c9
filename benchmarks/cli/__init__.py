"""The ``retable`` command: one file per verb, or a few that belong together.

Nothing is imported from the folder where somebody types the command. Wherever a process is started, Python is told so
with ``-P``; but an empty entry of ``PYTHONPATH``, as ``PYTHONPATH=$PYTHONPATH:/plugins`` may leave it, means that
folder too. It is taken out here, before anything else is imported.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def _leave_out_empty_entries() -> None:
    entries = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    named = [entry for entry in entries if entry]
    if len(named) == len(entries) or entries == [""]:
        return
    os.environ["PYTHONPATH"] = os.pathsep.join(named)
    try:
        here = Path.cwd()
    except OSError:
        return  # removed: nothing lies there
    if here not in [Path(entry).resolve() for entry in named]:
        sys.path[:] = [place for place in sys.path if Path(place).resolve() != here]


_leave_out_empty_entries()
