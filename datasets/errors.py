"""The one error of this package: its message is for the person who asked for the data."""


class DataError(Exception):
    """Data that are missing, damaged or not what they claim to be.

    The message says what was wrong, where (file, key, value) and what to do about it, in one line.
    """
