"""Metrics: pure functions over images and features, one file each, and the table that names them.

A metric never sees where images came from. :func:`retable.benchmarks.metrics.measure.measure` is the harness's one way
in; the pure functions beside it can be used on their own.
"""

from __future__ import annotations

METRICS: dict[str, str] = {
    "fid": "retable.benchmarks.metrics.adaptors:fid",
    "kid": "retable.benchmarks.metrics.adaptors:kid",
    "sfid": "retable.benchmarks.metrics.generation:sfid",
    "precision_recall": "retable.benchmarks.metrics.generation:precision_recall",
    "lpips_pair": "retable.benchmarks.metrics.adaptors:lpips_pair",
    "lpips_diversity": "retable.benchmarks.metrics.generation:lpips_diversity",
    "nearest_shot": "retable.benchmarks.metrics.generation:nearest_shot",
    "staircase": "retable.benchmarks.metrics.generation:staircase",
    "accuracy": "retable.benchmarks.metrics.adaptors:accuracy",
    "confusion": "retable.benchmarks.metrics.adaptors:confusion",
    "classification_error": "retable.benchmarks.metrics.adaptors:classification_error",
    "identity": "retable.benchmarks.metrics.adaptors:identity",
    "smoothness": "retable.benchmarks.metrics.generation:smoothness",
    "answer_time": "retable.benchmarks.metrics.adaptors:answer_time",
    "adaptation": "retable.benchmarks.metrics.adaptors:adaptation",
}
"""Name of a metric in :class:`retable.datasets.task.Measure` -> ``module:function`` that turns a question into
scores."""
