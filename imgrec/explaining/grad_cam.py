"""Grad-CAM: a heat map of the evidence for a target, from the gradients at a feature map."""

from typing import TYPE_CHECKING

import numpy as np

from imgrec.explaining.targets import Question

if TYPE_CHECKING:
    import tensorflow as tf


def grad_cam(question: Question) -> np.ndarray:
    """Returns the target's heat map, float32 (rows, columns), 0 or more, not scaled.

    Equations 1 and 2 of Selvaraju et al. 2017 apply to a network's last feature map. If coarser
    ones follow, each position has weights of its own, as in LayerCAM (Jiang et al. 2021,
    https://doi.org/10.1109/TIP.2021.3089943): with shared weights, most maps of `fast` would be
    empty. For several classes, the score is the logit of their summed probability. The map is not
    finite where the network's numbers aren't.
    """
    import tensorflow as tf

    maps = tf.constant(question.network.to_map(question.view))
    with tf.GradientTape() as tape:
        tape.watch(maps)
        score = _score(question.network.logits(maps)[0], question.target.classes)
    gradients = tape.gradient(score, maps)  # (1, rows, columns, channels)
    coarser = question.network.coarser
    weights = tf.nn.relu(gradients[0]) if coarser else tf.reduce_mean(gradients, axis=(0, 1, 2))
    return np.asarray(tf.nn.relu(tf.reduce_sum(weights * maps[0], axis=-1)))


def _score(logits: "tf.Tensor", classes: slice) -> "tf.Tensor":
    """Returns a class's logit; for several, ln(p / (1 - p)) of their summed probability p."""
    import tensorflow as tf

    if classes.stop - classes.start == 1:
        return logits[classes.start]
    others = tf.concat([logits[: classes.start], logits[classes.stop :]], axis=0)
    return tf.reduce_logsumexp(logits[classes]) - tf.reduce_logsumexp(others)
