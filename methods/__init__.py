"""Methods: one small file each, networks and losses beside it. Imports nothing of ours but ``methods``."""

from collections.abc import Mapping

METHODS: Mapping[str, str] = {
    "judges/mnist": "methods.judges:MnistJudge",
    "judges/street": "methods.judges:StreetJudge",
    "judges/cartoon-group": "methods.judges:CartoonGroupJudge",
    "judges/photo-group": "methods.judges:PhotoGroupJudge",
    "judges/hair": "methods.judges:HairJudge",
    "judges/gender": "methods.judges:GenderJudge",
    "judges/age": "methods.judges:AgeJudge",
    "judges/expression": "methods.judges:ExpressionJudge",
    "dtn/f": "methods.dtn.f:F",
    "dtn/dtn": "methods.dtn.dtn:DTN",
    "dtn/baseline": "methods.dtn.baseline:Baseline",
    "dtn/no-tid": "methods.dtn.ablations:NoTid",
    "dtn/no-const": "methods.dtn.ablations:NoConst",
    "dtn/no-const-tid": "methods.dtn.ablations:NoConstTid",
    "dtn/no-f": "methods.dtn.ablations:NoF",
    "dtn/no-gan": "methods.dtn.ablations:NoGan",
    "dtn/original": "methods.dtn.original:Original",
    "cartoon/recogniser": "methods.cartoon.recogniser:Recogniser",
    "cartoon/basic": "methods.cartoon.basic:Basic",
    "cartoon/baseline1": "methods.cartoon.baseline1:Baseline1",
    "cartoon/baseline2": "methods.cartoon.baseline2:Baseline2",
    "cartoon/baseline3": "methods.cartoon.baseline3:Baseline3",
    "cartoon/transfer": "methods.cartoon.transfer:Transfer",
    "cartoon/transfer-no-sbp": "methods.cartoon.transfer_no_sbp:TransferNoSbp",
    "stargan/stargan": "methods.stargan.stargan:StarGAN",
    "stargan/stargan-joint": "methods.stargan.joint:StarGANJoint",
    "stargan/diat": "methods.stargan.diat:DIAT",
    "stargan/cyclegan": "methods.stargan.cyclegan:CycleGAN",
    "stargan/icgan": "methods.stargan.icgan:IcGAN",
    "mixdl/fastgan": "methods.mixdl.fastgan:FastGAN",
    "mixdl/fastgan-mixdl": "methods.mixdl.fastgan_mixdl:FastGANMixDL",
}
"""``paper/method`` -> lazy ``module:Class``."""
