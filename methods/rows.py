"""Every row of the papers' tables, and the stages that they start from: one entry each.

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
    """Settings of the method that this row fixes. They win over profiles; a suite that sets one is refused; ``--set``
    changes them."""
    needs: Mapping[str, str] = field(default_factory=dict)
    """Role -> id of the stage that this row starts from, where that is another one than the class says."""


FACE_JUDGE = "retable.methods.judges:FaceJudge"
GROUP_JUDGE = "retable.methods.judges:GroupJudge"
UNTOUCHED = "retable.methods.anchors.untouched:Untouched"
SHOWN = "retable.methods.anchors.shown:Shown"
SAMPLES = "retable.methods.anchors.shown:Samples"
TRUTH = "retable.methods.anchors.truth:Truth"
DTN = "retable.methods.dtn.dtn:DTN"
CARTOON = "retable.methods.cartoon.method:CartoonMethod"
TRANSFER = "retable.methods.cartoon.transfer:Transfer"
STARGAN = "retable.methods.stargan.stargan:StarGAN"
STYLEGAN2 = "retable.methods.mixdl.stylegan2:StyleGAN2"
MIXDL = "retable.methods.mixdl.mixdl:MixDL"
CDC = "retable.methods.mixdl.cdc:CDC"
DIVERSE = "retable.methods.mixdl.diversity:Diverse"

ROWS: dict[str, Row] = {
    "judges/mnist": Row("retable.methods.judges:DigitJudge", "MNIST judge"),
    "judges/cartoon-group": Row(GROUP_JUDGE, "Cartoon group judge", {"domain": "cartoon"}),
    "judges/photo-group": Row(GROUP_JUDGE, "Portrait group judge", {"domain": "photo"}),
    "judges/hair": Row(FACE_JUDGE, "Hair judge (ResNet-18)", {"label": "hair"}),
    "judges/gender": Row(FACE_JUDGE, "Gender judge (ResNet-18)", {"label": "gender"}),
    "judges/age": Row(FACE_JUDGE, "Age judge (ResNet-18)", {"label": "age"}),
    "judges/expression": Row(FACE_JUDGE, "Expression judge (ResNet-18)", {"label": "expression"}),
    # Reference rows: images that no method makes, on every task that has them.
    "anchor/untouched": Row(UNTOUCHED, "Untouched input"),
    "anchor/mean": Row(SHOWN, "Mean training image", {"stream": "mean"}),
    "anchor/other": Row(SHOWN, "Another training image", {"stream": "other"}),
    "anchor/noisy-truth": Row(TRUTH, "Truth with noise", {"noise": 0.05}),
    "anchor/blurred-truth": Row(TRUTH, "Truth, blurred", {"blur": 1.0}),
    "anchor/copies": Row(SAMPLES, "Copies of the shots", {"stream": "copies"}),
    "anchor/real": Row(SAMPLES, "Real images", {"stream": "fresh"}),
    "dtn/f": Row("retable.methods.dtn.f:F", "f"),
    "dtn/dtn": Row(DTN, "DTN"),
    "dtn/baseline": Row("retable.methods.dtn.baseline:Baseline", "Baseline method (Sec. 3)"),
    "dtn/no-tid": Row(DTN, "DTN w/o L_TID", {"terms": ("gan", "const", "tv")}),
    "dtn/no-const": Row(DTN, "DTN w/o L_CONST", {"terms": ("gan", "tid", "tv")}),
    "dtn/no-const-tid": Row(DTN, "DTN w/o L_CONST & L_TID", {"terms": ("gan", "tv")}),
    "dtn/no-f": Row(DTN, "DTN G does not contain f", {"f_in_g": False}),
    "dtn/no-gan": Row(DTN, "DTN w/o L_D and L_GANG", {"terms": ("const", "tid", "tv")}),
    "dtn/original": Row(UNTOUCHED, "Original SVHN image"),
    "cartoon/recogniser": Row("retable.methods.cartoon.recogniser:Recogniser", "Face recogniser"),
    "cartoon/basic": Row(CARTOON, "Basic model", {"stream": "woman"}),
    "cartoon/baseline1": Row(CARTOON, "Baseline 1 (all data mixed)", {"stream": "mixed"}),
    "cartoon/baseline2": Row(
        CARTOON, "Baseline 2 (fine-tune on groups 1-3 merged)", {"stream": "rare", "from_basic": True}
    ),
    "cartoon/baseline3": Row("retable.methods.cartoon.baseline3:Baseline3", "Baseline 3 (fine-tune per group)"),
    "cartoon/transfer": Row(TRANSFER, "Full transfer"),
    "cartoon/transfer-no-sbp": Row(TRANSFER, "Full transfer w/o selective back-propagation", {"selective": False}),
    "stargan/stargan": Row(STARGAN, "StarGAN"),
    "stargan/stargan-joint": Row(STARGAN, "StarGAN, joint training"),
    "stargan/diat": Row("retable.methods.stargan.diat:DIAT", "DIAT"),
    "stargan/cyclegan": Row("retable.methods.stargan.cyclegan:CycleGAN", "CycleGAN"),
    "stargan/icgan": Row("retable.methods.stargan.icgan:IcGAN", "IcGAN"),
    "mixdl/source": Row(STYLEGAN2, "Source generator", {"stream": "source-near"}),
    "mixdl/source-far": Row(STYLEGAN2, "Source generator, far", {"stream": "source-far"}),
    "mixdl/stylegan2": Row(STYLEGAN2, "StyleGAN2"),
    "mixdl/stylegan2-da": Row(STYLEGAN2, "StyleGAN2 + DA", {"augment": "diffaugment"}),
    "mixdl/stylegan2-ada": Row(STYLEGAN2, "StyleGAN2 + ADA", {"augment": "ada"}),
    "mixdl/fastgan": Row("retable.methods.mixdl.fastgan:FastGAN", "FastGAN"),
    "mixdl/fastgan-mixdl": Row("retable.methods.mixdl.fastgan_mixdl:FastGANMixDL", "FastGAN + MixDL"),
    "mixdl/mixdl": Row(MIXDL, "MixDL"),
    "mixdl/mixdl-g": Row(MIXDL, "MixDL, G only", {"lambda_d": 0.0}),
    "mixdl/mixdl-d": Row(MIXDL, "MixDL, D only", {"lambda_g": 0.0}),
    "mixdl/mixdl-da": Row(MIXDL, "MixDL + DA", {"augment": "diffaugment"}),
    "mixdl/mixdl-ada": Row(MIXDL, "MixDL + ADA", {"augment": "ada"}),
    "mixdl/cdc": Row(CDC, "StyleGAN2 + CDC"),
    "mixdl/cdc-far": Row(CDC, "StyleGAN2 + CDC, far source", needs={"source": "mixdl/source-far"}),
    "mixdl/msgan": Row(DIVERSE, "MSGAN", {"term": "msgan"}),
    "mixdl/distancegan": Row(DIVERSE, "DistanceGAN", {"term": "distancegan"}),
    "mixdl/ndiv": Row(DIVERSE, "N-Div", {"term": "ndiv"}),
    "mixdl/dirichlet-0.1": Row(MIXDL, "MixDL, Dirichlet(0.1)", {"alpha": 0.1}),
    "mixdl/dirichlet-10": Row(MIXDL, "MixDL, Dirichlet(10)", {"alpha": 10.0}),
    "mixdl/gaussian": Row(MIXDL, "MixDL, Gaussian", {"coefficients": "gaussian"}),
    "mixdl/uniform": Row(MIXDL, "MixDL, uniform", {"coefficients": "uniform"}),
}
"""Id -> row, in the order in which they are listed."""
