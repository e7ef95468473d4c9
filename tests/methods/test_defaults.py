"""Without settings of its own a row is the paper's: its values, and as many parameters as were published."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

from retable.benchmarks.plan.registry import get_method, get_settings
from retable.methods.cartoon import discriminator, generator, mobilefacenet
from retable.methods.dtn import networks as dtn
from retable.methods.mixdl import fastgan_networks as fastgan
from retable.methods.mixdl import stylegan2_networks as stylegan2
from retable.methods.mixdl.stylegan2_layers import EqualLinear
from retable.methods.stargan import icgan, per_target
from retable.methods.stargan import networks as stargan
from tests.methods.helpers import TinyInfo, parameters

COMPARATORS = {"width": 64, "blocks": 6, "width_d": 64, "layers_d": None, "lr": 2e-4, "beta1": 0.5}
DEFAULTS: dict[str, dict[str, Any]] = {
    **{f"judges/{trait}": {"width": 64} for trait in ("hair", "gender", "age", "expression")},
    "dtn/dtn": {
        "alpha": 15,
        "beta": 15,
        "gamma": 0,
        "width": 64,
        "width_d": 64,
        "decay_from": 1,
        "noise": 0,
        "code_noise": 0,
        "terms": ("gan", "const", "tid", "tv"),
        "f_in_g": True,
    },
    "cartoon/basic": {
        "width": 32,
        "depth": 4,
        "blocks": 4,
        "light": False,
        "width_d": 32,
        "layers_d": (7, 5),
        "hourglasses": True,
        "adv": 1,
        "cycle": 50,
        "identity": 10,
        "cam": 1000,
        "face_id": 1,
    },
    "cartoon/transfer": {"reading": "paper"},
    "stargan/stargan": {
        "width": 64,
        "blocks": 6,
        "width_d": 64,
        "layers_d": None,
        "batch_size": 16,
        "critic_steps": 5,
        "lambda_adv": 1,
        "lambda_cls": 1,
        "lambda_rec": 10,
        "lambda_gp": 10,
        "lambda_id": 0,
        "lr": 1e-4,
        "lr_d": 1e-4,
        "beta1": 0.5,
        "decay_from": 0.5,
    },
    "stargan/diat": COMPARATORS,
    "stargan/cyclegan": {**COMPARATORS, "cycle": 10, "identity": 0.5, "pool": 50, "batch_size": 1},
    "stargan/icgan": {"z": 100, "hidden_z": 4096, "hidden_y": 512, "early": 0},
}


@pytest.mark.parametrize("row", DEFAULTS)
def test_the_defaults_are_the_papers(row: str) -> None:
    settings = get_settings(row)
    assert {key: getattr(settings, key) for key in DEFAULTS[row]} == DEFAULTS[row]


def stylegan2_d(*more: nn.Module) -> list[nn.Module]:
    return [stylegan2.Discriminator(256, 3, 512, 32_768), *more]


def icgan_for_rafd() -> list[nn.Module]:
    info = TinyInfo(128, {"expressions": 3}, {"expressions": tuple("abcdefgh")})
    method = icgan.IcGAN(get_settings("stargan/icgan"), info)
    assert method.models() == 1
    return [*method.networks().values()]


SIZES: list[tuple[int, Callable[[], nn.Module | list[nn.Module]], ModuleType | None]] = [
    (896_384, dtn.Encoder, dtn),
    (1_181_505, dtn.Decoder, dtn),
    (1_182_403, dtn.Discriminator, dtn),
    (3_831_079, lambda: generator.Generator(256, light=True), None),
    (70_923_559, lambda: generator.Generator(256), None),
    (4_475_818, lambda: generator.Generator(256, light=True, groups=4), None),
    (71_568_298, lambda: generator.Generator(256, groups=4), None),
    (214_655, lambda: [(part := generator.Branch(3, 32, 4)).entry, part.exit], None),
    (13_294_048, discriminator.Discriminator, None),
    (826_080, lambda: discriminator.Discriminator(layers=5), None),
    (13_298_144, lambda: discriminator.Discriminator(groups=4), None),
    (827_104, lambda: discriminator.Discriminator(layers=5, groups=4), None),
    (1_200_512, mobilefacenet.MobileFaceNet, None),
    (53_192_576, lambda: [stargan.Generator(3, 5), stargan.Critic(3, 64, 6, 128, 5)], stargan),
    (53_226_560, lambda: [stargan.Generator(3, 8), stargan.Critic(3, 64, 6, 128, 8)], stargan),
    (7_837_699, per_target.Translator, per_target),
    (44_721_088, lambda: stargan.Critic(3, 64, 6, 128, 0), per_target),
    (70_983_024, icgan_for_rafd, icgan),
    (30_034_338, lambda: [stylegan2.Mapping(512, 8, 0.01), stylegan2.Synthesis(256, 3, 512, 512, 32_768)], stylegan2),
    (28_864_129, stylegan2_d, stylegan2),
    (18_436, lambda: stylegan2.Heads((512,) * 4), None),
    (29_126_785, lambda: stylegan2_d(EqualLinear(512, 512)), None),
    (29_127_846, lambda: fastgan.Generator(256), fastgan),
    (11_526_160, lambda: fastgan.Discriminator(256), fastgan),
    (1_355_284, lambda: fastgan.Generator(32, width=8), None),
    (1_371_470, lambda: fastgan.Generator(128, width=8), None),
    (161_984, lambda: fastgan.Discriminator(32, width=8), None),
    (181_380, lambda: fastgan.Discriminator(128, width=8), None),
]


@pytest.mark.parametrize(("published", "build", "page"), SIZES)
def test_networks_have_the_published_number_of_parameters_and_their_page_says_so(
    published: int, build: Callable[[], Any], page: ModuleType | None
) -> None:
    with torch.device("meta"):
        networks = build()
    assert parameters(*(networks if isinstance(networks, list) else [networks])) == published
    assert page is None or f"{published:,}" in (page.__doc__ or "")


@pytest.mark.parametrize(("row", "models"), [("stargan/diat", 7), ("stargan/cyclegan", 14)])
def test_the_comparators_of_stargans_table_3_have_7_and_14_models_of_52_6_million(row: str, models: int) -> None:
    seven = ("happy", "sad", "angry", "fearful", "disgusted", "surprised", "contemptuous")
    info = TinyInfo(128, {"expressions": 3}, {"expressions": ("neutral", *seven), "targets": seven, "pairs": seven})
    with torch.device("meta"):
        method = get_method(row)(get_settings(row, {"pool": 0} if row.endswith("cyclegan") else {}), info)
    assert method.models() == models
    assert parameters(*method.networks().values()) == models * 52_558_787
    assert "52,558,787" in (per_target.__doc__ or "")
