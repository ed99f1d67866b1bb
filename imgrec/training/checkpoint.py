"""The checkpoint of a run: weights, optimizer and history in one file, after each epoch."""

from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np

from imgrec.errors import ModelError
from imgrec.files import atomic
from imgrec.models import store
from imgrec.networks.weights import get_weights, set_weights

CURVES = ("loss", "accuracy", "val_loss", "val_accuracy", "seconds")


@dataclass
class Training:
    """The state of a training that changes from epoch to epoch, besides the model."""

    history: store.History = field(default_factory=lambda: {name: [] for name in CURVES})
    best: dict[str, np.ndarray] = field(default_factory=dict)  # weights, if they are to be restored

    @property
    def epochs(self) -> int:
        return len(self.history["loss"])

    @property
    def best_epoch(self) -> int:
        """The first epoch, from 1, with the best validation accuracy."""
        return 1 + int(np.argmax(self.history["val_accuracy"]))


def write_checkpoint(model: keras.Model, done: Training, run: Path) -> None:
    """Writes weights, optimizer state and history in one file, so that a kill can't part them."""
    arrays = {f"weights/{path}": array for path, array in get_weights(model).items()}
    arrays |= {f"optimizer/{v.path}": np.asarray(v) for v in model.optimizer.variables}
    arrays |= {f"history/{name}": np.asarray(values) for name, values in done.history.items()}
    arrays |= {f"best/{path}": array for path, array in done.best.items()}
    atomic.write(run / "checkpoint.npz", atomic.pack(arrays))
    atomic.write_json(run / "history.json", done.history)


def restore_checkpoint(model: keras.Model, checkpoint: Path) -> Training:
    """Loads a checkpoint into the model and returns its state; a fresh one if there is none.

    Raises ModelError if the checkpoint is damaged.
    """
    if not checkpoint.exists():
        return Training()
    try:
        arrays = atomic.unpack(checkpoint.read_bytes())
        set_weights(model, _part(arrays, "weights"))
        for variable in model.optimizer.variables:
            variable.assign(arrays[f"optimizer/{variable.path}"])
        history = {name: arrays[f"history/{name}"].tolist() for name in CURVES}
        return Training(history, _part(arrays, "best"))
    except (OSError, ValueError, KeyError, ModelError) as error:
        raise ModelError(
            f"The checkpoint of {checkpoint.parent.name} is damaged ({type(error).__name__}); "
            "delete the run, or only this file to train it from its start."
        ) from error


def _part(arrays: dict[str, np.ndarray], part: str) -> dict[str, np.ndarray]:
    return {
        name.removeprefix(f"{part}/"): array
        for name, array in arrays.items()
        if name.startswith(f"{part}/")
    }
