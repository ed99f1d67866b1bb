"""Trains the scratch network: batches, epochs, checkpoints, the final evaluation."""

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from PIL import Image

from imgrec.approaches.scratch import preprocess
from imgrec.data import labels
from imgrec.data.cifar10 import Cifar10
from imgrec.errors import DataError
from imgrec.files import atomic
from imgrec.metrics import calibration
from imgrec.metrics.calibration import Calibration, Score
from imgrec.models import calibration_file, store
from imgrec.models.run_control import pending_command, unusable
from imgrec.models.run_log import STRIP, STRIP_TURNS, RunLog, Step
from imgrec.networks import test_time_augmentation as tta
from imgrec.networks.cifar10 import SCRATCH
from imgrec.networks.inference import Logits, compile_with_logits
from imgrec.networks.weights import get_weights, set_weights
from imgrec.training.augmentation import Augmentation
from imgrec.training.checkpoint import CURVES, Training, restore_checkpoint, write_checkpoint
from imgrec.training.compilation import compiled
from imgrec.training.recipes import Recipe, open_run
from imgrec.training.tensorboard import ScalarLog

EVALUATION_BATCH = 500


class Batches(keras.utils.PyDataset):
    """Preprocessed batches of uint8 images and one-hot labels, in the given order."""

    def __init__(
        self,
        x: np.ndarray,
        y: np.ndarray,
        order: np.ndarray,
        batch_size: int,
        augmentation: Augmentation | None = None,
    ):
        super().__init__()
        self.x, self.y, self.order, self.batch_size = x, y, order, batch_size
        self.augmentation = augmentation

    def __len__(self) -> int:
        return -(-len(self.order) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        images = self.x[chosen]
        if self.augmentation is not None:
            images = self.augmentation.of_batch(images, chosen, index)
        one_hot = np.eye(len(labels.CIFAR10), dtype="float32")[self.y[chosen]]
        return preprocess(images), one_hot


def train_scratch(
    recipe: Recipe,
    data: Cifar10,
    run: Path,
    on_step: Callable[[Step], None] = lambda step: None,
    **options: Any,
) -> dict[str, Any]:
    """Trains in the directory `run` as `epoch_by_epoch` does, and returns the report."""
    for _ in epoch_by_epoch(recipe, data, run, on_step, **options):
        pass
    return atomic.read_json(run / "report.json")


def epoch_by_epoch(
    recipe: Recipe,
    data: Cifar10,
    run: Path,
    on_step: Callable[[Step], None] = lambda step: None,
    *,
    seconds: float | None = None,
    tensorboard: bool = False,
    several: bool = True,
) -> Iterator[int]:
    """Trains a scratch network in the directory `run` and yields after each epoch.

    Yields the number of epochs that are done and saved in the checkpoint and the history. The first
    step includes the set-up; the step after the last epoch evaluates and writes the report.

    An interrupted run resumes after its last whole epoch. The order of the images, their
    augmentation and the dropout masks depend on the seed and the epoch alone, so a resumed run ends
    as an uninterrupted one does. The test images are used once, after the last epoch, to evaluate
    the weights that are kept: on a single view and, unless `several` is false, with test-time
    augmentation (`imgrec.networks.test_time_augmentation`). Events go to the run log and commands
    from the control file are applied; with `tensorboard`, the curves also go to TensorBoard's files
    in the run's directory.

    Raises DataError if the recipe leaves no images, ModelError if `run` holds a finished run, one
    of another recipe, a damaged checkpoint, or can't be written; StopTrainingError if a stop is
    requested or the training has taken `seconds`.
    """
    training, validation = split(len(data.x_train), recipe)
    open_run(run, recipe)
    steps = -(-len(training) // recipe.batch_size)
    model = compiled(recipe, steps, data.x_train)
    done = restore_checkpoint(model, run / "checkpoint.npz")
    try:
        strip = validation[draw_strip(run, data.x_train[validation], data.y_train[validation])]
        run_log = RunLog(run, seconds)
        run_log.write(
            "started",
            epoch=done.epochs,
            epochs=recipe.epochs,
            images=len(training),
            steps=steps,
            strip=data.y_train[strip].tolist(),
        )
        run_log.apply_command()
        log = ScalarLog(run / "tensorboard") if tensorboard else None
        callback = _ProgressCallback(
            recipe, steps, run_log, preprocess(data.x_train[strip]), on_step
        )
        while not _is_over(done, recipe, run):
            _train_epoch(model, recipe, data, training, validation, done, run_log, callback)
            write_checkpoint(model, done, run)
            if log:
                log.write(done.epochs, {name: done.history[name][-1] for name in CURVES[:-1]})
            yield done.epochs
        run_log.write("measuring")
        report = _finish(model, recipe, data, done, run, several)
        run_log.write(
            "finished",
            epoch=done.epochs,
            test_accuracy=report["test_accuracy"],
            test_loss=report["test_loss"],
        )
    except OSError as error:
        raise unusable(run, error) from error


def split(images: int, recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    """Returns the indices of the training and the validation images, drawn with the recipe's seed.

    Raises DataError if the validation split leaves no images to train on.
    """
    most = images - recipe.validation_images
    if most < 1:
        raise DataError(
            f"{images} images leave none to train on after {recipe.validation_images} for "
            "validation; use more images or a smaller validation split."
        )
    used = recipe.validation_images + min(recipe.limit or most, most)
    shuffled = np.random.default_rng(recipe.seed).permutation(images)[:used]
    return np.sort(shuffled[recipe.validation_images :]), shuffled[: recipe.validation_images]


def _is_over(done: Training, recipe: Recipe, run: Path) -> bool:
    """Returns whether the training is over: all epochs, out of patience, or a finish command."""
    if done.epochs == 0:
        return False
    waited = done.epochs - done.best_epoch
    out_of_patience = 0 < recipe.patience <= waited
    return done.epochs >= recipe.epochs or out_of_patience or pending_command(run) == "finish"


def _train_epoch(
    model: keras.Model,
    recipe: Recipe,
    data: Cifar10,
    training: np.ndarray,
    validation: np.ndarray,
    done: Training,
    run_log: RunLog,
    callback: "_ProgressCallback",
) -> None:
    """Trains and validates one epoch; appends the results to `done`."""
    epoch = done.epochs
    callback.epoch = epoch + 1
    run_log.epoch_starts()
    _seed_dropout(model, recipe.seed, epoch)
    order = np.random.default_rng((recipe.seed, epoch)).permutation(training)
    augmentation = Augmentation.of(recipe, epoch)
    history = model.fit(
        Batches(data.x_train, data.y_train, order, recipe.batch_size, augmentation),
        validation_data=Batches(data.x_train, data.y_train, validation, EVALUATION_BATCH),
        shuffle=False,
        verbose=0,
        callbacks=[callback],
    ).history
    means = {name: round(float(values[-1]), 6) for name, values in history.items()}
    means["seconds"] = run_log.epoch_ends(**means)
    for name, value in means.items():
        done.history[name].append(value)
    if recipe.restore_best and done.best_epoch == done.epochs:
        done.best = get_weights(model)


def _seed_dropout(model: keras.Model, seed: int, epoch: int) -> None:
    """Makes the epoch's dropout masks depend on the seed and the epoch alone."""
    for number, layer in enumerate(model.layers):
        if isinstance(layer, keras.layers.Dropout) and layer.rate > 0:
            state = np.random.default_rng((seed, epoch, number)).integers(2**32, size=2)
            layer.seed_generator.state.assign(state.astype("uint32"))


def _finish(
    model: keras.Model,
    recipe: Recipe,
    data: Cifar10,
    done: Training,
    run: Path,
    several: bool,
) -> dict[str, Any]:
    """Evaluates the weights that are kept, as they will be served, and writes the directory."""
    kept = done.best_epoch if recipe.restore_best else done.epochs
    weights = done.best if recipe.restore_best else get_weights(model)
    if recipe.mixed_precision:  # it was trained to be read at bfloat16's lower precision
        weights = {path: array.astype("float16") for path, array in weights.items()}
    served = SCRATCH[recipe.network](dropout=recipe.dropout)
    set_weights(served, weights)
    _, logits = compile_with_logits(served)
    right = data.y_test.astype(int)
    outputs = _logits_of(logits, data.x_test)
    losses = keras.losses.sparse_categorical_crossentropy(right, outputs, from_logits=True)
    measured = {
        "test_loss": round(float(np.mean(losses)), 6),
        "test_accuracy": _accuracy(outputs, right),
    }
    if several:
        of_views = _logits_of(partial(tta.predict_with_tta, logits), data.x_test)
        measured["test_accuracy_views"] = _accuracy(of_views, right)
    calibration_of_run = calibrate_network(logits, recipe, data)
    store.save(
        run,
        config=atomic.read_json(run / "config.json"),
        weights=weights,
        history=done.history,
        report={
            **measured,
            "test_images": len(data.x_test),
            "epochs": done.epochs,
            "kept_epoch": kept,
            "val_accuracy": done.history["val_accuracy"][kept - 1],
            "seconds": round(sum(done.history["seconds"]), 1),
            "data_sha256": data.sha256(),
            "seed": recipe.seed,
        },
    )
    if calibration_of_run:
        with contextlib.suppress(OSError):  # the run is complete without it
            calibration_file.write(run, calibration_of_run)
    (run / "checkpoint.npz").unlink(missing_ok=True)
    return atomic.read_json(run / "report.json")


def calibrate_network(logits: Logits, recipe: Recipe, data: Cifar10) -> Calibration | None:
    """Calibrates a network, given by its logits, on its recipe's validation images.

    Returns None if they are too few.
    """
    _, validation = split(len(data.x_train), recipe)
    outputs = _logits_of(logits, data.x_train[validation])
    right = data.y_train[validation].astype(int)
    # Label smoothing pulls the logits of all images to one magnitude (Müller et al. 2019,
    # https://arxiv.org/abs/1906.02629); `scripts/evaluate.py unfamiliar` compares the scores.
    score: Score = "maximum_probability" if recipe.label_smoothing else "energy"
    return calibration.calibrate_multiclass(outputs, right, "the validation images", score)


def _logits_of(logits: Logits, images: np.ndarray) -> np.ndarray:
    """Returns logits (n, 10) of images uint8 (n, 32, 32, 3)."""
    starts = range(0, len(images), EVALUATION_BATCH)
    return np.concatenate(
        [logits(preprocess(images[start : start + EVALUATION_BATCH])) for start in starts]
    )


def _accuracy(outputs: np.ndarray, right: np.ndarray) -> float:
    return round(float((outputs.argmax(axis=1) == right).mean()), 6)


class _ProgressCallback(keras.callbacks.Callback):
    """After each batch: reports to the listener and the run log, and applies commands."""

    def __init__(
        self,
        recipe: Recipe,
        steps: int,
        run_log: RunLog,
        strip: np.ndarray,
        on_step: Callable[[Step], None],
    ):
        super().__init__()
        self.epoch = 1
        self.epochs, self.steps = recipe.epochs, steps
        self.run_log, self.strip, self.on_step = run_log, strip, on_step

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        means = logs or {}
        step = Step(
            self.epoch, self.epochs, batch + 1, self.steps, means["loss"], means["accuracy"]
        )
        self.on_step(step)
        if self.run_log.step(step):
            guessed = self.model.predict_on_batch(self.strip).argmax(axis=1)
            self.run_log.write("guesses", guessed=guessed.tolist())
        self.run_log.apply_command()


def draw_strip(run: Path, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Writes the first images of each class, side by side, as a PNG, and returns their indices.

    `x` is uint8 (n, 32, 32, 3), `y` the class indices (n,). The strip holds the first image of each
    class, then the second of each, and so on.
    """
    of_class = [np.flatnonzero(y == number) for number in range(len(labels.CIFAR10))]
    chosen = np.array([m[turn] for turn in range(STRIP_TURNS) for m in of_class if turn < len(m)])
    picture = Image.fromarray(np.concatenate(x[chosen], axis=1))  # (32, 32 × n, 3)
    temporary = run / f".{STRIP}.tmp"
    picture.save(temporary, "PNG")
    temporary.replace(run / STRIP)
    return chosen
