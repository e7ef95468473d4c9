"""A method and a task for Retable from another package."""
