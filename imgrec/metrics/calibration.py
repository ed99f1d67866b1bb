"""How far to believe a network: probabilities put right, and a sign for what it doesn't know.

Both are measured on images that the network was not trained on, and stand in a file beside its
weights. A network without the file says what it says.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from imgrec.metrics.classification import Reliability

MIN_IMAGES = 20  # images that tell anything
TEMPERATURES = (0.05, 1000.0)
BISECTIONS = 60  # of the interval of inverse temperatures: more than a float can tell apart
ACCEPTED_SHARE = 0.95  # share of the images kept apart that are taken for familiar


@dataclass(frozen=True)
class Calibration:
    """What was measured of one network on n images that it was not trained on.

    The expected calibration error (Guo et al. 2017, https://arxiv.org/abs/1706.04599, equation 3)
    is the mean distance between how sure the network was and how often it was right, from 0 to 1.
    """

    temperature: float  # above 1 the network is too sure of itself, below 1 not sure enough
    ece_before: float
    ece_after: float
    n: int
    split: str  # which images, fit to be shown
    threshold: float | None = None  # of the score; below it is unfamiliar; None: it can't tell
    accepted: float | None = None  # share of the n images that lie above it
    score: str = "energy"  # of SCORES: by which a picture is familiar

    def calibrated_probabilities(self, logits: np.ndarray) -> np.ndarray:
        """(..., classes) logits as the probabilities to believe; the order of the classes stays."""
        return softmax(logits / self.temperature)

    def unfamiliar(self, logits: np.ndarray) -> bool | None:
        """Whether a picture with these logits (classes,) is unlike those of the training."""
        if self.threshold is None:
            return None
        return bool(SCORES[self.score](logits) < self.threshold)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Logits (..., classes) as probabilities that add up to 1."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def energy(logits: np.ndarray) -> np.ndarray:
    """How familiar pictures with (..., classes) logits are: the logarithm of the summed powers.

    The negative energy of Liu et al. 2020, https://arxiv.org/abs/2010.03759, equation 4, at T = 1.
    """
    most = logits.max(axis=-1)
    return most + np.log(np.exp(logits - most[..., None]).sum(axis=-1))


# How familiar pictures with (..., classes) logits are, the higher the more: beside the energy the
# greatest logit (Hendrycks et al. 2022, https://arxiv.org/abs/1911.11132) and the greatest
# probability (Hendrycks & Gimpel 2017, https://arxiv.org/abs/1610.02136).
SCORES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "energy": energy,
    "maximum_logit": lambda logits: logits.max(axis=-1),
    "maximum_probability": lambda logits: softmax(logits).max(axis=-1),
}


def fit_temperature(logits: np.ndarray, right: np.ndarray) -> float:
    """The temperature within TEMPERATURES that makes (n,) right classes the most probable.

    Guo et al. 2017, section 4.2: the negative log-likelihood of softmax(logits / T), with logits
    (n, classes), has one minimum, for it is convex in 1 / T: where its slope changes its sign. It
    has none if nothing is wrong; how sure to be then can't be known, and the temperature stays 1.
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
    """The expected calibration error of (n,) probabilities of what happened or did not, (n,)."""
    reliability = Reliability()
    for probability, right in zip(probabilities.tolist(), outcomes.tolist(), strict=True):
        reliability.add(probability, right)
    return reliability.figures()["ece"]


def calibrate_multiclass(
    logits: np.ndarray, right: np.ndarray, split: str, score: str = "energy"
) -> Calibration | None:
    """The calibration of a network that chooses a class: logits (n, classes), right classes (n,).

    Sure is how probable the chosen class is; familiar is a picture by that one of SCORES. None
    where there are fewer than MIN_IMAGES images.
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
    """The calibration of a network that answers yes or no: logits (n,) of yes, the truth (n,).

    Sure is how probable yes is, beside how often it was right. None as in `calibrate_multiclass`.
    """
    if len(yes) < MIN_IMAGES:
        return None
    pairs = binary_logits(logits)

    def error(temperature: float) -> float:
        return calibration_error(softmax(pairs / temperature)[:, 0], yes)

    temperature = fit_temperature(pairs, 1 - yes.astype(int))
    return Calibration(temperature, error(1), error(temperature), len(yes), split)


def binary_logits(logits: np.ndarray) -> np.ndarray:
    """The logits (n,) of yes beside 0 for no, (n, 2): their softmax is the sigmoid and the rest."""
    return np.stack([logits, np.zeros_like(logits)], axis=1)
