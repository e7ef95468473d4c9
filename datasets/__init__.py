"""Tasks and their data: rendering, reading, splits, safe image I/O. Imports nothing else of ours."""

from collections.abc import Mapping

TASKS: Mapping[str, str] = {
    "attributes": "retable.datasets.attributes.task:Attributes",
    "cartoon-groups": "retable.datasets.cartoon_groups.task:CartoonGroups",
    "digits": "retable.datasets.digits.task:Digits",
    "ten-shot": "retable.datasets.ten_shot.task:TenShot",
}
"""Task name -> lazy ``module:Class``."""
