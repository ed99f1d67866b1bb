"""The settings of a training, validated, and the recipes to start from.

Nothing here loads TensorFlow, so the page and the command lines have the settings at once.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from imgrec.data import labels
from imgrec.errors import ImgrecError, ModelError
from imgrec.files import atomic
from imgrec.models.run_control import unusable

NETWORKS = ("fast", "classic")  # as in `networks.cifar10.SCRATCH`
OPTIMIZERS = ("adam", "adamw", "sgd", "rmsprop", "muon")
SCHEDULES = ("constant", "cosine", "warm-up and cosine", "linear")
FLIPS = ("random", "alternating")
CIFAR10_TRAINING_IMAGES = 50_000

HEADS = ("pooled", "flatten")  # as in `heads.HEADS`
SEEDS = 2**32  # NumPy's global generator takes no larger seed


@dataclass(frozen=True)
class Recipe:
    """How a scratch network is trained; the defaults are the project's first recipe, for `classic`.

    Raises ImgrecError, in one sentence, if a setting is invalid.
    """

    network: str = "classic"
    epochs: int = 30
    batch_size: int = 64
    learning_rate: float = 1e-3  # Adam's own default (Kingma & Ba 2015, section 2)
    optimizer: str = "adam"
    schedule: str = "constant"  # of the learning rate, over all epochs
    dropout: float = 0.5  # before the last layer; half of it after each pair of convolutions
    label_smoothing: float = 0.0  # share of the target that is spread over all classes
    augmentation: bool = False  # mirror and shift the training images anew in each epoch
    flip: str = "random"  # which images are mirrored: a random half, or two halves in turn
    shift: int = 4  # pixels that augmentation shifts by, at most
    cutout: int = 0  # side in pixels of a square that augmentation covers
    whitening: bool = False  # set the first layer of `fast` from the images, and don't train it
    validation_images: int = 5000  # taken from the training images, never from the test images
    limit: int | None = None  # train on at most this many of the others
    patience: int = 0  # stop after this many epochs without a better validation accuracy; 0: never
    restore_best: bool = False  # end with the weights of the epoch of best validation accuracy
    mixed_precision: bool = False  # compute in bfloat16, keep the weights in float32
    seed: int = 1

    def __post_init__(self) -> None:
        _check_choice("network", self.network, NETWORKS)
        _check_choice("optimizer", self.optimizer, OPTIMIZERS)
        _check_choice("schedule", self.schedule, SCHEDULES)
        _check_choice("flip", self.flip, FLIPS)
        _check_integer("epochs", self.epochs, 1, 1000)
        _check_integer("batch size", self.batch_size, 1, 10_000)
        _check_range("learning rate", self.learning_rate, 1e-7, 10)
        if self.whitening and self.network != "fast":
            raise ImgrecError("Whitening is for the network fast: no other has a layer for it.")
        _check_range("dropout", self.dropout, 0, 0.9)
        _check_range("label smoothing", self.label_smoothing, 0, 0.9)
        _check_integer("shift", self.shift, 0, 16)
        _check_integer("cutout", self.cutout, 0, 24)
        _check_integer("validation images", self.validation_images, 1, CIFAR10_TRAINING_IMAGES - 1)
        if self.limit is not None:
            _check_integer("training images", self.limit, 1, CIFAR10_TRAINING_IMAGES)
        _check_integer("patience", self.patience, 0, 1000)
        _check_integer("seed", self.seed, 0, SEEDS - 1)

    @classmethod
    def of(cls, config: dict[str, Any]) -> Self:
        """Returns the recipe in a run's configuration; what an older run lacks is the default.

        Raises ModelError if there is no recipe, or one of another kind.
        """
        try:
            return cls(**config["recipe"])
        except (KeyError, TypeError) as error:
            raise ModelError("This run has no recipe for a scratch network.") from error


@dataclass(frozen=True)
class HeadRecipe:
    """How a head is trained, with Adam and binary cross-entropy; both classes weigh the same.

    Raises ImgrecError, in one sentence, if a setting is invalid.
    """

    head: str
    epochs: int
    batch_size: int
    learning_rate: float
    hidden: int = 0  # neurons of a layer between features and output; 0: none
    l2: float = 0.0  # weight decay: this times the sum of the squared weights is added to the loss
    apart: float = 0.0  # share of each class's photos held out for validation
    seed: int = 1

    def __post_init__(self) -> None:
        _check_choice("head", self.head, HEADS)
        _check_integer("epochs", self.epochs, 1, 1000)
        _check_integer("batch size", self.batch_size, 1, 10_000)
        _check_range("learning rate", self.learning_rate, 1e-7, 10)
        _check_integer("hidden neurons", self.hidden, 0, 1024)
        _check_range("weight decay", self.l2, 0, 1)
        _check_range("share kept apart", self.apart, 0, 0.5)
        _check_integer("seed", self.seed, 0, SEEDS - 1)

    @property
    def options(self) -> dict[str, Any]:
        """The arguments that rebuild the head with its function in `heads.HEADS`."""
        return {"hidden": self.hidden, "l2": self.l2}


def differences(recipe: Recipe | HeadRecipe, default: Recipe | HeadRecipe) -> dict[str, Any]:
    """Returns the settings of a recipe that differ from the default one's."""
    return {
        field.name: getattr(recipe, field.name)
        for field in dataclasses.fields(recipe)
        if getattr(recipe, field.name) != getattr(default, field.name)
    }


