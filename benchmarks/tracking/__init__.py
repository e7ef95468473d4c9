"""MLflow: what people read. The journals are the only source; live tracking is ``retable sync``, run again and again.

Cells never import MLflow. ``retable run`` starts one worker process (:mod:`retable.benchmarks.tracking.worker`) that
tails the journals of its cells and replays what is new; ``retable sync`` runs the same code once, over cells that have
ended.
"""

from retable.benchmarks.tracking.address import default_uri
from retable.benchmarks.tracking.green import last_green_parent, mark_gate

__all__ = ["default_uri", "last_green_parent", "mark_gate"]
