"""MLflow: what people read. The journals are the only source, so a tracker that is down never costs a run.

:mod:`~retable.benchmarks.tracking.sync` brings MLflow up to date with folders of runs: each cell's folder becomes a
child run, each invocation a parent run. ``retable sync`` does so once; during ``retable run`` a child process does it
every two seconds (:mod:`~retable.benchmarks.tracking.tracker`). Cells never import MLflow.
"""

from retable.benchmarks.tracking.connect import default_uri

__all__ = ["default_uri"]
