"""Promises of the reports."""
