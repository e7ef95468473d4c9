"""Faces of four groups, photographed and drawn: the task of the few-shot cartoon paper (arXiv 2007.13332)."""
