"""Every row of the papers' tables, and the stages that they start from: one entry each, and nothing else to change.

A row is a method with a title and the settings that make it this row. Suites, profiles, tables and claims refer to its
id, ``paper/name``, or to a glob that matches it. Nothing heavy is imported here: a method is named by a lazy
``module:Class``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Row:
    """What makes a row this row."""

    method: str
    """``module:Class`` of a :class:`~retable.methods.method.Method`."""
    title: str = ""
    """The row's name in tables; without one, the title of its class."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the method that this row fixes. They win over profiles and suites; only ``--set`` changes them."""
    needs: Mapping[str, str] = field(default_factory=dict)
    """Role -> id of the stage that this row starts from, where that is another one than the class says."""


ROWS: dict[str, Row] = {
    "judges/mnist": Row("retable.methods.judges:MnistJudge", "MNIST judge"),
    "judges/cartoon-group": Row("retable.methods.judges:CartoonGroupJudge", "Cartoon group judge"),
    "judges/photo-group": Row("retable.methods.judges:PhotoGroupJudge", "Portrait group judge"),
    "judges/hair": Row("retable.methods.judges:HairJudge", "Hair judge (ResNet-18)"),
    "judges/gender": Row("retable.methods.judges:GenderJudge", "Gender judge (ResNet-18)"),
    "judges/age": Row("retable.methods.judges:AgeJudge", "Age judge (ResNet-18)"),
    "judges/expression": Row("retable.methods.judges:ExpressionJudge", "Expression judge (ResNet-18)"),
    "dtn/f": Row("retable.methods.dtn.f:F", "f"),
    "dtn/dtn": Row("retable.methods.dtn.dtn:DTN", "DTN"),
    "dtn/baseline": Row("retable.methods.dtn.baseline:Baseline", "Baseline method (Sec. 3)"),
    "dtn/no-tid": Row("retable.methods.dtn.ablations:NoTid", "DTN w/o L_TID"),
    "dtn/no-const": Row("retable.methods.dtn.ablations:NoConst", "DTN w/o L_CONST"),
    "dtn/no-const-tid": Row("retable.methods.dtn.ablations:NoConstTid", "DTN w/o L_CONST & L_TID"),
    "dtn/no-f": Row("retable.methods.dtn.ablations:NoF", "DTN G does not contain f"),
    "dtn/no-gan": Row("retable.methods.dtn.ablations:NoGan", "DTN w/o L_D and L_GANG"),
    "dtn/original": Row("retable.methods.dtn.original:Original", "Original SVHN image"),
    "cartoon/recogniser": Row("retable.methods.cartoon.recogniser:Recogniser", "Face recogniser"),
    "cartoon/basic": Row("retable.methods.cartoon.basic:Basic", "Basic model"),
    "cartoon/baseline1": Row("retable.methods.cartoon.baseline1:Baseline1", "Baseline 1 (all data mixed)"),
    "cartoon/baseline2": Row(
        "retable.methods.cartoon.baseline2:Baseline2", "Baseline 2 (fine-tune on groups 1-3 merged)"
    ),
    "cartoon/baseline3": Row("retable.methods.cartoon.baseline3:Baseline3", "Baseline 3 (fine-tune per group)"),
    "cartoon/transfer": Row("retable.methods.cartoon.transfer:Transfer", "Full transfer"),
    "cartoon/transfer-no-sbp": Row(
        "retable.methods.cartoon.transfer_no_sbp:TransferNoSbp", "Full transfer w/o selective back-propagation"
    ),
    "stargan/stargan": Row("retable.methods.stargan.stargan:StarGAN", "StarGAN"),
    "stargan/stargan-joint": Row("retable.methods.stargan.joint:StarGANJoint", "StarGAN, joint training"),
    "stargan/diat": Row("retable.methods.stargan.diat:DIAT", "DIAT"),
    "stargan/cyclegan": Row("retable.methods.stargan.cyclegan:CycleGAN", "CycleGAN"),
    "stargan/icgan": Row("retable.methods.stargan.icgan:IcGAN", "IcGAN"),
    "mixdl/source": Row("retable.methods.mixdl.cdc:Source", "Source generator"),
    "mixdl/source-far": Row("retable.methods.mixdl.cdc:SourceFar", "Source generator, far"),
    "mixdl/stylegan2": Row("retable.methods.mixdl.stylegan2:StyleGAN2", "StyleGAN2"),
    "mixdl/stylegan2-da": Row("retable.methods.mixdl.diffaugment:StyleGAN2DA", "StyleGAN2 + DA"),
    "mixdl/stylegan2-ada": Row("retable.methods.mixdl.ada:StyleGAN2ADA", "StyleGAN2 + ADA"),
    "mixdl/fastgan": Row("retable.methods.mixdl.fastgan:FastGAN", "FastGAN"),
    "mixdl/fastgan-mixdl": Row("retable.methods.mixdl.fastgan_mixdl:FastGANMixDL", "FastGAN + MixDL"),
    "mixdl/mixdl": Row("retable.methods.mixdl.mixdl:MixDL", "MixDL"),
    "mixdl/mixdl-g": Row("retable.methods.mixdl.mixdl:GeneratorOnly", "MixDL, G only"),
    "mixdl/mixdl-d": Row("retable.methods.mixdl.mixdl:DiscriminatorOnly", "MixDL, D only"),
    "mixdl/mixdl-da": Row("retable.methods.mixdl.combined:MixDLDA", "MixDL + DA"),
    "mixdl/mixdl-ada": Row("retable.methods.mixdl.combined:MixDLADA", "MixDL + ADA"),
    "mixdl/cdc": Row("retable.methods.mixdl.cdc:CDC", "StyleGAN2 + CDC"),
    "mixdl/cdc-far": Row("retable.methods.mixdl.cdc:CDCFar", "StyleGAN2 + CDC, far source"),
    "mixdl/msgan": Row("retable.methods.mixdl.diversity:MSGAN", "MSGAN"),
    "mixdl/distancegan": Row("retable.methods.mixdl.diversity:DistanceGAN", "DistanceGAN"),
    "mixdl/ndiv": Row("retable.methods.mixdl.diversity:NDiv", "N-Div"),
    "mixdl/dirichlet-0.1": Row("retable.methods.mixdl.mixdl:Dirichlet01", "MixDL, Dirichlet(0.1)"),
    "mixdl/dirichlet-10": Row("retable.methods.mixdl.mixdl:Dirichlet10", "MixDL, Dirichlet(10)"),
    "mixdl/gaussian": Row("retable.methods.mixdl.mixdl:Gaussian", "MixDL, Gaussian"),
    "mixdl/uniform": Row("retable.methods.mixdl.mixdl:Uniform", "MixDL, uniform"),
}
"""Id -> row, in the order in which they are listed."""
