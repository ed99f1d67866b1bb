"""One neuron that learns to add two numbers, by gradient descent."""

import math
from typing import NamedTuple

import numpy as np

from imgrec.errors import ImgrecError

EXAMPLES = 100
LOW, HIGH = 0.0, 1.0  # range of the training inputs; the neuron never sees others
EXPLODED = 1e9  # targets are at most 2, so a loss beyond this will not recover
MAX_STEPS = 3000
MAX_INPUT = 1e9  # maximum magnitude of a visitor's input


class Examples(NamedTuple):
    """The training data: pairs of numbers and their sums."""

    inputs: np.ndarray  # float64 (n, 2), from LOW to HIGH
    sums: np.ndarray  # float64 (n,)


class Weights(NamedTuple):
    """The neuron's parameters: y = w1·x1 + w2·x2 + bias."""

    w1: float
    w2: float
    bias: float


class Learning(NamedTuple):
    """The training state; `seed` determines the initial weights and the examples."""

    seed: int
    weights: Weights
    losses: tuple[float, ...]  # before the first step and after each

    @property
    def steps(self) -> int:
        """The number of steps taken."""
        return len(self.losses) - 1

    @property
    def exploded(self) -> bool:
        """Whether training has diverged."""
        return not self.losses[-1] <= EXPLODED  # `not <=` instead of `>`, so that NaN counts

    @property
    def finished(self) -> bool:
        """Whether training is over: diverged, or MAX_STEPS taken."""
        return self.exploded or self.steps >= MAX_STEPS


def begin(seed: int) -> Learning:
    """Returns the initial state, with random weights from -1 to 1."""
    weights = Weights(*np.random.default_rng([seed, 1]).uniform(-1, 1, 3).tolist())
    return Learning(seed, weights, (loss(weights, examples(seed)),))


def examples(seed: int) -> Examples:
    """Returns EXAMPLES random pairs and their sums."""
    inputs = np.random.default_rng([seed, 0]).uniform(LOW, HIGH, (EXAMPLES, 2))
    return Examples(inputs, inputs.sum(axis=1))


def step(learning: Learning, rate: float) -> Learning:
    """Takes one step of gradient descent over all examples; does nothing if training is over."""
    if learning.finished:
        return learning
    known = examples(learning.seed)
    slope = gradient(learning.weights, known)
    weights = Weights(*(np.array(learning.weights) - rate * slope).tolist())
    return Learning(learning.seed, weights, (*learning.losses, loss(weights, known)))


def answer(weights: Weights, x1: float, x2: float) -> float:
    """Returns the neuron's prediction of the sum."""
    return weights.w1 * x1 + weights.w2 * x2 + weights.bias


def loss(weights: Weights, known: Examples) -> float:
    """Returns the mean squared error over the examples; infinite on overflow."""
    with np.errstate(over="ignore"):
        return float(np.mean(_errors(weights, known) ** 2))


def gradient(weights: Weights, known: Examples) -> np.ndarray:
    """Returns the gradient of the loss with respect to w1, w2 and the bias, (3,).

    For L = mean((y - t)²) with y = w·x + b: dL/dw = 2·mean((y - t)·x) and dL/db = 2·mean(y - t)
    (Goodfellow, Bengio & Courville 2016, Deep Learning, section 5.1.4, before it is set to zero).
    """
    return 2 * _errors(weights, known) @ _with_one(known) / len(known.sums)


def stability_limit(known: Examples) -> float:
    """Returns the learning rate beyond which gradient descent diverges: 2 / λ.

    λ is the largest eigenvalue of the loss's Hessian, 2·mean(x·xᵀ) with a 1 for the bias. Along its
    eigenvector, a step multiplies the error by 1 - rate·λ (LeCun, Bottou, Orr & Müller 1998,
    Efficient BackProp, section 5.1).
    """
    inputs = _with_one(known)
    return float(2 / np.linalg.eigvalsh(2 * inputs.T @ inputs / len(inputs)).max())


def number(value: object) -> float:
    """Validates a visitor's input. Raises ImgrecError."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        asked = float(value) if abs(value) <= MAX_INPUT else math.nan
        if math.isfinite(asked):
            return asked
    raise ImgrecError("Give it two numbers to add, neither over a thousand million.")


def _errors(weights: Weights, known: Examples) -> np.ndarray:
    return _with_one(known) @ np.array(weights) - known.sums  # (n,)


def _with_one(known: Examples) -> np.ndarray:
    """Returns the inputs with a column of ones for the bias, (n, 3)."""
    return np.column_stack([known.inputs, np.ones(len(known.inputs))])
