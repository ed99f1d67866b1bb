"""Training the scratch network: batches, epochs, checkpoints, the final measurement."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from imgrec.approaches.scratch import preprocess
from imgrec.data import labels
from imgrec.data.cifar10 import Cifar10
from imgrec.errors import DataError, ModelError
from imgrec.metrics import calibration
from imgrec.metrics.calibration import Calibration
from imgrec.models import store
from imgrec.models.run_log import Journal, Step, draw_strip, open_run, unusable, wish_of
from imgrec.networks import cifar10 as networks
from imgrec.networks import test_time_augmentation as tta
from imgrec.networks.inference import Logits, ready_with_logits
from imgrec.training import whitening
from imgrec.training.augmentation import Augmentation
from imgrec.training.muon import FilterMuon
from imgrec.training.recipes import CIFAR10_TRAINING_IMAGES, USUAL, Recipe
from imgrec.training.tensorboard import ScalarLog

EVALUATION_BATCH = 500
WARM_UP = 0.1  # of all steps, with the schedule of that name
CURVES = ("loss", "accuracy", "val_loss", "val_accuracy", "seconds")


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


@dataclass
class _Training:
    """What changes from epoch to epoch, beside the model."""

    history: store.History = field(default_factory=lambda: {name: [] for name in CURVES})
    best: dict[str, np.ndarray] = field(default_factory=dict)  # weights, if they are to be restored

    @property
    def epochs(self) -> int:
        return len(self.history["loss"])

    @property
    def best_epoch(self) -> int:
        """The first epoch, from 1, with the best validation accuracy."""
        return 1 + int(np.argmax(self.history["val_accuracy"]))


def train_scratch(
    recipe: Recipe,
    data: Cifar10,
    run: Path,
    on_step: Callable[[Step], None] = lambda step: None,
    **options: Any,
) -> dict[str, Any]:
    """Trains into the directory `run` as `epoch_by_epoch` does, and returns the report."""
    for _ in epoch_by_epoch(recipe, data, run, on_step, **options):
        pass
    return store.read_json(run / "report.json")


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
    """Trains a scratch network into the directory `run` and pauses after each epoch.

    Yields how many epochs are done, and in the checkpoint and the history. The first one takes the
    set-up along; what follows the last one measures and writes the report.

    A run that was interrupted goes on after its last whole epoch. The order of the images, their
    augmentation and the dropout masks depend on the seed and the epoch alone, so that it ends as an
    unbroken run does. The test images are used once, after the last epoch, on the weights that are
    kept, with one look and, unless `several` is false, with several
    (`imgrec.networks.test_time_augmentation`). What happens is written into the run's journal,
    whose wishes are obeyed; with `tensorboard`, also into TensorBoard's files beside it.

    Raises DataError if the recipe leaves no images, ModelError if `run` holds a finished run, one
    of another recipe, a damaged checkpoint, or can't be written; StopTrainingError if a stop is
    wished or the training has taken `seconds`.
    """
    training, validation = split(len(data.x_train), recipe)
    open_run(run, recipe)
    steps = -(-len(training) // recipe.batch_size)
    model = _compiled(recipe, steps, data.x_train)
    done = _restore(model, run / "checkpoint.npz")
    try:
        strip = validation[draw_strip(run, data.x_train[validation], data.y_train[validation])]
        journal = Journal(run, seconds)
        journal.write(
            "started",
            epoch=done.epochs,
            epochs=recipe.epochs,
            images=len(training),
            steps=steps,
            strip=data.y_train[strip].tolist(),
        )
        journal.obey()
        log = ScalarLog(run / "tensorboard") if tensorboard else None
        follower = _Follower(recipe, steps, journal, preprocess(data.x_train[strip]), on_step)
        while not _is_over(done, recipe, run):
            _train_epoch(model, recipe, data, training, validation, done, journal, follower)
            _checkpoint(model, done, run)
            if log:
                log.write(done.epochs, {name: done.history[name][-1] for name in CURVES[:-1]})
            yield done.epochs
        journal.write("measuring")
        report = _finish(model, recipe, data, done, run, several)
        journal.write(
            "finished",
            epoch=done.epochs,
            test_accuracy=report["test_accuracy"],
            test_loss=report["test_loss"],
        )
    except OSError as error:
        raise unusable(run, error) from error


def split(images: int, recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the training and the validation images, drawn with the recipe's seed."""
    most = images - recipe.validation_images
    if most < 1:
        raise DataError(
            f"{images} images leave none to train on after {recipe.validation_images} for "
            "validation; use more images or a smaller validation split."
        )
    used = recipe.validation_images + min(recipe.limit or most, most)
    shuffled = np.random.default_rng(recipe.seed).permutation(images)[:used]
    return np.sort(shuffled[recipe.validation_images :]), shuffled[: recipe.validation_images]


