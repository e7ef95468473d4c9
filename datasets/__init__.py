"""Tasks and their data: rendering, reading, splits, safe image I/O. Imports nothing else of ours."""

from collections.abc import Mapping

TASKS: Mapping[str, str] = {
    "attributes": "datasets.attributes.task:Attributes",
    "cartoon-groups": "datasets.cartoon_groups.task:CartoonGroups",
    "digits": "datasets.digits.task:Digits",
    "ten-shot": "datasets.ten_shot.task:TenShot",
}
"""Task name -> lazy ``module:Class``."""