def _check_choice(what: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ImgrecError(f"There is no {what} {value}; choose one of {', '.join(choices)}.")


def _check_integer(what: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ImgrecError(f"{what.capitalize()}: choose a whole number from {low} to {high:,}.")


def _check_range(what: str, value: object, low: float, high: float) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not low <= value <= high:  # type: ignore[operator]
        raise ImgrecError(f"{what.capitalize()}: choose a number from {low:g} to {high:g}.")


# One per network: what `scripts/train_scratch.py --network NAME` trains with no other flag.
DEFAULT_RECIPES = {
    "fast": Recipe(
        network="fast",
        epochs=12,
        batch_size=1000,
        learning_rate=0.16,
        optimizer="muon",
        schedule="linear",
        dropout=0.0,
        label_smoothing=0.2,
        augmentation=True,
        flip="alternating",
        shift=2,
        whitening=True,
        validation_images=1000,
        mixed_precision=True,
    ),
    "classic": Recipe(),
}

# About a minute of `fast` in bfloat16, several in float32 on a slow processor; it is the baseline
# of `scripts/measure_scratch.py ablation`.
QUICK = dataclasses.replace(DEFAULT_RECIPES["fast"], epochs=3, limit=10_000, batch_size=500)

RECIPES = {
    "The fast recipe": DEFAULT_RECIPES["fast"],
    "The classic recipe": DEFAULT_RECIPES["classic"],
    "The fast recipe in 5 epochs": dataclasses.replace(DEFAULT_RECIPES["fast"], epochs=5),
    "A quick look at fast: 3 epochs, 10,000 images": QUICK,
    "A quick look at classic: 3 epochs, 10,000 images": Recipe(epochs=3, limit=10_000),
    "Against learning by heart: mirrored and shifted images, falling learning rate": Recipe(
        augmentation=True, schedule="cosine", dropout=0.3, restore_best=True
    ),
    "Stop when it gets no better": Recipe(epochs=60, patience=5, restore_best=True),
}

HEAD_RECIPES = {
    "pooled": HeadRecipe("pooled", epochs=100, batch_size=1024, learning_rate=0.3, l2=1e-4),
    "flatten": HeadRecipe("flatten", epochs=10, batch_size=32, learning_rate=1e-3, hidden=256),
}


def open_run(run: Path, recipe: Recipe) -> None:
    """Creates a run's directory, or checks that an existing run is unfinished and has this recipe.

    Raises ModelError if it holds a finished run, one of another recipe, or can't be written.
    """
    config = {
        "network": recipe.network,
        "classes": list(labels.CIFAR10),
        "recipe": dataclasses.asdict(recipe),
    }
    if (run / "report.json").exists():
        raise ModelError(f"The run {run.name} has already finished; choose another name.")
    try:
        if (run / "config.json").exists():
            if Recipe.of(atomic.read_json(run / "config.json")) != recipe:
                raise ModelError(
                    f"The run {run.name} was started with another recipe; resume it with the same "
                    "one or choose another name."
                )
            return
        run.mkdir(parents=True, exist_ok=True)
        atomic.write_json(run / "config.json", config)
    except (OSError, ValueError) as error:
        raise unusable(run, error) from error
