from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from retable.datasets.errors import DataError
from retable.datasets.standins import contact_sheet
from retable.datasets.standins.faces import art
from retable.datasets.standins.faces.people import GROUPS, HAIR_COLOURS, SKINS, person
from retable.datasets.standins.faces.strokes import CARTOON, PORTRAIT

LASH, LIPS, WRINKLE, BLUSH = 'stroke="#2a1c22" stroke-width="3.6"', "#e2375a", "#4a2418", "#ff6f7d"


@pytest.fixture(scope="module")
def people():
    return {group: [person(group, "people", i) for i in range(300)] for group in GROUPS}


@pytest.fixture(scope="module")
def pictures():
    """Ten people of every group: cartoons [40, 3, 32, 32], portraits [40, 2, 3, 32, 32] in [0, 1]."""
    sheets = [contact_sheet.group(group, "pictures", 10, 32, 2).float() / 255 for group in GROUPS]
    cartoons = torch.cat([rows[:10] for rows in sheets])
    portraits = torch.cat([rows[10:].unflatten(0, (2, 10)).transpose(0, 1) for rows in sheets])
    return cartoons, portraits


def test_a_person_is_a_pure_function_of_its_place(people):
    assert [person("old", "people", i) for i in (7, 3)] == [people["old"][i] for i in (7, 3)]
    assert person("old", "people", 3) not in (person("old", "other", 3), person("old", "people", 3, seed=1))


def test_people_of_a_group_are_many(people):
    for group in GROUPS:
        assert len(set(people[group])) == 300
        assert {who.hair for who in people[group]} >= {"bob"} or group != "woman"
        for field in ("skin", "hair_colour", "mouth", "hair", "clothes_colour", "eye_colour"):
            assert len({getattr(who, field) for who in people[group]}) >= 3, field


def test_groups_have_what_tells_them_apart(people):
    assert all(who.gender == "female" and not who.beard for who in people["woman"])
    assert sum(bool(who.beard or who.stubble) for who in people["man"]) > 200
    assert all(not who.beard and not who.stubble for who in people["kids"])
    assert {who.hair_colour for who in people["old"]} == {"grey", "silver", "white"}
    assert not {who.hair for who in people["woman"]} & {who.hair for who in people["man"]}


@pytest.mark.parametrize(
    ("group", "strokes"), [("woman", {LASH, LIPS}), ("man", set()), ("kids", {BLUSH}), ("old", {WRINKLE})]
)
def test_only_a_groups_cartoons_have_its_strokes_and_no_portrait_has_any(people, group, strokes):
    for who in people[group][:20]:
        drawing = art.svg(who, CARTOON)
        assert {stroke for stroke in (LASH, LIPS, WRINKLE, BLUSH) if stroke in drawing} == strokes
        portrait = art.svg(who, PORTRAIT)
        assert not [stroke for stroke in (LASH, LIPS, WRINKLE, BLUSH) if stroke in portrait]


def test_drawings_follow_the_person_and_not_the_group_it_came_from(people):
    who = people["man"][0]
    assert art.svg(replace(who, group="old"), CARTOON) == art.svg(who, CARTOON)
    assert WRINKLE in art.svg(replace(who, age="old"), CARTOON)
    assert LASH in art.svg(replace(who, gender="female", beard="", stubble=0.0), CARTOON)


def test_every_choice_of_a_person_shows(people):
    changes = {
        "gender": "female", "age": "old", "skin": "dark", "hair": "straight_2", "hair_colour": "blond",
        "beard": "beard_light", "stubble": 1.0, "brows": "angry_natural", "eyes": "narrow", "eye_colour": "green",
        "mouth": "sad", "nose": "wide", "glasses": "round", "clothes": "hoodie", "clothes_colour": "yellow",
        "bunches": True, "freckles": True, "folds": 2, "width": 1.2, "eye_size": 1.3,
    }  # fmt: skip
    assert {field.name for field in fields(people["man"][0])} == {"group", *changes}
    plain = replace(
        people["man"][0], skin="pale", hair="short_flat", hair_colour="black", beard="", stubble=0.0, eyes="open",
        brows="default", eye_colour="blue", mouth="smile", nose="small", glasses="", clothes="shirt_crew_neck",
        clothes_colour="red", bunches=False, freckles=False, folds=0, width=1.0, eye_size=1.0,
    )  # fmt: skip
    for field, value in changes.items():
        who = replace(plain, age={"freckles": "child", "folds": "old"}.get(field, "adult"))
        before, after = (art.raster(drawn, CARTOON, 96) for drawn in (who, replace(who, **{field: value})))
        assert np.abs(before - after).max() > 0.1, field


def test_every_hair_style_takes_every_colour(people):
    for hair in sorted({who.hair for group in GROUPS for who in people[group]}):
        who = replace(people["woman"][0], hair=hair, glasses="")
        black, blond = (art.raster(replace(who, hair_colour=c), CARTOON, 48) for c in ("black", "blond"))
        assert (np.abs(black - blond).sum(-1) > 0.2).mean() > 0.01, hair


def test_cartoons_stand_on_white_and_portraits_do_not(pictures):
    cartoons, portraits = pictures
    corners = (slice(None), slice(None), slice(0, 2), slice(0, 2))
    assert (cartoons[corners].amin((1, 2, 3)) > 0.99).float().mean() > 0.8
    assert (portraits[:, 0][corners].amin((1, 2, 3)) > 0.95).float().mean() < 0.05
    # A photograph has no flat areas: hardly any two neighbours are equal.
    flat = [(x[..., 1:] == x[..., :-1]).all(1).float().mean() for x in (cartoons, portraits[:, 0])]
    assert flat[0] > 0.3
    assert flat[1] < 0.05


def test_two_photographs_of_a_person_differ_but_show_the_same_person(pictures):
    first, second = (pictures[1][:, shot].flatten(1) for shot in (0, 1))
    apart = torch.cdist(first - first.mean(1, keepdim=True), second - second.mean(1, keepdim=True))
    assert apart.diagonal().min() > 1.0
    # The nearest second photograph, of forty people, is often that of the same person, even by pixels.
    assert (apart.argmin(1) == torch.arange(40)).float().mean() > 0.4


def test_a_cartoon_and_its_portrait_show_the_same_person(pictures):
    cartoons, portraits = pictures
    face, hair = (slice(None), slice(None), slice(18, 20), slice(13, 19)), (..., slice(3, 6), slice(13, 19))
    for part in (face, hair):
        a, b = (x[part].mean((1, 2, 3)) for x in (cartoons, portraits[:, 0]))
        assert torch.corrcoef(torch.stack([a, b]))[0, 1] > 0.5


def test_natural_colours_are_less_saturated_than_the_cartoons():
    for palette in (SKINS, HAIR_COLOURS):
        cartoon, natural = (
            np.mean([np.ptp([int(pair[i][j : j + 2], 16) for j in (1, 3, 5)]) for pair in palette.values()])
            for i in (0, 1)
        )
        assert natural < cartoon


def test_people_who_cannot_be_drawn_are_refused(people):
    for wrong in (
        lambda: person("men", "x", 0),
        lambda: person("man", "x", -1),
        lambda: art.svg(replace(people["man"][0], hair="wig"), CARTOON),
    ):
        with pytest.raises(DataError):
            wrong()
