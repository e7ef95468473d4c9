"""The harness: plan, executor, training loop, scores, tracking, gate, and the ``retable`` command."""
