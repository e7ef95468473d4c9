"""The ``retable`` command: one file per verb, and nothing that a verb needs to compute."""
