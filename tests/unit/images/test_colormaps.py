"""Numbers as colours."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from imgrec.images import colormaps

MAPS = arrays(
    np.float32,
    array_shapes(min_dims=2, max_dims=2, max_side=9),
    elements=st.floats(-1e6, 1e6, width=32),
)


def luminance(colour) -> float:
    return float(np.dot(colour, (0.299, 0.587, 0.114)))


def test_a_higher_value_is_brighter():
    row = np.asarray(colormaps.coloured(np.linspace(0, 1, 9)[None]))[0]
    brightness = [luminance(colour) for colour in row]
    assert brightness == sorted(brightness)
    assert brightness[0] < 10 and brightness[-1] > 200


def test_what_is_outside_is_clipped():
    colours = np.asarray(colormaps.coloured(np.array([[-3.0, 0.0, 1.0, 7.0]])))[0]
    assert (colours[0] == colours[1]).all() and (colours[2] == colours[3]).all()


def test_zero_is_white_below_blue_above_red():
    blue, white, red = np.asarray(colormaps.coloured_signed(np.array([[-2.0, 0.0, 1.0]])))[
        0
    ].astype(int)
    assert min(white) >= 245
    assert blue[2] > blue[0] + 50 and red[0] > red[2] + 50


@pytest.mark.parametrize("colour", [colormaps.coloured, colormaps.coloured_signed])
@given(values=MAPS)
def test_any_map_is_a_picture_of_its_size(colour, values):
    assert colour(values).size == values.shape[::-1]
    assert colour(values).mode == "RGB"


@given(MAPS)
def test_stretched_reaches_from_zero_to_one_and_keeps_the_order(values):
    stretched = colormaps.stretched(values)
    if values.min() == values.max():
        assert not stretched.any()
    else:
        assert stretched.min() == 0 and stretched.max() == 1
        assert (np.diff(stretched.ravel()[np.argsort(values, axis=None)]) >= 0).all()
