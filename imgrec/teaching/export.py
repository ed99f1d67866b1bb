"""Exports base and head as one network in Keras, TFLite or SavedModel format.

Each export is loaded back before it is delivered, and its predictions for a few pictures must match
the page's. TensorFlow is imported only when something is exported.
"""

import contextlib
import itertools
import shutil
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from PIL import Image

from imgrec.approaches import vgg16
from imgrec.errors import CancelledError, TeachError
from imgrec.files.paths import MODELS
from imgrec.models import store
from imgrec.teaching import classifier, export_texts
from imgrec.teaching.classifier import TaughtHead
from imgrec.teaching.project import Project

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

Kind = Literal["keras", "tflite", "saved_model"]
KINDS: dict[Kind, str] = {"keras": "Keras", "tflite": "TFLite", "saved_model": "SavedModel"}
Progress = Callable[[str], None]  # receives a displayable sentence about each step
Predict = Callable[[np.ndarray], np.ndarray]  # float32 (n, 224, 224, 3) to (n, classes)

COMPARED_PICTURES = 6  # at most so many pictures verify an export
TOLERANCE = 1e-4  # maximum difference of a probability from the page's
MIN_FREE_BYTES = 300 * 2**20  # on disk: the model, its zip, and intermediate files


class Form(NamedTuple):
    """An export format."""

    file: str  # the model's name in the zip; a folder for SavedModel
    write: "Callable[[keras.Model, Path], None]"
    load: Callable[[Path], Predict]


# Duration of an export: at first as measured on one core, then that of the last one per format.
_seconds: dict[Kind, float] = {"keras": 5.2, "tflite": 7.5, "saved_model": 5.1}
_exporting = threading.Lock()  # one at a time: each takes a few hundred megabytes


