"""Metrics, one file each: paper, reference implementation, mathematics, and how a question becomes scores.

A metric never sees where images came from. :func:`retable.benchmarks.metrics.measure.measure` is the one way in; the
pure functions in the files can be used on their own. ``networks/`` holds what looks at the images.
"""

from __future__ import annotations

METRICS: dict[str, str] = {
    "fid": "retable.benchmarks.metrics.fid:score_fid",
    "kid": "retable.benchmarks.metrics.kid:score_kid",
    "sfid": "retable.benchmarks.metrics.sfid:score_sfid",
    "precision_recall": "retable.benchmarks.metrics.precision_recall:score_precision_recall",
    "density_coverage": "retable.benchmarks.metrics.density_coverage:score_density_coverage",
    "low_passed": "retable.benchmarks.metrics.low_passed:score_low_passed",
    "lpips_pair": "retable.benchmarks.metrics.lpips:score_lpips_pair",
    "lpips_diversity": "retable.benchmarks.metrics.lpips:score_lpips_diversity",
    "intra_lpips": "retable.benchmarks.metrics.intra_lpips:score_intra_lpips",
    "l1": "retable.benchmarks.metrics.l1:score_l1",
    "nearest_shot": "retable.benchmarks.metrics.nearest_shot:score_nearest_shot",
    "staircase": "retable.benchmarks.metrics.staircase:score_staircase",
    "smoothness": "retable.benchmarks.metrics.smoothness:score_smoothness",
    "accuracy": "retable.benchmarks.metrics.accuracy:score_accuracy",
    "classification_error": "retable.benchmarks.metrics.accuracy:score_classification_error",
    "confusion": "retable.benchmarks.metrics.accuracy:score_confusion",
    "identity": "retable.benchmarks.metrics.identity:score_identity",
    "adaptation": "retable.benchmarks.metrics.adaptation:score_adaptation",
    "answer_time": "retable.benchmarks.metrics.timing:score_answer_time",
}
"""Name of a metric in :class:`retable.datasets.task.Measure` -> ``module:function`` that turns a question into
scores."""
AT_THE_END = frozenset({"adaptation", "answer_time"})
"""Metrics that are left out on the way: one trains a classifier, the other takes times."""
