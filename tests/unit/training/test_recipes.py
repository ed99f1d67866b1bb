"""The settings of a training: what makes sense is taken, what doesn't is refused in a sentence."""

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgrec.errors import ImgrecError, ModelError
from imgrec.files import atomic
from imgrec.files.paths import MODELS
from imgrec.training.recipes import DEFAULT_RECIPES as USUAL_OF
from imgrec.training.recipes import HEAD_RECIPES, NETWORKS, RECIPES, HeadRecipe, Recipe, differences

SEED = (0, 2**32 - 1)
WHOLE = {  # bounds of each setting
    "epochs": (1, 1000),
    "batch_size": (1, 10_000),
    "validation_images": (1, 49_999),
    "limit": (1, 50_000),
    "patience": (0, 1000),
    "shift": (0, 16),
    "cutout": (0, 24),
    "seed": SEED,
}
REAL = {"learning_rate": (1e-7, 10), "dropout": (0, 0.9), "label_smoothing": (0, 0.9)}
CHOICES = {
    "network": ["fast", "classic"],
    "optimizer": ["adam", "adamw", "sgd", "rmsprop", "muon"],
    "schedule": ["constant", "cosine", "warm-up and cosine", "linear"],
    "flip": ["random", "alternating"],
}
HEAD_WHOLE = {"epochs": (1, 1000), "batch_size": (1, 10_000), "hidden": (0, 1024), "seed": SEED}
HEAD_REAL = {"learning_rate": (1e-7, 10), "l2": (0, 1), "apart": (0, 0.5)}
USUAL = {Recipe: Recipe(), HeadRecipe: HEAD_RECIPES["pooled"]}

whole_settings = [(Recipe, *item) for item in WHOLE.items()]
whole_settings += [(HeadRecipe, *item) for item in HEAD_WHOLE.items()]
real_settings = [(Recipe, *item) for item in REAL.items()]
real_settings += [(HeadRecipe, *item) for item in HEAD_REAL.items()]


def changed(kind, **settings):
    return dataclasses.replace(USUAL[kind], **settings)


@given(st.sampled_from(whole_settings), st.integers())
def test_a_whole_number_is_taken_within_its_bounds_only(setting, value):
    kind, name, (low, high) = setting
    if low <= value <= high:
        assert getattr(changed(kind, **{name: value}), name) == value
    else:
        with pytest.raises(ImgrecError, match=f"choose a whole number from {low} to"):
            changed(kind, **{name: value})


@given(st.sampled_from(real_settings), st.floats())
def test_a_number_is_taken_within_its_bounds_only(setting, value):
    kind, name, (low, high) = setting
    if low <= value <= high:
        assert getattr(changed(kind, **{name: value}), name) == value
    else:
        with pytest.raises(ImgrecError, match="choose a number from"):
            changed(kind, **{name: value})


@pytest.mark.parametrize(("kind", "name", "bounds"), whole_settings + real_settings)
def test_the_bounds_themselves_are_taken_and_what_is_no_number_is_not(kind, name, bounds):
    for bound in bounds:
        assert getattr(changed(kind, **{name: bound}), name) == bound
    beyond = [math.nextafter(bounds[0], -math.inf), math.nextafter(bounds[1], math.inf)]
    for value in (*beyond, bounds[0] - 1, bounds[1] + 1, "5", True, [], math.nan):
        with pytest.raises(ImgrecError, match=r"^[A-Z][a-z ]+: choose a "):
            changed(kind, **{name: value})


@given(st.sampled_from(list(CHOICES.items())), st.text() | st.none() | st.integers())
def test_a_choice_that_there_is_not_is_refused_with_those_there_are(setting, value):
    name, choices = setting
    if value not in choices:
        with pytest.raises(ImgrecError, match=f"choose one of {', '.join(choices)}"):
            changed(Recipe, **{name: value})
    for choice in choices:
        assert getattr(changed(Recipe, **{name: choice}), name) == choice


def test_a_head_that_there_is_not_is_refused():
    with pytest.raises(ImgrecError, match="no head deep; choose one of pooled, flatten"):
        changed(HeadRecipe, head="deep")


def test_no_limit_means_all_images():
    assert Recipe().limit is None and Recipe(limit=None) == Recipe()


# A recipe in a run's configuration


@given(
    st.builds(
        Recipe,
        epochs=st.integers(1, 1000),
        optimizer=st.sampled_from(CHOICES["optimizer"]),
        limit=st.none() | st.integers(1, 50_000),
        dropout=st.floats(0, 0.9),
        augmentation=st.booleans(),
    )
)
def test_a_recipe_comes_back_from_its_configuration(recipe):
    assert Recipe.of({"recipe": dataclasses.asdict(recipe)}) == recipe


def test_what_an_older_run_does_not_name_has_its_default():
    first_release = {
        "network": "classic",
        "epochs": 30,
        "batch_size": 64,
        "learning_rate": 0.001,
        "validation_images": 5000,
        "limit": None,
        "mixed_precision": False,
        "seed": 1,
    }
    assert Recipe.of({"recipe": first_release}) == Recipe()
    assert Recipe.of({"recipe": {"epochs": 4}}) == Recipe(epochs=4)


def test_the_classic_run_we_ship_is_of_the_usual_recipe():
    assert Recipe.of(atomic.read_json(MODELS / "classic" / "config.json")) == Recipe()


@pytest.mark.parametrize(
    "config", [{}, {"recipe": None}, {"recipe": []}, {"recipe": {"new": 1}}, [], None]
)
def test_a_configuration_without_such_a_recipe_is_refused(config):
    with pytest.raises(ModelError, match="no recipe for a scratch network"):
        Recipe.of(config)


def test_a_head_is_no_scratch_network():
    with pytest.raises(ModelError, match="no recipe for a scratch network"):
        Recipe.of({"recipe": dataclasses.asdict(HEAD_RECIPES["pooled"])})


def test_a_configuration_with_a_setting_out_of_bounds_is_refused():
    with pytest.raises(ImgrecError, match="Epochs: choose a whole number"):
        Recipe.of({"recipe": {"epochs": 0}})


# Differences


def test_only_the_settings_that_differ_are_named():
    recipe = Recipe(epochs=3, limit=10_000, augmentation=True)
    assert differences(recipe, Recipe()) == {"epochs": 3, "limit": 10_000, "augmentation": True}
    assert differences(Recipe(), recipe) == {"epochs": 30, "limit": None, "augmentation": False}
    head = dataclasses.replace(HEAD_RECIPES["pooled"], hidden=8)
    assert differences(head, HEAD_RECIPES["pooled"]) == {"hidden": 8}


@pytest.mark.parametrize("recipe", [*RECIPES.values(), *HEAD_RECIPES.values()])
def test_a_recipe_does_not_differ_from_itself(recipe):
    assert differences(recipe, recipe) == {}


def test_each_networks_own_recipe_comes_first():
    assert list(RECIPES.values())[: len(NETWORKS)] == list(USUAL_OF.values())
    assert tuple(USUAL_OF) == NETWORKS and USUAL_OF["classic"] == Recipe()
    assert all(recipe.network == name for name, recipe in USUAL_OF.items())


def test_only_fast_can_be_whitened():
    with pytest.raises(ImgrecError, match="Whitening is for the network fast"):
        Recipe(whitening=True)
    assert all(name == recipe.head for name, recipe in HEAD_RECIPES.items())
    assert HEAD_RECIPES["pooled"].options == {"hidden": 0, "l2": 1e-4}