def export_project(
    kind: Kind,
    project: Project,
    on_progress: Progress = lambda sentence: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Path:
    """Writes a zip for download into the project's folder, and deletes earlier exports.

    Same exceptions as `write_export`; also raises TeachError if the project has no trained head.
    """
    head = project.head
    if head is None:
        raise TeachError("There is nothing to export yet; teach it first.")
    pictures = [project.image(id) for id in _comparison_ids(project)]
    for earlier in project.folder.glob("imgrec-*.zip"):
        earlier.unlink(missing_ok=True)
    to = project.folder / f"imgrec-{str(kind).replace('_', '-')}.zip"
    return write_export(kind, head, to, pictures, on_progress, cancelled)


def _comparison_ids(project: Project) -> list[str]:
    """Returns up to COMPARED_PICTURES picture ids, taken from each class in turn."""
    turns = itertools.zip_longest(*(each.ids() for each in project.classes))
    ids = dict.fromkeys(id for turn in turns for id in turn if id)
    return list(ids)[:COMPARED_PICTURES]


def write_export(
    kind: Kind,
    head: TaughtHead,
    to: Path,
    pictures: Sequence[Image.Image],
    on_progress: Progress = lambda sentence: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Path:
    """Writes a zip with base and head as one network, and returns the path.

    It holds the model with its labels, a README and a runnable example. `pictures`, RGB of any
    size, verify the export. Raises TeachError for an unknown
    format, a full disk, or predictions that differ from the page's; CancelledError if `cancelled()`
    becomes true. No file is left at `to` then.
    """
    if kind not in KINDS:
        raise TeachError(f"There is no such form; choose one of {', '.join(KINDS.values())}.")

    def step(sentence: str) -> None:
        if cancelled():
            raise CancelledError("The export was stopped.")
        on_progress(sentence)

    try:
        with _exclusive(step), tempfile.TemporaryDirectory(prefix="imgrec-export-") as folder:
            if shutil.disk_usage(folder).free < MIN_FREE_BYTES:
                raise TeachError("There is no room for an export on this machine’s disk now.")
            started = time.perf_counter()
            step(f"Writing it as {KINDS[kind]}. This takes about {_seconds[kind]:.0f} s.")
            model = Path(folder) / FORMS[kind].file
            FORMS[kind].write(network(head), model)
            step("Loading it again, to compare what it says with the page…")
            difference = _largest_difference(kind, model, head, pictures)
            step("Packing it…")
            zipped = _write_zip(kind, model, head, len(pictures), difference)
            step("Done.")
            shutil.move(zipped, to)
            _seconds[kind] = time.perf_counter() - started
    except OSError as error:
        to.unlink(missing_ok=True)
        raise TeachError(f"It could not be written ({error.strerror}); try again later.") from error
    return to


@contextlib.contextmanager
def _exclusive(step: Progress) -> Iterator[None]:
    """Waits until no other export is in progress, then blocks others."""
    while not _exporting.acquire(timeout=0.5):
        step("Somebody else’s export is being made; yours is next…")
    try:
        yield
    finally:
        _exporting.release()


# The network


def network(head: TaughtHead) -> "keras.Model":
    """Builds base and head as one model of built-in Keras layers only, so that it loads anywhere.

    Input: float32 (n, 224, 224, 3), RGB from 0 to 255. Output: float32 (n, classes), calibrated
    probabilities.
    """
    import keras
    from keras import layers

    from imgrec.networks.weights import set_weights

    image = keras.Input((vgg16.SIZE, vgg16.SIZE, 3), name="image")
    # A 1×1 convolution that converts RGB to BGR and subtracts the means, as `vgg16.preprocess`.
    x = layers.Conv2D(3, 1, name="preprocess")(image)
    base = keras.applications.VGG16(include_top=False, weights=None, input_tensor=x)
    x = base.output  # (n, 7, 7, 512)
    # `networks.heads.PowerPooling`, in built-in layers.
    x = layers.Multiply(name="squares")([x, x])
    x = layers.GlobalAveragePooling2D(name="means")(x)  # (n, 512)
    x = layers.UnitNormalization(name="unit_length")(keras.ops.power(x, 0.75))
    x = layers.Dense(len(head.class_names), activation="softmax", name="probabilities")(x)
    model = keras.Model(image, x, name="taught")
    temperature = head.cross_validation.temperature
    set_weights(
        model,
        {
            **store.load(MODELS / "vgg16_base").weights,
            "preprocess/kernel": np.eye(3)[:, ::-1].reshape(1, 1, 3, 3),
            "preprocess/bias": -vgg16.MEAN_BGR,
            "probabilities/kernel": head.kernel / temperature,
            "probabilities/bias": head.bias / temperature,
        },
    )
    return model


# The forms


def _write_keras(model: "keras.Model", file: Path) -> None:
    model.save(file)


def _load_keras(file: Path) -> Predict:
    import keras

    model = keras.models.load_model(file, compile=False)
    return lambda inputs: np.asarray(model(inputs))


def _write_saved_model(model: "keras.Model", folder: Path) -> None:
    import tensorflow as tf

    module, floats = _serving(model)
    tf.saved_model.save(module, str(folder), signatures=floats)


def _serving(model: "keras.Model") -> "tuple[tf.Module, tf.types.experimental.ConcreteFunction]":
    """Returns a module whose `serve` takes float32 or uint8, and its float32 concrete function.

    The module holds each weight once; Keras's own export writes all of them twice.
    """
    import tensorflow as tf

    @tf.function
    def serve(image: "tf.Tensor") -> "tf.Tensor":
        return model(tf.cast(image, "float32"), training=False)

    shape = (None, *model.input_shape[1:])
    floats, _ = (
        serve.get_concrete_function(tf.TensorSpec(shape, kind, name="image"))
        for kind in ("float32", "uint8")
    )
    module = tf.Module()
    module.weights = [weight.value for weight in model.weights]
    module.serve = serve
    return module, floats


def _load_saved_model(folder: Path) -> Predict:
    import tensorflow as tf

    model = tf.saved_model.load(str(folder))
    return lambda inputs: np.asarray(model.serve(inputs))


def _write_tflite(model: "keras.Model", file: Path) -> None:
    import tensorflow as tf

    module, floats = _serving(model)
    file.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([floats], module).convert())


def _load_tflite(file: Path) -> Predict:
    import tensorflow as tf

    interpreter = tf.lite.Interpreter(str(file))
    interpreter.allocate_tensors()
    (into,), (out,) = interpreter.get_input_details(), interpreter.get_output_details()

    def answers(inputs: np.ndarray) -> np.ndarray:
        said = []
        for number in range(len(inputs)):
            interpreter.set_tensor(into["index"], inputs[number : number + 1])
            interpreter.invoke()
            said.append(interpreter.get_tensor(out["index"])[0])
        return np.stack(said)

    return answers


FORMS: dict[Kind, Form] = {
    "keras": Form("model.keras", _write_keras, _load_keras),
    "tflite": Form("model.tflite", _write_tflite, _load_tflite),
    "saved_model": Form("model", _write_saved_model, _load_saved_model),
}


# Verification and packing


def _largest_difference(
    kind: Kind, model: Path, head: TaughtHead, pictures: Sequence[Image.Image]
) -> float:
    """Returns the largest difference between the model's probabilities and the page's.

    Raises TeachError if it exceeds TOLERANCE.
    """
    verdicts = [classifier.answer_picture(head, image) for image in pictures]
    views = np.stack([np.asarray(verdict.saw, "float32") for verdict in verdicts])
    said = FORMS[kind].load(model)(views)  # (n, classes)
    wanted = np.empty(said.shape)
    for row, verdict in zip(wanted, verdicts, strict=True):
        for entry in verdict.classes:
            row[entry.index] = entry.probability
    difference = float(np.abs(said - wanted).max())
    if not difference <= TOLERANCE:
        raise TeachError(
            f"The {KINDS[kind]} model did not say what the page says (its probabilities differ by "
            f"{difference:.2g}), so you don’t get it; try another form."
        )
    return difference


def _write_zip(kind: Kind, model: Path, head: TaughtHead, compared: int, difference: float) -> Path:
    """Writes the zip beside the model and returns its path."""
    zipped = model.with_name("export.zip")
    beside = {
        "labels.txt": "".join(f"{name}\n" for name in head.class_names),
        "README.txt": export_texts.readme(kind, model.name, head, compared, difference),
        "example.py": export_texts.example(kind),
        "LICENSE-VGG16.txt": (MODELS / "vgg16_base" / "LICENSE").read_text(encoding="utf-8"),
    }
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, text in beside.items():
            archive.writestr(name, text)
        for file in [model, *sorted(model.rglob("*"))]:
            if file.is_file():
                archive.write(file, file.relative_to(model.parent))
    return zipped
