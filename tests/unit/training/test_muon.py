"""Muon's step on a convolution's kernel, and AdamW's on the rest, against plain NumPy."""

import keras
import numpy as np
import pytest

from imgrec.training.muon import FilterMuon

RATE = 0.1


def orthogonalized(matrix: np.ndarray, steps: int) -> np.ndarray:
    """Newton and Schulz's quintic iteration with Jordan's coefficients."""
    x = matrix / np.linalg.norm(matrix)
    for _ in range(steps):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x


def stepped(value: np.ndarray, gradients: list[np.ndarray], **options) -> list[np.ndarray]:
    """The value after each step."""
    variable = keras.Variable(value)
    optimizer = FilterMuon(RATE, **options)
    optimizer.build([variable])
    values = []
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(gradient)])
        values.append(np.asarray(variable))
    return values


def test_a_kernel_turns_by_its_orthogonalized_momentum():
    random = np.random.default_rng(0)
    value, *gradients = random.normal(size=(4, 3, 3, 4, 8)).astype("float32")
    momentum = np.zeros_like(value)
    for found, gradient in zip(stepped(value, gradients), gradients, strict=True):
        momentum = 0.6 * momentum + gradient
        ahead = (gradient + 0.6 * momentum).reshape(-1, 8)  # Nesterov's
        value = value - RATE * orthogonalized(ahead.T, 3).T.reshape(value.shape)
        np.testing.assert_allclose(found, value, atol=1e-4)


def test_all_directions_of_the_filters_turn_about_equally_fast():
    random = np.random.default_rng(1)
    gradient = random.normal(size=(3, 3, 16, 32)) * np.logspace(0, -1, 32)
    zeros = np.zeros_like(gradient, dtype="float32")
    (after,) = stepped(zeros, [gradient.astype("float32")], ns_steps=5)
    turned = np.linalg.svd(after.reshape(-1, 32), compute_uv=False) / RATE
    assert turned.min() > 0.5 and turned.max() < 1.3


@pytest.mark.parametrize("shape", [(10,), (16, 10)])
def test_what_is_no_kernel_is_left_to_adam(shape):
    random = np.random.default_rng(2)
    value, *gradients = random.normal(size=(4, *shape)).astype("float32")
    oracle, adam = keras.Variable(value), keras.optimizers.Adam(RATE * 0.3)
    adam.build([oracle])
    for found, gradient in zip(
        stepped(value, gradients, adam_lr_ratio=0.3), gradients, strict=True
    ):
        adam.apply([keras.ops.convert_to_tensor(gradient)])
        np.testing.assert_allclose(found, np.asarray(oracle), atol=1e-5)
