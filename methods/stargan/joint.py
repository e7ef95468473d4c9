"""StarGAN-JNT: one model for several partially labelled data sets (Choi et al. 2018, Section 3.2 and 5.6).

The same networks, losses and training as :mod:`retable.methods.stargan.stargan`, whose docstring says what several data
sets change: the mask vector, batches of every data set in turn, and a classification loss on the labels that a batch's
data set has. As a row of its own it stands beside StarGAN trained on a single data set.

Differences from the paper: none beyond those of :mod:`retable.methods.stargan.stargan`. Any number of data sets will
do.
"""

from __future__ import annotations

from typing import ClassVar

from retable.methods.stargan.stargan import StarGAN


class StarGANJoint(StarGAN):
    """Row "StarGAN, joint training"; the paper's "StarGAN-JNT"."""

    title: ClassVar[str] = "StarGAN, joint training"
