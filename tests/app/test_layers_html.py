"""The lesson “Layer by layer” as HTML: the map, the gallery, the street and the facts."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from support.activations import made

from imgrec.explaining import feature_maps
from imgrec.explaining.feature_maps import LayeredNetwork
from imgrec.networks.layer_table import Layer
from imgrec.ui.lessons import layers_html, texts


@pytest.mark.parametrize(
    "network", [("scratch", "classic"), ("scratch", "fast"), ("vgg16",)], ids="-".join
)
def test_what_each_kind_of_layer_does_is_told(network):
    assert all(row.kind in texts.LAYER_DOES for row in feature_maps.load(*network).rows)


@pytest.mark.parametrize(
    ("spot", "words"), [((0, 0), "top left"), ((4, 4), "centre"), ((8, 4), "bottom")]
)
def test_the_place_of_the_greatest_value_is_told(spot, words):
    values = np.zeros((9, 9, 1), "float32")
    values[spot] = 2.5
    assert layers_html.place(values[..., 0]) == words
    assert f"to 2.5 (bright), which is at the {words};" in layers_html.enlarged(made(values), 0)


def test_values_below_zero_are_told_and_coloured_from_the_middle():
    values = np.array([[[-2.0, 1.0]], [[0.0, 1.0]]], "float32")
    shown = made(values, "norm", "BatchNormalization")
    assert "Channel 0 (red above 0, blue below, white 0), from −2 to 0" in layers_html.enlarged(
        shown, 0
    )
    assert [layers_html._map(shown, 0).getpixel((0, row)) for row in (0, 1)] == [
        (5, 48, 97),
        (247, 246, 246),
    ]
    walk = LayeredNetwork("scratch", [shown.row], frozenset(), lambda inputs: [inputs])
    assert "25 %; 25 % of the values are below 0" in layers_html.facts(walk, shown)
    gallery = layers_html.gallery(shown, 0, by_number=False)
    assert "red above 0" in gallery and "mean distance from 0" in gallery
    assert "channel 0: mean −1, maximum 0" in gallery


@settings(max_examples=30, deadline=None)
@given(
    hnp.arrays(
        "float32",
        hnp.array_shapes(min_dims=3, max_dims=3, max_side=6),
        elements=st.one_of(st.floats(width=32), st.just(0.0)),
    )
)
def test_any_values_can_be_shown(values):
    """Even those of a network whose training exploded."""
    with np.errstate(all="ignore"):
        layers_html.enlarged(made(values), 0)
        assert layers_html.gallery(made(values), 0, False).count("<button") == values.shape[-1]
        layers_html.vector(made(values.ravel()))


def test_the_gallery_shows_the_strongest_or_those_around_the_chosen():
    values = np.arange(60, dtype="float32").reshape(1, 1, 60)
    strongest = layers_html.gallery(made(values), 59, by_number=False)
    assert strongest.count("<button") == layers_html.TILES
    assert strongest.index('data-press="59"') < strongest.index('data-press="58"')
    assert 'data-press="35"' not in strongest
    around = layers_html.gallery(made(values), 50, by_number=True)
    assert "Channels 48 to 59 of 60" in around and around.count("<button") == 12
    (chosen,) = re.findall(r'<button [^>]*aria-pressed="true"[^>]*>', around)
    assert 'data-press="50"' in chosen and "channel 50: mean 50" in chosen


def test_names_are_escaped():
    hostile = "<script>alert(1)</script>"
    rows = [Layer(hostile, hostile, (2, 2, 1), 0)]
    walk = LayeredNetwork("scratch", rows, frozenset(), lambda inputs: [inputs])
    shown = made(np.zeros((2, 2, 1), "float32"), hostile, hostile)
    for html in (layers_html.layer_buttons(walk, hostile), layers_html.facts(walk, shown)):
        assert "<script" not in html
