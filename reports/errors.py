"""The one error of this package: its message is for the person who asked for the report."""


class ReportError(Exception):
    """A report that cannot be built: a bad file of published tables, an output folder that cannot be written.

    The message says what was wrong, where (file, key, value) and what to do about it; it fits one line of a terminal.
    """
