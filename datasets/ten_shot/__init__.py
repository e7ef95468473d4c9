"""Generation from ten images: the task of MixDL (arXiv 2111.11672)."""
