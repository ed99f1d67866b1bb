"""Transfer learning: features of labelled photos, extracted once, and a small head on top."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from PIL import Image

from imgrec.approaches import vgg16
from imgrec.errors import CancelledError, DataError, ImageError
from imgrec.files import atomic
from imgrec.files.paths import MODELS, cache_dir
from imgrec.images.decode import open_image
from imgrec.metrics import calibration
from imgrec.metrics.calibration import Calibration
from imgrec.metrics.classification import binary_metrics
from imgrec.models import calibration_file, store
from imgrec.networks.heads import HEADS
from imgrec.networks.inference import BATCH
from imgrec.networks.weights import get_weights
from imgrec.training.recipes import HeadRecipe

SHIPPED = "dog_pooled_64"  # the head whose photos' features ship
CALIBRATION_FOLDS = 5


@dataclass(frozen=True)
class Photos:
    """Labelled photos: float16 features (n, 7, 7, 512), labels (n,), 1 for the positive class."""

    files: tuple[str, ...]
    features: np.ndarray
    labels: np.ndarray

    def subset(self, chosen: np.ndarray) -> "Photos":
        """Returns the photos where `chosen`, bool (n,), is true."""
        files = tuple(file for file, kept in zip(self.files, chosen, strict=True) if kept)
        return Photos(files, self.features[chosen], self.labels[chosen])

    def sha256(self) -> str:
        """Returns the hash of features and labels together."""
        return atomic.sha256(self.features.tobytes() + self.labels.tobytes())


def shipped_photos() -> Photos:
    """Loads the 64 photos whose features ship with the project."""
    return photos_of(MODELS / SHIPPED)


def photos_of(folder: Path) -> Photos:
    """Loads the photos whose features were saved in a head's directory.

    Raises OSError if they weren't, ValueError or KeyError if the file is damaged.
    """
    arrays = atomic.unpack((folder / "features.npz").read_bytes())
    return Photos(tuple(arrays["files"].tolist()), arrays["features"], arrays["labels"])


def extract(
    files: Sequence[tuple[Path, int]],
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    on_bad: Callable[[Path, ImageError], None] = lambda file, error: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Photos:
    """Returns the features of labelled photos, from the cache if it has a photo's content.

    A photo that can't be used is passed to `on_bad` and left out. Raises DataError unless photos of
    both classes remain, CancelledError if `cancelled()` became true.
    """
    kept: list[tuple[Path, int, np.ndarray]] = []
    for start in range(0, len(files), BATCH):
        if cancelled():
            raise CancelledError("The extraction was stopped; what it found is kept.")
        batch = files[start : start + BATCH]
        known = _features([file for file, _ in batch], on_bad)
        kept += [(file, label, known[file]) for file, label in batch if file in known]
        on_progress(start + len(batch), len(files))
    if len({label for _, label, _ in kept}) < 2:
        raise DataError("There are no usable photos of one of the two classes; add some.")
    return Photos(
        tuple(file.name for file, _, _ in kept),
        np.stack([feature for _, _, feature in kept]),
        np.array([label for _, label, _ in kept], "float32"),
    )


def _features(
    files: Sequence[Path], on_bad: Callable[[Path, ImageError], None]
) -> dict[Path, np.ndarray]:
    """Returns features by file, with one forward pass over the pictures not in the cache."""
    known: dict[Path, np.ndarray] = {}
    unknown: dict[Path, Image.Image] = {}
    for file in files:
        try:
            cached = _cached(_cache_file(file))
            if cached is not None:
                known[file] = cached
            else:
                unknown[file] = open_image(file)
        except ImageError as error:
            on_bad(file, error)
    if unknown:
        extracted = vgg16.base_features(list(unknown.values())).astype("float16")
        for file, feature in zip(unknown, extracted, strict=True):
            _cache_file(file).parent.mkdir(parents=True, exist_ok=True)
            atomic.write(_cache_file(file), atomic.pack({"features": feature}))
            known[file] = feature
    return known


def _cache_file(photo: Path) -> Path:
    """Returns the path of a photo's cached features, which depends on its content, not its name.

    Raises ImageError if the photo can't be read.
    """
    try:
        content = photo.read_bytes()
    except OSError as error:
        raise ImageError(f"{photo.name} cannot be read ({error.strerror}).") from error
    return cache_dir() / "features" / f"{atomic.sha256(content)}.npz"


def _cached(file: Path) -> np.ndarray | None:
    try:
        return atomic.unpack(file.read_bytes())["features"]
    except (OSError, ValueError, KeyError):
        return None  # missing or damaged: it will be computed again


def train_head(recipe: HeadRecipe, photos: Photos) -> tuple[keras.Model, store.History]:
    """Trains a head on features; returns it with its loss and accuracy after each epoch.

    The layers without weights run once, before the training, because their output never changes. If
    the recipe holds photos out for validation, the history also has `val_loss` and `val_accuracy`.
    Raises DataError if a class has no photos left to train on.
    """
    keras.utils.set_random_seed(recipe.seed)
    head = HEADS[recipe.head](**recipe.options)
    first = next(i for i, layer in enumerate(head.layers) if layer.weights)
    fixed, trained = keras.Sequential(head.layers[:first]), keras.Sequential(head.layers[first:])
    inputs = np.asarray(fixed(photos.features.astype("float32")))
    trained.compile(
        keras.optimizers.Adam(recipe.learning_rate), "binary_crossentropy", metrics=["accuracy"]
    )
    validation = validation_mask(recipe, photos)
    training = np.flatnonzero(~validation)
    share = photos.labels[training].mean()
    weights = {0: 0.5 / (1 - share), 1: 0.5 / share}
    random = np.random.default_rng(recipe.seed)
    history: store.History = {"loss": [], "accuracy": []}
    if validation.any():
        history |= {"val_loss": [], "val_accuracy": []}
    for _ in range(recipe.epochs):
        # Batch by batch: on so little data, `fit` would spend nearly all its time on set-up.
        trained.reset_metrics()
        order = random.permutation(training)
        for start in range(0, len(order), recipe.batch_size):
            chosen = order[start : start + recipe.batch_size]
            means = trained.train_on_batch(
                inputs[chosen], photos.labels[chosen, None], class_weight=weights, return_dict=True
            )
        if validation.any():
            trained.reset_metrics()
            validated = trained.test_on_batch(
                inputs[validation], photos.labels[validation, None], return_dict=True
            )
            means |= {f"val_{name}": value for name, value in validated.items()}
        for name, values in history.items():
            values.append(round(float(means[name]), 6))
    return head, history


def validation_mask(recipe: HeadRecipe, photos: Photos) -> np.ndarray:
    """Returns which photos are held out for validation, bool (n,): the recipe's share per class.

    Raises DataError if a class has none left to train on.
    """
    mask = np.zeros(len(photos.labels), bool)
    random = np.random.default_rng((recipe.seed, len(photos.labels)))
    for label in (0, 1):
        members = random.permutation(np.flatnonzero(photos.labels == label))
        count = math.ceil(recipe.apart * len(members))
        if count >= len(members):
            raise DataError("A class has no photos left to train on; keep fewer apart.")
        mask[members[:count]] = True
    return mask


def evaluate(head: keras.Model, photos: Photos) -> dict[str, Any]:
    """Returns a head's accuracy with interval, balanced accuracy and ROC AUC on held-out photos."""
    probabilities = head.predict(photos.features, batch_size=BATCH, verbose=0)[:, 0]
    measured = binary_metrics(probabilities, photos.labels > 0.5)
    return {"photos": len(photos.labels), "sha256": photos.sha256(), **measured}


