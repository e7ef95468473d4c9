"""From cells to results: scheduling, one process per cell, training, answers, scores."""
