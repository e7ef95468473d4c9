"""The gate: a run's scores against what they should be, red when one is worse than its tolerance, or missing.

``runs`` reads runs, ``compare`` gives every score a verdict, ``render`` tells people and CI. What scores should be
stands in ``benchmarks/expected/SUITE.toml`` (``expectations``, made by ``accept``) or comes from another run;
``tolerance`` says how far they may be from it. The command, ``benchmarks/cli/gate.py``, puts them together.
"""
