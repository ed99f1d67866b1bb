"""Pictures as they stand in the page's HTML."""

import base64

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imgrec.images.decode import open_image
from imgrec.ui.components import html


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.one_of(st.none(), st.integers(1, 60)))
def test_a_data_uri_holds_the_picture_within_bounds(width, height, max_side):
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    head, _, body = html.to_png_data_uri(image, max_side).partition(",")
    result = open_image(base64.b64decode(body, validate=True))
    assert head == "data:image/png;base64"
    if max_side is None or max(image.size) <= max_side:
        assert np.array_equal(np.asarray(result), np.asarray(image))
    else:
        assert max(result.size) == max_side
    assert image.size == (width, height)
