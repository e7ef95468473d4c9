"""Prints what :mod:`retable.reports.compute` has worked out: one HTML page, Markdown, LaTeX, figures."""
