"""Metrics: pure functions over images and features, one file each, and the table that names them.

A metric never sees where images came from. :func:`benchmarks.metrics.measure.measure` is the harness's one way in; the
pure functions beside it can be used on their own.
"""

from __future__ import annotations

METRICS: dict[str, str] = {
    "fid": "benchmarks.metrics.adaptors:fid",
    "kid": "benchmarks.metrics.adaptors:kid",
    "sfid": "benchmarks.metrics.generation:sfid",
    "precision_recall": "benchmarks.metrics.generation:precision_recall",
    "lpips_pair": "benchmarks.metrics.adaptors:lpips_pair",
    "lpips_diversity": "benchmarks.metrics.generation:lpips_diversity",
    "nearest_shot": "benchmarks.metrics.generation:nearest_shot",
    "staircase": "benchmarks.metrics.generation:staircase",
    "accuracy": "benchmarks.metrics.adaptors:accuracy",
    "confusion": "benchmarks.metrics.adaptors:confusion",
    "classification_error": "benchmarks.metrics.adaptors:classification_error",
    "identity": "benchmarks.metrics.adaptors:identity",
    "smoothness": "benchmarks.metrics.generation:smoothness",
    "answer_time": "benchmarks.metrics.adaptors:answer_time",
    "adaptation": "benchmarks.metrics.adaptors:adaptation",
}
"""Name of a metric in :class:`datasets.task.Measure` -> ``module:function`` that turns a question into scores."""
