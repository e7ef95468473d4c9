"""Methods: one small file each, networks and losses beside it. Imports nothing of ours but ``methods``."""

from collections.abc import Mapping

METHODS: Mapping[str, str] = {
    "judges/mnist": "methods.judges:MnistJudge",
    "judges/street": "methods.judges:StreetJudge",
    "dtn/f": "methods.dtn.f:F",
    "dtn/dtn": "methods.dtn.dtn:DTN",
    "dtn/baseline": "methods.dtn.baseline:Baseline",
    "dtn/no-tid": "methods.dtn.ablations:NoTid",
    "dtn/no-const": "methods.dtn.ablations:NoConst",
    "dtn/no-const-tid": "methods.dtn.ablations:NoConstTid",
    "dtn/no-f": "methods.dtn.ablations:NoF",
    "dtn/no-gan": "methods.dtn.ablations:NoGan",
    "dtn/original": "methods.dtn.original:Original",
}
"""``paper/method`` -> lazy ``module:Class``."""
