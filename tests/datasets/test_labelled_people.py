import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import grey_dilation

from retable.datasets.errors import DataError
from retable.datasets.standins.faces import art, camera, expressions, features, labelled_people, rendered_set
from retable.datasets.standins.faces.labelled_people import AGES, GENDERS, HAIR, labels_of, person_of, sitter
from retable.datasets.standins.faces.people import EXPRESSIONS, HAIR_COLOURS, rgb
from retable.datasets.standins.faces.strokes import PORTRAIT

SIZE = 40


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory):
    """The same 12 people with their own hair and both other colours: float32 [3, 12, 3, 40, 40] in [0, 1]."""
    folder = tmp_path_factory.mktemp("snapshots")
    return torch.stack([rendered_set.snapshots(folder, "looks", 12, SIZE, hair_shift=k).images for k in range(3)]) / 255


@pytest.fixture(scope="module")
def sittings(tmp_path_factory):
    """9 sitters with every expression: float32 [8, 9, 3, 40, 40] in [0, 1]."""
    folder = tmp_path_factory.mktemp("sittings")
    return torch.stack([rendered_set.sittings(folder, "looks", e, 9, SIZE).images for e in EXPRESSIONS]) / 255


def drawing(who, expression="neutral", size=96):
    return art.raster(who, PORTRAIT, size, features.features(who, expressions.scaled(expression)))


def test_labels_and_people_are_pure_functions_of_their_place():
    forwards = [(labels_of("a", i), person_of("a", i), sitter("a", i)) for i in range(15)]
    assert [(labels_of("a", i), person_of("a", i), sitter("a", i)) for i in reversed(range(15))] == forwards[::-1]
    several = [[labels_of(split, i, seed) for i in range(24)] for split, seed in (("a", 0), ("b", 0), ("a", 1))]
    assert several[0] != several[1] != several[2] != several[0]
    assert len({person_of("a", 0), person_of("b", 0), person_of("a", 0, seed=1), sitter("a", 0)}) == 4


def test_every_dozen_of_people_has_every_combination_once():
    for start in (0, 12, 240):
        assert len({labels_of("dozen", i) for i in range(start, start + 12)}) == 12


def test_no_label_goes_with_odd_or_even_numbers():
    for field, values in (("hair", 3), ("gender", 2), ("age", 2)):
        odd = Counter(getattr(labels_of("parity", i), field) for i in range(1, 2400, 2))
        assert sorted(odd) == list(range(values))
        assert max(odd.values()) - min(odd.values()) < 0.15 * 1200


def test_people_have_the_labels_that_are_known_of_them():
    dyes = {"black": "black", "blond": "golden", "brown": "walnut"}
    for i in range(120):
        known, who = labels_of("known", i), person_of("known", i)
        assert who.gender == GENDERS[known.gender]
        assert who.age == {"old": "old", "young": "adult"}[AGES[known.age]]
        assert who.hair_colour == dyes[HAIR[known.hair]]
        assert who.hair not in ("no_hair", "sides")


def test_another_hair_colour_changes_nothing_else_of_a_person():
    for i in range(24):
        own = person_of("x", i)
        dyed = [person_of("x", i, hair=hair) for hair in range(3)]
        assert len({who.hair_colour for who in dyed}) == 3
        assert {replace(who, hair_colour=own.hair_colour) for who in dyed} == {own}
        assert dyed[labels_of("x", i).hair] == own


def test_sitters_are_shaven_other_people_of_all_labels():
    sitters = [sitter("x", i) for i in range(240)]
    assert not any(who.beard for who in sitters)
    assert not set(sitters) & {person_of("x", i) for i in range(240)}
    assert set(Counter((who.hair_colour, who.gender, who.age) for who in sitters).values()) == {20}
    glasses = [
        sum(bool(who.glasses) for who in people) for people in (sitters, [person_of("x", i) for i in range(240)])
    ]
    assert glasses[0] < 40 < glasses[1]


def test_old_people_wear_glasses_more_often():
    share = {
        age: np.mean([bool(w.glasses) for w in (person_of("g", i) for i in range(600)) if w.age == age])
        for age in ("adult", "old")
    }
    assert share["old"] > 0.35 > 0.2 > share["adult"]


def test_only_old_faces_have_the_lines_of_age():
    old = next(who for who in (person_of("x", i) for i in range(50)) if who.age == "old" and not who.glasses)
    young = replace(old, age="adult")
    crows_feet = "M89,107"
    assert crows_feet in features.features(old, expressions.NEUTRAL).skin
    assert crows_feet not in features.features(young, expressions.NEUTRAL).skin
    assert np.abs(drawing(old) - drawing(young)).max() > 0.2


def test_women_and_men_of_the_same_choices_are_drawn_differently():
    who = next(who for who in (person_of("x", i) for i in range(50)) if who.gender == "female")
    man = replace(who, gender="male")
    assert np.abs(drawing(who) - drawing(man)).max() > 0.2


