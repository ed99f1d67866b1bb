"""Training the scratch network: recipe, epochs, checkpoints, progress."""

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from imgrec import labels, networks, runs
from imgrec.approaches.scratch import preprocess
from imgrec.datasets import Cifar10
from imgrec.errors import DataError, ModelError


@dataclass(frozen=True)
class Recipe:
    """How the scratch network is trained; the defaults are the project's first recipe."""

    network: str = "classic"
    epochs: int = 30
    batch_size: int = 64
    learning_rate: float = 1e-3  # Adam's own default (Kingma & Ba 2015, section 2)
    validation_images: int = 5000  # taken from the training images, never from the test images
    limit: int | None = None  # use only so many of the training images
    mixed_precision: bool = False  # compute in bfloat16, keep the weights in float32
    seed: int = 1


@dataclass(frozen=True)
class Step:
    """Progress: `step` of `steps` batches of `epoch` (from 1) are done; its means so far."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    accuracy: float


class Batches(keras.utils.PyDataset):
    """Preprocessed batches of uint8 images and one-hot labels, in the given order."""

    def __init__(self, x: np.ndarray, y: np.ndarray, order: np.ndarray, batch_size: int):
        super().__init__()
        self.x, self.y, self.order, self.batch_size = x, y, order, batch_size

    def __len__(self) -> int:
        return -(-len(self.order) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        one_hot = np.eye(len(labels.CIFAR10), dtype="float32")[self.y[chosen]]
        return preprocess(self.x[chosen]), one_hot


def train_scratch(
    recipe: Recipe, data: Cifar10, run: Path, on_step: Callable[[Step], None] = lambda step: None
) -> dict[str, Any]:
    """Trains a scratch network into the directory `run` and returns its report.

    A run that was interrupted goes on after its last whole epoch. The order of the images and the
    dropout masks depend on the seed and the epoch alone, so that it ends as an unbroken run does.
    The test images are used once, after the last epoch.

    Raises DataError if the recipe leaves no images, ModelError if `run` holds a finished run or one
    of another recipe.
    """
    training, validation = split(len(data.x_train), recipe)
    _open_run(run, recipe)
    model = _compiled(recipe)
    history = _restore(model, run / "checkpoint.npz")
    steps = -(-len(training) // recipe.batch_size)
    for epoch in range(len(history["loss"]), recipe.epochs):
        started = time.perf_counter()
        _seed_dropout(model, recipe.seed, epoch)
        order = np.random.default_rng((recipe.seed, epoch)).permutation(training)
        epoch_history = model.fit(
            Batches(data.x_train, data.y_train, order, recipe.batch_size),
            validation_data=Batches(data.x_train, data.y_train, validation, 500),
            shuffle=False,
            verbose=0,
            callbacks=[_Progress(epoch, recipe.epochs, steps, on_step)],
        ).history
        for name, values in epoch_history.items():
            history[name].append(round(float(values[-1]), 6))
        history["seconds"].append(round(time.perf_counter() - started, 3))
        _checkpoint(model, history, run)
    return _finish(model, recipe, data, history, run)


def split(images: int, recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the training and the validation images, drawn with the recipe's seed."""
    used = min(images, recipe.limit or images)
    if used <= recipe.validation_images:
        raise DataError(
            f"{used} images leave none to train on after {recipe.validation_images} for "
            "validation; use more images or a smaller validation split."
        )
    shuffled = np.random.default_rng(recipe.seed).permutation(images)[:used]
    return np.sort(shuffled[recipe.validation_images :]), shuffled[: recipe.validation_images]


def _open_run(run: Path, recipe: Recipe) -> None:
    """Starts the directory, or checks that what is there is this recipe, unfinished."""
    config = {
        "network": recipe.network,
        "classes": list(labels.CIFAR10),
        "recipe": dataclasses.asdict(recipe),
    }
    if (run / "report.json").exists():
        raise ModelError(f"The run {run.name} has already finished; choose another name.")
    if (run / "config.json").exists():
        if runs.read_json(run / "config.json") != config:
            raise ModelError(
                f"The run {run.name} was started with another recipe; resume it with the same one "
                "or choose another name."
            )
        return
    run.mkdir(parents=True, exist_ok=True)
    runs.write_json(run / "config.json", config)