def cross_validate(recipe: HeadRecipe, photos: Photos, folds: int) -> dict[str, Any]:
    """Returns the same figures as `evaluate`, from stratified k-fold cross-validation.

    Each photo is evaluated by a head that was trained without it. Raises DataError unless each fold
    can have a photo of each class.
    """
    probabilities = _out_of_fold(recipe, photos, folds)
    measured = binary_metrics(probabilities, photos.labels > 0.5)
    return {"photos": len(photos.labels), "folds": folds, **measured}


def calibrate_head(recipe: HeadRecipe, photos: Photos) -> Calibration | None:
    """Returns the calibration of the recipe's head on the photos; None if they are too few.

    It is measured by cross-validation on the photos that are not held out, because a head is far
    too confident on the photos that it was trained on.
    """
    taught = photos.subset(~validation_mask(recipe, photos))
    recipe = dataclasses.replace(recipe, apart=0.0)
    folds = min(CALIBRATION_FOLDS, *(int((taught.labels == label).sum()) for label in (0, 1)))
    if folds < 2 or len(taught.labels) < calibration.MIN_IMAGES:
        return None
    logits = _out_of_fold(recipe, taught, folds, logits=True)
    split = f"{folds}-fold cross-validation over the photos it was trained on"
    return calibration.calibrate_binary(logits, taught.labels == 1, split)


def _out_of_fold(
    recipe: HeadRecipe, photos: Photos, folds: int, logits: bool = False
) -> np.ndarray:
    """Returns out-of-fold probabilities or logits (n,), by heads trained without the photo.

    The folds are stratified. Raises DataError unless each can have a photo of each class.
    """
    max_folds = min(int((photos.labels == label).sum()) for label in (0, 1))
    if not 2 <= folds <= max_folds:
        raise DataError(f"{folds} folds don't fit; choose from 2 to {max_folds}.")
    fold = np.empty(len(photos.labels), int)
    random = np.random.default_rng(recipe.seed)
    for label in (0, 1):
        members = random.permutation(np.flatnonzero(photos.labels == label))
        fold[members] = np.arange(len(members)) % folds
    outputs = np.empty(len(photos.labels))
    for number in range(folds):
        head, _ = train_head(recipe, photos.subset(fold != number))
        if logits:
            head.layers[-1].activation = keras.activations.linear
        held_out = photos.features[fold == number].astype("float32")
        outputs[fold == number] = np.asarray(head(held_out))[:, 0]
    return outputs


def save_head(
    folder: Path,
    recipe: HeadRecipe,
    positive: str,
    photos: Photos,
    head: keras.Model,
    history: store.History,
    report: dict[str, Any],
    keep_features: bool = True,
) -> None:
    """Writes a model directory in half precision, by default with the features and labels in it.

    The head is calibrated first, which takes a few times as long as its training did.
    """
    measured = calibrate_head(recipe, photos)
    weights = {k: v.astype("float16") for k, v in get_weights(head).items()}
    store.save(
        folder,
        config={
            "network": recipe.head,
            "classes": [positive],
            "options": recipe.options,
            "recipe": dataclasses.asdict(recipe),
        },
        weights=weights,
        history=history,
        report={
            "photos": len(photos.labels),
            "positive": int(photos.labels.sum()),
            "features_sha256": photos.sha256(),
            "seed": recipe.seed,
            **report,
        },
    )
    if measured:
        calibration_file.write(folder, measured)
    if keep_features:
        features = {
            "features": photos.features,
            "labels": photos.labels,
            "files": np.array(photos.files),
        }
        atomic.write(folder / "features.npz", atomic.pack(features))
