"""Spatial Fréchet distance, sFID: Nash et al. 2021 (arXiv 2103.03841): where things are, beside what they are.
Reference: the evaluator of guided diffusion (Dhariwal & Nichol 2021, arXiv 2105.05233), which reports it beside FID.

The Fréchet distance of FID, on a feature map instead of pooled features: the first seven channels of a map in the
middle of the network, flattened. Inception's is Mixed_6e, 17 x 17, as MixDL's evaluation (arXiv 2111.11672) reads it:
2,023 numbers, about as many as FID's 2,048. The same idea on `lite0` is the first seven of the 112 channels of its last
map at stride 16 (the output of its eleventh block, `blocks.10`), which is 6 x 6 at 96 px: 252 numbers.

A score's protocol names the map. What biases a Fréchet distance biases this one; see docs/tolerances.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from retable.benchmarks.metrics.cache import cached_spatial
from retable.benchmarks.metrics.features import both_sides
from retable.benchmarks.metrics.fid import frechet_distance
from retable.benchmarks.metrics.measure import Question
from retable.benchmarks.metrics.tolerance import Tolerance
from retable.reports.records.score import Score

TOLERANCE = Tolerance(
    "the Fréchet distance of a feature map computed block by block",
    "features of other batches; a distance magnifies their difference",
    relative=1e-3,
)


def score_sfid(question: Question) -> Iterator[Score]:
    """``sfid.EXTRACTOR``, lower is better; the protocol names the map and its channels."""
    for two in both_sides(question, cached_spatial):
        yield two.score("sfid", frechet_distance(two.fake, two.real), "lower", detail=two.extractor.spatial_map)
