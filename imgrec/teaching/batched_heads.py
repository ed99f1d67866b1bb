"""Trains many softmax heads at once, each on other rows of the same features.

TensorFlow's own threads multiply the matrices: beside other work they hold up far less than
those of NumPy's library, which wait for each other.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from imgrec.training.recipes import HEAD_RECIPES

RECIPE = HEAD_RECIPES["pooled"]
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7  # of Adam, as in Keras
EPOCHS_AT_ONCE = 10  # between two of which the progress is told


def train(
    features: np.ndarray,
    labels: np.ndarray,
    masks: np.ndarray,
    classes: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[np.ndarray, np.ndarray]:
    """Kernels float32 (m, channels, classes) and biases (m, classes) of m heads.

    Features are (rows, channels), labels int (rows,); each head learns from the rows of its mask,
    bool (m, rows). As by RECIPE, but with all rows in one batch: Adam on the cross-entropy in which
    each class weighs the same, and weight decay of the kernels. The loss is convex, so the heads
    begin at zero.
    """
    one_hot = np.eye(classes, dtype="float32")[labels]  # (rows, classes)
    counts = masks @ one_hot  # (m, classes); a class may be missing
    share = 1 / np.maximum(counts, 1) / (counts > 0).sum(axis=1, keepdims=True)
    weights = (masks * share[:, labels]).T.astype("float32")  # (rows, m), of each head's sum 1
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
    """Adam (Kingma & Ba 2015, in the order of section 2's end), from one epoch to another."""
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