def _is_over(done: _Training, recipe: Recipe, run: Path) -> bool:
    """Whether no further epoch is to be trained."""
    if done.epochs == 0:
        return False
    waited = done.epochs - done.best_epoch
    out_of_patience = 0 < recipe.patience <= waited
    return done.epochs >= recipe.epochs or out_of_patience or wish_of(run) == "finish"


def _train_epoch(
    model: keras.Model,
    recipe: Recipe,
    data: Cifar10,
    training: np.ndarray,
    validation: np.ndarray,
    done: _Training,
    journal: Journal,
    follower: "_Follower",
) -> None:
    """One epoch and its validation; `done` gets what came of it."""
    epoch = done.epochs
    follower.epoch = epoch + 1
    journal.epoch_starts()
    _seed_dropout(model, recipe.seed, epoch)
    order = np.random.default_rng((recipe.seed, epoch)).permutation(training)
    augmentation = Augmentation.of(recipe, epoch)
    history = model.fit(
        Batches(data.x_train, data.y_train, order, recipe.batch_size, augmentation),
        validation_data=Batches(data.x_train, data.y_train, validation, EVALUATION_BATCH),
        shuffle=False,
        verbose=0,
        callbacks=[follower],
    ).history
    means = {name: round(float(values[-1]), 6) for name, values in history.items()}
    means["seconds"] = journal.epoch_ends(**means)
    for name, value in means.items():
        done.history[name].append(value)
    if recipe.restore_best and done.best_epoch == done.epochs:
        done.best = networks.get_weights(model)


def _compiled(recipe: Recipe, steps: int, images: np.ndarray) -> keras.Model:
    """The network with fresh weights, ready to be trained for `steps` steps an epoch.

    Of the `images`, uint8 (n, 32, 32, 3), some set the first layer where the recipe wants it.
    """
    keras.utils.set_random_seed(recipe.seed)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if recipe.mixed_precision else "float32")
    try:
        model = networks.SCRATCH[recipe.network](dropout=recipe.dropout)
    finally:
        keras.config.set_dtype_policy(policy)
    if recipe.whitening:
        some = model.get_layer("normalize")(preprocess(images[: whitening.IMAGES]))
        whitening.whiten(model.get_layer("whiten"), np.asarray(some, "float32"))
    model.compile(
        optimizer=_optimizer(recipe, steps),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing),
        metrics=["accuracy"],
    )
    model.optimizer.build(model.trainable_variables)
    return model


def _optimizer(recipe: Recipe, steps: int) -> keras.optimizers.Optimizer:
    """The optimizer with its learning rate; its name is fixed, for checkpoints go by it."""
    rate = _learning_rate(recipe, steps * recipe.epochs)
    match recipe.optimizer:
        case "sgd":  # Sutskever et al. 2013, "On the importance of initialization and momentum"
            return keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, name="sgd")
        case "adamw":
            return keras.optimizers.AdamW(rate, name="adamw")
        case "rmsprop":
            return keras.optimizers.RMSprop(rate, name="rmsprop")
        case "muon":
            return FilterMuon(rate, name="muon")
    return keras.optimizers.Adam(rate, name="adam")


