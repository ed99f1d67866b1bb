"""Curves in TensorBoard's format, for those who compare runs with it; it need not be installed."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import tensorflow as tf


class ScalarLog:
    """Appends scalars to TensorBoard's files in a folder. Each call may raise OSError."""

    def __init__(self, folder: Path):
        with _as_os_error():
            self.writer = tf.summary.create_file_writer(str(folder))
        # `tf.summary.scalar` wants the tensorboard package only for this tag of its plugin.
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
    """TensorFlow has its own errors for a disk that is full or a folder that isn't there."""
    try:
        yield
    except tf.errors.OpError as error:
        raise OSError(error.error_code, error.message) from error
