"""From records to what a report says: which scores stand where, means and intervals, verdicts. Prints nothing."""
