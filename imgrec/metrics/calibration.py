"""Calibration: temperature-scaled probabilities, and a score that flags unfamiliar pictures.

Both are fitted on images that the network was not trained on, and stored in a file beside its
weights. A network without the file keeps its raw probabilities.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from imgrec.metrics.classification import Reliability

MIN_IMAGES = 20  # fewest images that a calibration is fitted on
TEMPERATURES = (0.05, 1000.0)
BISECTIONS = 60  # of the interval of inverse temperatures: down to the precision of a float
ACCEPTED_SHARE = 0.95  # share of the held-out images that count as familiar

Score = Literal["energy", "maximum_logit", "maximum_probability"]


@dataclass(frozen=True)
class Calibration:
    """The calibration of one network, measured on n images that it was not trained on.

    The expected calibration error (Guo et al. 2017, https://arxiv.org/abs/1706.04599, equation 3)
    is the mean distance between confidence and accuracy, from 0 to 1.
    """

    temperature: float  # above 1: the network is overconfident; below 1: underconfident
    ece_before: float
    ece_after: float
    n: int
    split: str  # which images, fit for display
    threshold: float | None = None  # of the score; unfamiliar below it; None: can't flag any
    accepted: float | None = None  # share of the n images above the threshold
    score: Score = "energy"  # the one of SCORES that measures familiarity

    def calibrated_probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Converts logits (..., classes) to calibrated probabilities; the ranking stays."""
        return softmax(logits / self.temperature)

    def unfamiliar(self, logits: np.ndarray) -> bool | None:
        """Returns whether a picture with these logits (classes,) is unlike the training images.

        Returns None without a threshold.
        """
        if self.threshold is None:
            return None
        return bool(SCORES[self.score](logits) < self.threshold)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Converts logits (..., classes) to probabilities that add up to 1."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def energy(logits: np.ndarray) -> np.ndarray:
    """Returns the familiarity of pictures by their logits (..., classes): the log-sum-exp.

    The negative energy of Liu et al. 2020, https://arxiv.org/abs/2010.03759, equation 4, at T = 1.
    """
    most = logits.max(axis=-1)
    return most + np.log(np.exp(logits - most[..., None]).sum(axis=-1))


# Familiarity by logits (..., classes), higher is more familiar: the energy, the maximum logit
# (Hendrycks et al. 2022, https://arxiv.org/abs/1911.11132) and the maximum probability
# (Hendrycks & Gimpel 2017, https://arxiv.org/abs/1610.02136).
SCORES: dict[Score, Callable[[np.ndarray], np.ndarray]] = {
    "energy": energy,
    "maximum_logit": lambda logits: logits.max(axis=-1),
    "maximum_probability": lambda logits: softmax(logits).max(axis=-1),
}


def fit_temperature(logits: np.ndarray, right: np.ndarray) -> float:
    """Returns the most likely temperature, within TEMPERATURES, given the right classes (n,).

    Guo et al. 2017, section 4.2: the negative log-likelihood of softmax(logits / T), with logits
    (n, classes), is convex in 1 / T, so it has one minimum: where its slope changes sign. It has
    none if every prediction is right; the right confidence is then unknown, and the temperature
    stays 1.
    """
    z = logits.astype("float64")
    chosen = z[np.arange(len(z)), right]
    if (chosen == z.max(axis=1)).all():
        return 1.0

    def slope(inverse: float) -> float:
        return float(((softmax(inverse * z) * z).sum(axis=1) - chosen).mean())

    low, high = (1 / temperature for temperature in reversed(TEMPERATURES))
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (low, middle) if slope(middle) > 0 else (middle, high)
    return 2 / (low + high)


def calibration_error(probabilities: np.ndarray, outcomes: np.ndarray) -> float:
    """Returns the expected calibration error of (n,) probabilities against (n,) binary outcomes."""
    reliability = Reliability()
    for probability, right in zip(probabilities.tolist(), outcomes.tolist(), strict=True):
        reliability.add(probability, right)
    return reliability.figures()["ece"]


def calibrate_multiclass(
    logits: np.ndarray, right: np.ndarray, split: str, score: Score = "energy"
) -> Calibration | None:
    """Calibrates a classifier on its logits (n, classes) and the right classes (n,).

    Confidence is the probability of the predicted class; familiarity is the named one of SCORES.
    Returns None for fewer than MIN_IMAGES images.
    """
    if len(right) < MIN_IMAGES:
        return None

    def error(temperature: float) -> float:
        probabilities = softmax(logits / temperature)
        return calibration_error(probabilities.max(axis=1), probabilities.argmax(axis=1) == right)

    temperature = fit_temperature(logits, right)
    threshold = float(np.quantile(SCORES[score](logits), 1 - ACCEPTED_SHARE))
    return Calibration(
        temperature,
        error(1),
        error(temperature),
        len(right),
        split,
        threshold,
        ACCEPTED_SHARE,
        score,
    )


def calibrate_binary(logits: np.ndarray, yes: np.ndarray, split: str) -> Calibration | None:
    """Calibrates a yes-or-no network on its logits (n,) of yes and the truth (n,).

    Confidence is the probability of yes, compared with how often yes was right. Returns None as in
    `calibrate_multiclass`.
    """
    if len(yes) < MIN_IMAGES:
        return None
    pairs = binary_logits(logits)

    def error(temperature: float) -> float:
        return calibration_error(softmax(pairs / temperature)[:, 0], yes)

    temperature = fit_temperature(pairs, 1 - yes.astype(int))
    return Calibration(temperature, error(1), error(temperature), len(yes), split)


def binary_logits(logits: np.ndarray) -> np.ndarray:
    """Pairs logits (n,) of yes with 0 for no, (n, 2): softmax gives the sigmoid and 1 minus it."""
    return np.stack([logits, np.zeros_like(logits)], axis=1)
