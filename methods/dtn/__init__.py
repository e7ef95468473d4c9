"""Domain transfer network: Taigman, Polyak & Wolf, ICLR 2017, arXiv 1611.02200."""
