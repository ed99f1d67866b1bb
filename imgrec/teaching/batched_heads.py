"""Trains many softmax heads at once, each on a different subset of rows of the same features.

TensorFlow multiplies the matrices: under load, its threads stall far less than those of NumPy's
BLAS, which wait for each other.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from imgrec.training.recipes import HEAD_RECIPES

RECIPE = HEAD_RECIPES["pooled"]
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7  # of Adam, as in Keras
EPOCHS_AT_ONCE = 10  # progress is reported after each such block


def train(
    features: np.ndarray,
    labels: np.ndarray,
    masks: np.ndarray,
    classes: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[np.ndarray, np.ndarray]:
    """Trains m heads; returns kernels float32 (m, channels, classes) and biases (m, classes).

    Features are (rows, channels), labels int (rows,); each head is trained on the rows of its mask,
    bool (m, rows). Follows RECIPE, but with all rows in one batch: Adam on the class-balanced
    cross-entropy, with an L2 penalty on the kernels. The loss is convex, so all weights start at
    zero.
    """
    one_hot = np.eye(classes, dtype="float32")[labels]  # (rows, classes)
    counts = masks @ one_hot  # (m, classes); a class may be missing
    share = 1 / np.maximum(counts, 1) / (counts > 0).sum(axis=1, keepdims=True)
    weights = (masks * share[:, labels]).T.astype("float32")  # (rows, m), each column sums to 1
    inputs = np.concatenate([features, np.ones((len(labels), 1))], axis=1).astype("float32")
    state = tf.zeros((3, inputs.shape[1], len(masks) * classes))
    for done in range(0, RECIPE.epochs, EPOCHS_AT_ONCE):
        until = min(done + EPOCHS_AT_ONCE, RECIPE.epochs)
        state = _epochs(inputs, one_hot, weights, state, done, until)
        on_progress(until, RECIPE.epochs)
    theta = np.asarray(state[0]).reshape(-1, len(masks), classes).transpose(1, 0, 2)
    return theta[:, :-1], theta[:, -1]


@tf.function(
    input_signature=[
        tf.TensorSpec((None, None)),  # inputs: features and a column of ones, for the biases
        tf.TensorSpec((None, None)),  # one_hot
        tf.TensorSpec((None, None)),  # weights
        tf.TensorSpec((3, None, None)),  # parameters (channels + 1, m × classes), both moments
        tf.TensorSpec((), tf.int32),
        tf.TensorSpec((), tf.int32),
    ]
)
def _epochs(
    inputs: tf.Tensor,
    one_hot: tf.Tensor,
    weights: tf.Tensor,
    state: tf.Tensor,
    done: tf.Tensor,
    until: tf.Tensor,
) -> tf.Tensor:
    """Runs Adam from epoch `done` to `until` (Kingma & Ba 2015, order of section 2's end)."""
    theta, mean, square = tf.unstack(state)
    rows, channels = tf.shape(one_hot)[0], tf.shape(inputs)[1]
    by_head = (rows, tf.shape(weights)[1], tf.shape(one_hot)[1])
    decay = 2 * RECIPE.l2 * tf.cast(tf.range(channels) < channels - 1, tf.float32)[:, None]
    for step in tf.range(done + 1, until + 1):
        said = tf.nn.softmax(tf.reshape(inputs @ theta, by_head))
        error = (said - one_hot[:, None]) * weights[..., None]  # (rows, m, classes)
        slope = tf.matmul(inputs, tf.reshape(error, (rows, -1)), transpose_a=True) + decay * theta
        mean += (1 - BETA_1) * (slope - mean)
        square += (1 - BETA_2) * (slope * slope - square)
        power = tf.cast(step, tf.float32)
        rate = RECIPE.learning_rate * tf.sqrt(1 - BETA_2**power) / (1 - BETA_1**power)
        theta -= rate * mean / (tf.sqrt(square) + EPSILON)
    return tf.stack([theta, mean, square])
