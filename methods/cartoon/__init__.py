"""Few-shot cartoon faces: Zhuang & Yang 2020, arXiv 2007.13332."""
