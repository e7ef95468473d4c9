"""Synthetic street digits, the stand-in for SVHN."""
