"""Retable: the tables of four papers on image translation and few-shot generation, re-made by one harness."""
