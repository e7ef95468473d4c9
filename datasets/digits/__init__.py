"""The task `digits`: street digits become handwritten ones (DTN, Section 5.1)."""
