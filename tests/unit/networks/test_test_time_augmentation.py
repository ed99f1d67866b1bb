"""Test-time views: which six there are, and what each counts."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from imgrec.networks import test_time_augmentation as tta


def test_the_weights_are_those_of_the_source():
    asked = []

    def logits(images: np.ndarray) -> np.ndarray:
        asked.append(images.copy())
        answer = np.zeros((len(images), tta.VIEWS), "float32")
        answer[:, len(asked) - 1] = 1
        return answer

    image = np.random.default_rng(0).random((1, 32, 32, 3), dtype="float32")
    (weights,) = tta.predict_with_tta(logits, image)
    assert len(asked) == tta.VIEWS
    shares = {}
    for seen, weight in zip(asked, weights, strict=True):
        for name, view in expected(image).items():
            if np.array_equal(seen, view):
                shares[name] = weight
    assert shares == {
        "itself": 0.25,
        "mirrored": 0.25,
        "up and left": 0.125,
        "up and left, mirrored": 0.125,
        "down and right": 0.125,
        "down and right, mirrored": 0.125,
    }


def expected(image: np.ndarray) -> dict[str, np.ndarray]:
    back, ahead = np.r_[1, :31], np.r_[1:32, 30]  # the border's neighbour comes in
    found = {
        "itself": image,
        "up and left": image[:, back][:, :, back],
        "down and right": image[:, ahead][:, :, ahead],
    }
    turned = {f"{name}, mirrored": view[:, :, ::-1] for name, view in found.items()}
    return {**found, "mirrored": turned.pop("itself, mirrored"), **turned}


@given(st.floats(0, 1), st.integers(1, 4))
@settings(max_examples=20, deadline=None)
def test_a_plain_picture_gets_the_answer_of_one_look(grey, count):
    kernel = np.random.default_rng(count).normal(size=(8 * 8 * 3, 10))

    def logits(batch: np.ndarray) -> np.ndarray:
        return np.tanh(batch.reshape(len(batch), -1) @ kernel)

    plain = np.full((count, 8, 8, 3), grey)
    np.testing.assert_allclose(tta.predict_with_tta(logits, plain), logits(plain), atol=1e-12)
