"""The ``retable`` command: one file per verb, or a few that belong together."""