def test_a_hair_shift_changes_the_hair_and_nothing_else():
    for i in range(12):
        faces, shots = [], []
        for hair in range(3):
            who = person_of("looks", i, hair=hair)
            own = features.features(who, expressions.NEUTRAL)
            face = art.raster(who, PORTRAIT, camera.master(SIZE), own)
            draws = np.random.Generator(np.random.PCG64(i))
            shots.append(camera.photograph(who, face, SIZE, draws, camera.Scene(own.view)).astype(int))
            faces.append(face)
        touched = np.abs(np.stack(faces) - faces[0]).max((0, -1)) > 0.004
        # The same draws show which pixels of the photograph the changed part of the drawing falls on.
        seen = np.repeat(touched[..., None].astype(np.float32), 4, -1)
        placed = camera._posed(seen, SIZE, np.random.Generator(np.random.PCG64(i)), 1.0)[0][..., 0] > 0
        near = grey_dilation(placed, size=(7, 7)) > 0
        assert 0.1 < (~near).mean() < 0.9
        changed = np.abs(np.stack(shots) - shots[0])
        # Of what is as dark as black hair, pupils or glasses, the reflections change a little.
        assert changed[:, ~near].max() <= 16
        assert changed[:, ~near].mean() < 0.3
        assert changed[:, placed].mean() > 10


def test_hair_colours_are_far_apart_in_the_photographs(snapshots):
    for i in range(12):
        own = labels_of("looks", i).hair
        by_colour = {HAIR[(own + k) % 3]: snapshots[k, i] for k in range(3)}
        apart = (by_colour["black"] - by_colour["blond"]).abs().amax(0)
        hair = apart > 0.6 * apart.max()
        light = {name: picture[:, hair].mean().item() for name, picture in by_colour.items()}
        assert light["blond"] - light["brown"] > 0.2
        assert light["brown"] - light["black"] > 0.06
    tones = [rgb(HAIR_COLOURS[dye][PORTRAIT]).mean() for dye in ("black", "walnut", "golden")]
    assert tones[1] - tones[0] > 0.08


def test_expressions_of_a_sitter_differ_in_the_face_alone(sittings):
    apart = (sittings - sittings[:1]).abs().amax((0, 2))
    # The face is in the middle: beside it and above it hardly anything moves, in it much does.
    assert apart[:, :4].mean() < 0.02
    assert apart[:, :, :3].mean() < 0.02
    assert apart[:, 25:36, 12:28].mean() > 0.15


@pytest.mark.parametrize("expression", list(EXPRESSIONS)[1:])
def test_every_expression_is_plainly_another_face_than_the_others(sittings, expression):
    faces = sittings[:, :, :, 10:38, 8:32].flatten(2)
    number = list(EXPRESSIONS).index(expression)
    # One person's faces are compared with the mean difference that an expression makes to the other people.
    shift = faces - faces[:1]
    right = 0
    for person in range(9):
        others = [i for i in range(9) if i != person]
        typical = shift[:, others].mean(1)
        # Neutral differs by nothing: the seven others are left to be mistaken for.
        alike = torch.cosine_similarity(shift[number, person][None], typical[1:], dim=1)
        right += int(alike.argmax() + 1 == number)
    assert right >= 7


def test_sittings_have_a_plain_light_wall_and_snapshots_do_not(sittings, snapshots):
    men = [i for i in range(9) if sitter("looks", i).gender == "male"]
    wall = sittings[0][men][..., 12:30, 0]
    assert wall.min() > 0.6
    assert wall.std() < 0.06
    anywhere = snapshots[0][[i for i in range(12) if labels_of("looks", i).gender == 1]][..., 12:30, 0]
    assert anywhere.std() > 0.08


def test_an_expression_is_as_strong_as_it_is_asked_for():
    assert expressions.scaled("happy", 0.0) == expressions.scaled("neutral") == expressions.NEUTRAL
    assert expressions.scaled("happy", 1.0) == expressions.SHAPES["happy"]
    assert expressions.scaled("happy", 0.5).wide == pytest.approx(
        (expressions.NEUTRAL.wide + expressions.SHAPES["happy"].wide) / 2
    )
    assert set(EXPRESSIONS) <= set(expressions.SHAPES)


def test_snapshots_show_everyday_faces():
    faces = Counter(labelled_people.everyday("x", i) for i in range(300))
    assert set(faces) == {"neutral", "smiling", "laughing"}
    assert 100 < faces["neutral"] < 200


def test_shapes_are_painted_in_their_own_colour_at_once():
    who = person_of("x", 0)
    picture = art.svg(who, PORTRAIT, features.features(who, expressions.NEUTRAL))
    assert not re.search(r"<g[^>]*clip-path[^>]*>\s*(<g[^>]*>\s*)?<rect", picture)
    assert HAIR_COLOURS[who.hair_colour][PORTRAIT] in picture
    # Without a face of its own a drawing is what it always was.
    assert re.search(r"<g[^>]*clip-path[^>]*>\s*(<g[^>]*>\s*)?<rect", art.svg(who, PORTRAIT))


def test_wrong_arguments_are_refused_in_one_line():
    for call, message in (
        (lambda: labels_of("x", -1), "from 0"),
        (lambda: person_of("x", 0, hair=3), "black, blond, brown"),
        (lambda: expressions.scaled("bored"), "no expression 'bored'"),
    ):
        with pytest.raises(DataError, match=message):
            call()