def _learning_rate(
    recipe: Recipe, steps: int
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """The recipe's rate, or its schedule over all `steps` (cosine: Loshchilov & Hutter 2017)."""
    rate, cosine = recipe.learning_rate, keras.optimizers.schedules.CosineDecay
    match recipe.schedule:
        case "cosine":
            return cosine(rate, steps)
        case "warm-up and cosine":
            warm_up = max(1, round(WARM_UP * steps))
            return cosine(0.0, max(1, steps - warm_up), warmup_target=rate, warmup_steps=warm_up)
        case "linear":
            return keras.optimizers.schedules.PolynomialDecay(rate, steps, end_learning_rate=0.0)
    return rate


def _seed_dropout(model: keras.Model, seed: int, epoch: int) -> None:
    """Makes the epoch's dropout masks depend on the seed and the epoch alone."""
    for number, layer in enumerate(model.layers):
        if isinstance(layer, keras.layers.Dropout) and layer.rate > 0:
            state = np.random.default_rng((seed, epoch, number)).integers(2**32, size=2)
            layer.seed_generator.state.assign(state.astype("uint32"))


def _checkpoint(model: keras.Model, done: _Training, run: Path) -> None:
    """Weights, optimizer state and history in one file, so that a kill can't part them."""
    arrays = {f"weights/{path}": array for path, array in networks.get_weights(model).items()}
    arrays |= {f"optimizer/{v.path}": np.asarray(v) for v in model.optimizer.variables}
    arrays |= {f"history/{name}": np.asarray(values) for name, values in done.history.items()}
    arrays |= {f"best/{path}": array for path, array in done.best.items()}
    store.write(run / "checkpoint.npz", store.pack(arrays))
    store.write_json(run / "history.json", done.history)


def _restore(model: keras.Model, checkpoint: Path) -> _Training:
    """Puts a checkpoint into the model and returns how far it was; without one, the very start."""
    if not checkpoint.exists():
        return _Training()
    try:
        arrays = store.unpack(checkpoint.read_bytes())
        networks.set_weights(model, _part(arrays, "weights"))
        for variable in model.optimizer.variables:
            variable.assign(arrays[f"optimizer/{variable.path}"])
        history = {name: arrays[f"history/{name}"].tolist() for name in CURVES}
        return _Training(history, _part(arrays, "best"))
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


def _finish(
    model: keras.Model,
    recipe: Recipe,
    data: Cifar10,
    done: _Training,
    run: Path,
    several: bool,
) -> dict[str, Any]:
    """Measures the weights that are kept, as they will be served, and writes the directory."""
    kept = done.best_epoch if recipe.restore_best else done.epochs
    weights = done.best if recipe.restore_best else networks.get_weights(model)
    if recipe.mixed_precision:  # it was trained to be read with the fewer digits of bfloat16
        weights = {path: array.astype("float16") for path, array in weights.items()}
    served = networks.SCRATCH[recipe.network](dropout=recipe.dropout)
    networks.set_weights(served, weights)
    _, logits = ready_with_logits(served)
    right = data.y_test.astype(int)
    said = _said(logits, data.x_test)
    losses = keras.losses.sparse_categorical_crossentropy(right, said, from_logits=True)
    measured = {
        "test_loss": round(float(np.mean(losses)), 6),
        "test_accuracy": _accuracy(said, right),
    }
    if several:
        of_views = _said(partial(tta.averaged, logits), data.x_test)
        measured["test_accuracy_views"] = _accuracy(of_views, right)
    believed = calibrated(logits, recipe, data)
    store.save(
        run,
        config=store.read_json(run / "config.json"),
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
    if believed:
        with contextlib.suppress(OSError):  # the run is whole without it
            calibration.write(run, believed)
    (run / "checkpoint.npz").unlink(missing_ok=True)
    return store.read_json(run / "report.json")


def calibrated(logits: Logits, recipe: Recipe, data: Cifar10) -> Calibration | None:
    """The calibration of a network, given by its logits, on its recipe's validation images.

    None if they are too few.
    """
    _, validation = split(len(data.x_train), recipe)
    said = _said(logits, data.x_train[validation])
    right = data.y_train[validation].astype(int)
    # Smoothed labels draw the logits of all images to one size (Müller et al. 2019,
    # https://arxiv.org/abs/1906.02629): `scripts/evaluate.py unfamiliar` compares the scores.
    score = "maximum_probability" if recipe.label_smoothing else "energy"
    return calibration.of_classes(said, right, "the validation images", score)


def _said(logits: Logits, images: np.ndarray) -> np.ndarray:
    """Logits (n, 10) of images uint8 (n, 32, 32, 3)."""
    starts = range(0, len(images), EVALUATION_BATCH)
    return np.concatenate(
        [logits(preprocess(images[start : start + EVALUATION_BATCH])) for start in starts]
    )


def _accuracy(said: np.ndarray, right: np.ndarray) -> float:
    return round(float((said.argmax(axis=1) == right).mean()), 6)


class _Follower(keras.callbacks.Callback):
    """After each batch: tells the listener and the journal, and obeys what is wished."""

    def __init__(
        self,
        recipe: Recipe,
        steps: int,
        journal: Journal,
        strip: np.ndarray,
        on_step: Callable[[Step], None],
    ):
        super().__init__()
        self.epoch = 1
        self.epochs, self.steps = recipe.epochs, steps
        self.journal, self.strip, self.on_step = journal, strip, on_step

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        means = logs or {}
        step = Step(
            self.epoch, self.epochs, batch + 1, self.steps, means["loss"], means["accuracy"]
        )
        self.on_step(step)
        if self.journal.step(step):
            guessed = self.model.predict_on_batch(self.strip).argmax(axis=1)
            self.journal.write("guesses", guessed=guessed.tolist())
        self.journal.obey()


TIMED_STEPS = 3
TIMED_IMAGES = 500  # at most in a step: beyond, its time grows nearly as their number
WORTHWHILE = 0.9  # of the time in float32


def estimated_seconds(recipe: Recipe) -> float:
    """How long the recipe takes on this machine, from a few timed steps; early stops not counted.

    The first call for a network, batch size, optimizer and precision takes some seconds.
    """
    training, validation = split(CIFAR10_TRAINING_IMAGES, recipe)
    a_training_image, a_validation_image = _timed(
        recipe.network, recipe.optimizer, recipe.batch_size, recipe.mixed_precision
    )
    an_epoch = len(training) * a_training_image + len(validation) * a_validation_image
    return recipe.epochs * an_epoch


def gains_by_bfloat16() -> bool:
    """Whether this processor trains the classic network noticeably faster in bfloat16, measured."""
    usual = USUAL["classic"]
    (float32, _), (bfloat16, _) = (
        _timed(usual.network, usual.optimizer, usual.batch_size, mixed) for mixed in (False, True)
    )
    return bfloat16 < WORTHWHILE * float32


@lru_cache(maxsize=64)
def _timed(
    network: str, optimizer: str, batch_size: int, mixed_precision: bool
) -> tuple[float, float]:
    """Seconds for an image in a training step, and in validation; medians of a few steps."""
    recipe = replace(
        USUAL[network],
        optimizer=optimizer,
        batch_size=min(batch_size, TIMED_IMAGES),
        mixed_precision=mixed_precision,
    )
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (EVALUATION_BATCH, 32, 32, 3), dtype=np.uint8)
    classes = random.integers(0, len(labels.CIFAR10), EVALUATION_BATCH, dtype=np.uint8)
    model = _compiled(recipe, 1, images)

    def seconds(
        work: Callable[..., object], batch: int, augmentation: Augmentation | None = None
    ) -> float:
        batches = Batches(images, classes, np.arange(batch), batch, augmentation)
        work(*batches[0])  # compiles
        times = []
        for _ in range(TIMED_STEPS):
            started = time.perf_counter()
            work(*batches[0])
            times.append(time.perf_counter() - started)
        return float(np.median(times)) / batch

    step = seconds(model.train_on_batch, recipe.batch_size, Augmentation.of(recipe, 0))
    return step, seconds(model.test_on_batch, EVALUATION_BATCH)
