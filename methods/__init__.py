"""Methods: one small file per idea, networks and losses beside it. Imports nothing of ours but ``methods``.

:mod:`retable.methods.rows` lists the rows, each a method with the settings that make it that row.
"""