def _compiled(recipe: Recipe) -> keras.Model:
    keras.utils.set_random_seed(recipe.seed)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if recipe.mixed_precision else "float32")
    try:
        model = networks.SCRATCH[recipe.network]()
    finally:
        keras.config.set_dtype_policy(policy)
    model.compile(
        optimizer=keras.optimizers.Adam(recipe.learning_rate, name="adam"),
        loss="categorical_crossentropy",
        metrics=["accuracy"],
    )
    model.optimizer.build(model.trainable_variables)
    return model


def _seed_dropout(model: keras.Model, seed: int, epoch: int) -> None:
    """Makes the epoch's dropout masks depend on the seed and the epoch alone."""
    for number, layer in enumerate(model.layers):
        if isinstance(layer, keras.layers.Dropout):
            state = np.random.default_rng((seed, epoch, number)).integers(2**32, size=2)
            layer.seed_generator.state.assign(state.astype("uint32"))


def _checkpoint(model: keras.Model, history: runs.History, run: Path) -> None:
    """Weights, optimizer state and history in one file, so that a kill can't part them."""
    arrays = {f"weights/{path}": array for path, array in networks.get_weights(model).items()}
    arrays |= {f"optimizer/{v.path}": np.asarray(v) for v in model.optimizer.variables}
    arrays |= {f"history/{name}": np.asarray(values) for name, values in history.items()}
    runs.write(run / "checkpoint.npz", runs.pack(arrays))
    runs.write_json(run / "history.json", history)


def _restore(model: keras.Model, checkpoint: Path) -> runs.History:
    """Puts a checkpoint into the model and returns its history; an empty one without checkpoint."""
    history: runs.History = {
        name: [] for name in ("loss", "accuracy", "val_loss", "val_accuracy", "seconds")
    }
    if not checkpoint.exists():
        return history
    try:
        arrays = runs.unpack(checkpoint.read_bytes())
        networks.set_weights(model, _part(arrays, "weights"))
        for variable in model.optimizer.variables:
            variable.assign(arrays[f"optimizer/{variable.path}"])
        return {name: arrays[f"history/{name}"].tolist() for name in history}
    except (OSError, ValueError, KeyError, ModelError) as error:
        raise ModelError(
            f"The checkpoint of {checkpoint.parent.name} is damaged ({type(error).__name__}); "
            "delete it to train this run from its start."
        ) from error


def _part(arrays: dict[str, np.ndarray], part: str) -> dict[str, np.ndarray]:
    return {
        name.removeprefix(f"{part}/"): array
        for name, array in arrays.items()
        if name.startswith(f"{part}/")
    }


def _finish(
    model: keras.Model, recipe: Recipe, data: Cifar10, history: runs.History, run: Path
) -> dict[str, Any]:
    test = Batches(data.x_test, data.y_test, np.arange(len(data.x_test)), 500)
    test_loss, test_accuracy = model.evaluate(test, verbose=0)
    runs.save(
        run,
        config=runs.read_json(run / "config.json"),
        weights=networks.get_weights(model),
        history=history,
        report={
            "test_loss": round(test_loss, 6),
            "test_accuracy": round(test_accuracy, 6),
            "test_images": len(data.x_test),
            "seconds": round(sum(history["seconds"]), 1),
            "data_sha256": data.sha256(),
            "seed": recipe.seed,
        },
    )
    (run / "checkpoint.npz").unlink(missing_ok=True)
    return runs.read_json(run / "report.json")


class _Progress(keras.callbacks.Callback):
    """Tells the listener about each batch."""

    def __init__(self, epoch: int, epochs: int, steps: int, listener: Callable[[Step], None]):
        super().__init__()
        self.tell = lambda step, logs: listener(
            Step(epoch + 1, epochs, step, steps, logs["loss"], logs["accuracy"])
        )

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self.tell(batch + 1, logs or {})
