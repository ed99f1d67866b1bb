"""Writes curves in TensorBoard's format; TensorBoard itself need not be installed."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import tensorflow as tf


class ScalarLog:
    """Appends scalars to TensorBoard's files in a folder. Each call may raise OSError."""

    def __init__(self, folder: Path):
        with _as_os_error():
            self.writer = tf.summary.create_file_writer(str(folder))
        # `tf.summary.scalar` needs the tensorboard package only for this plugin tag.
        self.kind = tf.compat.v1.SummaryMetadata()
        self.kind.plugin_data.plugin_name = "scalars"

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Writes one value of each curve."""
        with _as_os_error(), self.writer.as_default(step=step):
            for name, value in values.items():
                tf.summary.write(name, tf.constant(value, tf.float32), metadata=self.kind)
            self.writer.flush()


@contextlib.contextmanager
def _as_os_error() -> Iterator[None]:
    """Turns TensorFlow's own errors, such as for a full disk or a missing folder, into OSError."""
    try:
        yield
    except tf.errors.OpError as error:
        raise OSError(error.error_code, error.message) from error
