"""Why a network said what it said: which part of a picture spoke for a class.

Grad-CAM looks inside (Selvaraju et al. 2017, https://arxiv.org/abs/1610.02391), occlusion from
outside (Zeiler & Fergus 2014, https://arxiv.org/abs/1311.2901, section 4.2).
"""

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from PIL import Image

from imgrec import approaches
from imgrec.approaches import pretrained, scratch, transfer, vgg16
from imgrec.approaches.verdict import Verdict
from imgrec.data import labels
from imgrec.errors import ModelError
from imgrec.images.decode import Box
from imgrec.networks import layer_table
from imgrec.networks.inference import Forward, Network, loaded_once, ready
from imgrec.teaching import classifier
from imgrec.teaching.classifier import TaughtHead, TaughtVerdict

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

Method = Literal["grad-cam", "occlusion"]
METHODS: tuple[Method, ...] = ("grad-cam", "occlusion")
DOG_QUESTION = "dog?"  # the target that asks for the dog question instead of a class
NO_CLASSES = slice(0, 0)  # what answers the dog question where it isn't asked
TOP_K = 5  # classes that the page offers

FEWEST = 7  # places along a side of a map that is shown, if the network has such a map
PLACES = {scratch.SIZE: 16, vgg16.SIZE: 8}  # of the patch along a side, by the side of the view
PATCH = 0.25  # of the view's side
PATCHES_AT_ONCE = 8  # occluded views in one pass: between two, the work can be stopped
COVERED = 0.2  # of the view in the deletion check
CLEARLY = 0.2  # a change of less than this share of the probability is called none

EARLIER = (
    "This network’s last map has even fewer places, so an earlier one is shown. In it each place "
    "is weighed by itself (LayerCAM)."
)

Logits = Callable[["tf.Tensor"], "tf.Tensor"]


class Target(NamedTuple):
    """What is explained: one class, or several that count as one answer."""

    label: str
    classes: slice  # their places among the network's logits and probabilities


class Subject(NamedTuple):
    """A network, cut at its last feature map that is fine enough.

    Views are uint8 (n, side, side, 3).
    """

    names: Sequence[str]  # of its classes
    dogs: slice  # the classes that answer the dog question
    box: Callable[[tuple[int, int]], Box]  # the part of a picture that is in the view
    run: Callable[[np.ndarray], np.ndarray]  # views to probabilities (n, classes)
    to_map: Callable[[np.ndarray], np.ndarray]  # views to that map (n, rows, columns, channels)
    logits: Logits  # from that map: (n, classes), before softmax or sigmoid
    coarser: bool = False  # whether coarser maps follow it


@dataclass(frozen=True)
class Question:
    """Why does this network say that of this picture?"""

    verdict: Verdict | TaughtVerdict
    size: tuple[int, int]  # the picture's width and height
    subject: Subject
    target: Target

    @functools.cached_property
    def view(self) -> np.ndarray:
        """What the network saw: uint8 (1, side, side, 3)."""
        return np.asarray(self.verdict.saw)[None]

    @functools.cached_property
    def probability(self) -> float:
        """The target's, from 0 to 1."""
        return float(self.probabilities(self.view)[0])

    def probabilities(self, views: np.ndarray) -> np.ndarray:
        """The target's probability (n,) in other views."""
        return self.subject.run(views)[:, self.target.classes].sum(axis=1)


@dataclass(frozen=True)
class Deletion:
    """The target's probability as it is, and with a fifth of the view covered."""

    now: float
    hottest_covered: float
    coldest_covered: float

    @property
    def verdict(self) -> str:
        """How far to trust the map, in words."""
        if self.now <= 0:
            return "the network gives it no probability that could fall, so this tells nothing."
        hottest, coldest = self.hottest_covered / self.now, self.coldest_covered / self.now
        if hottest < 1 - CLEARLY and hottest < coldest - CLEARLY:
            return "the map points at what matters."
        if coldest < 1 - CLEARLY and coldest < hottest - CLEARLY:
            return "the map misleads: what it leaves dark matters more. Don’t trust it here."
        if min(hottest, coldest) >= 1 - CLEARLY:
            return "neither matters much, so no single place decides, or the map misses it."
        return "both take about as much away, so read little into the map."


@dataclass(frozen=True)
class Explanation:
    """Where in a picture the evidence for a target lies."""

    approach: str
    model: str
    stand_in: bool
    target: str
    probability: float  # of the target
    method: Method
    map: np.ndarray  # float32 (rows, columns): 0 (no evidence) to 1 (the most), over the box
    size: tuple[int, int]  # the picture's width and height
    box: Box  # the part of the picture that the network saw
    deletion: Deletion | None  # None where the map shows nothing
    notes: tuple[str, ...]  # sentences: what the map shows and what it can't tell

    @property
    def seen(self) -> float:
        """The share of the picture that the network saw, from 0 to 1."""
        left, top, right, bottom = self.box
        return (right - left) * (bottom - top) / math.prod(self.size)

    def as_json(self) -> dict[str, Any]:
        """The plain object that the endpoint returns, without the file's name."""
        rows, columns = self.map.shape
        return {
            "approach": self.approach,
            "model": self.model,
            "stand_in": self.stand_in,
            "target": self.target,
            "probability": self.probability,
            "method": self.method,
            "rows": rows,
            "columns": columns,
            "map": self.map.round(4).astype(float).tolist(),
            "box": list(self.box),
            "seen": self.seen,
            "deletion": None if self.deletion is None else vars(self.deletion),
            "notes": list(self.notes),
        }


def warm_up() -> None:
    """Compiles what each network's explanation needs, so that the first *Why?* doesn't wait.

    Raises ModelError where a network can't be loaded.
    """
    for approach in approaches.NAMES:
        grad_cam(ask(Image.new("RGB", (vgg16.SIZE, vgg16.SIZE)), approach))


# The question


def ask(
    image: Image.Image,
    approach: str,
    target: str = "",
    weights: str = scratch.DEFAULT,
    head: str = transfer.DEFAULT,
) -> Question:
    """The question why the approach says `target` of an RGB picture of any size.

    `target` is a class of the network, `DOG_QUESTION`, or empty for the most probable class;
    `weights` and `head` name the trained scratch network and head. Raises ModelError.
    """
    if approach == "scratch":
        (verdict,) = scratch.predict([image], TOP_K, weights)
        subject = _scratch(scratch.load(weights))
    elif approach == "pretrained":
        (verdict,) = pretrained.predict([image], TOP_K)
        subject = _stand_in() if verdict.stand_in else _vgg16(vgg16.network())
    elif approach == "transfer":
        (verdict,) = transfer.predict([image], name=head)
        subject = _transfer(vgg16.network(), transfer.load(head))
    else:
        names = ", ".join(approaches.NAMES)
        raise ModelError(f"There is no approach {approach!r}; choose one of {names}.")
    return Question(verdict, image.size, subject, _target(target, verdict, subject))


def ask_taught(image: Image.Image, head: TaughtHead, target: str = "") -> Question:
    """The question why a visitor's own head says `target`, one of its classes, of an RGB picture.

    An empty `target` means the most probable class. Raises ModelError.
    """
    verdict = classifier.answer_picture(head, image)
    subject = _taught(vgg16.base(), head)
    return Question(verdict, image.size, subject, _class_target(target, verdict, subject))


def _target(wanted: str, verdict: Verdict, subject: Subject) -> Target:
    """The target of that name."""
    if wanted == DOG_QUESTION:
        return Target("a dog", subject.dogs)
    return _class_target(wanted, verdict, subject, f"{DOG_QUESTION!r} or ")


def _class_target(
    wanted: str, verdict: Verdict | TaughtVerdict, subject: Subject, or_else: str = ""
) -> Target:
    """The class of that name; of classes with one name (two cranes), the more probable one."""
    label = wanted or verdict.classes[0].label
    if label not in subject.names:
        raise ModelError(
            f"{verdict.model} has no class {label[:60]!r}; leave the target empty, or choose "
            f"{or_else}one of its {len(subject.names)} classes, "
            f"as {' or '.join(repr(entry.label) for entry in verdict.classes[:2])}."
        )
    places = [place for place, name in enumerate(subject.names) if name == label]
    place = places[0]
    if len(places) > 1:
        (probabilities,) = subject.run(np.asarray(verdict.saw)[None])
        place = max(places, key=probabilities.__getitem__)
    return Target(label, slice(place, place + 1))


# The networks


def _scratch(network: Network) -> Subject:
    to_map, logits, coarser = cut(network.model)
    dog = labels.CIFAR10_DOG
    return Subject(
        labels.CIFAR10,
        slice(dog, dog + 1),
        scratch.box,
        lambda views: network.run(scratch.preprocess(views))[-1],
        lambda views: to_map(scratch.preprocess(views))[0],
        logits,
        coarser,
    )


def _stand_in() -> Subject:
    return _of_imagenet(pretrained.load_stand_in(), pretrained.preprocess_stand_in)


def _vgg16(network: Network) -> Subject:
    return _of_imagenet(network, vgg16.preprocess)


def _of_imagenet(network: Network, preprocess: Callable[[np.ndarray], np.ndarray]) -> Subject:
    to_map, logits, coarser = cut(network.model)
    return Subject(
        [synset.title for synset in labels.imagenet()],
        labels.IMAGENET_DOGS,
        vgg16.box,
        lambda views: network.run(preprocess(views))[-1],
        lambda views: to_map(preprocess(views))[0],
        logits,
        coarser,
    )


def _transfer(network: Network, head: Network) -> Subject:
    """VGG16's features and a head; the map is that of VGG16's last convolution."""
    to_map, to_features, answer = cut_transfer(network.model, head.model)

    def run(views: np.ndarray) -> np.ndarray:
        (dog,) = head.run(network.run(vgg16.preprocess(views))[0])
        return np.concatenate([dog, 1 - dog], axis=1)

    def logits(maps: "tf.Tensor") -> "tf.Tensor":
        dog = answer(to_features(maps))
        return _concatenated(dog, -dog)  # sigmoid(-x) = 1 - sigmoid(x)

    return Subject(
        ("dog", "not a dog"),
        slice(0, 1),
        vgg16.box,
        run,
        lambda views: to_map(vgg16.preprocess(views))[0],
        logits,
    )


def _taught(base: Network, head: TaughtHead) -> Subject:
    """The base that ships and a visitor's own head; the map is that of VGG16's last convolution."""
    to_map, to_features = cut_base(base.model)

    def run(views: np.ndarray) -> np.ndarray:
        (features,) = base.run(vgg16.preprocess(views))
        return classifier.answer(head, np.asarray(_pooling()(features))).probabilities

    def logits(maps: "tf.Tensor") -> "tf.Tensor":
        return _pooling()(to_features(maps)) @ head.kernel + head.bias

    return Subject(
        head.class_names,
        NO_CLASSES,
        vgg16.box,
        run,
        lambda views: to_map(vgg16.preprocess(views))[0],
        logits,
    )


@loaded_once
def _pooling() -> "keras.layers.Layer":
    from imgrec.networks import cifar10 as networks

    return networks.PowerPooling()


def _concatenated(*columns: "tf.Tensor") -> "tf.Tensor":
    import tensorflow as tf

    return tf.concat(columns, axis=1)


def fine_map(model: "keras.Model") -> tuple["keras.KerasTensor", bool]:
    """The last map out of ReLU with FEWEST places a side, and whether the network has a later one.

    The map is (None, rows, columns, channels). Without one that is fine enough it is the last.
    """
    maps = [
        layer.output
        for layer in model.layers
        if len(layer.output.shape) == 4 and layer_table.rectifies(layer)
    ]
    fine = [each for each in maps if min(each.shape[1:3]) >= FEWEST]
    chosen = (fine or maps)[-1]
    return chosen, chosen is not maps[-1]


@loaded_once
def cut(model: "keras.Model") -> tuple[Forward, Logits, bool]:
    """The model up to its `fine_map`, compiled, the logits from there on, whether a map follows it.

    The model's last layer must be dense; its softmax or sigmoid is left out.
    """
    import keras

    fine, coarser = fine_map(model)
    return ready(keras.Model(model.inputs[0], fine)).run, _logits(model, fine), coarser


@loaded_once
def cut_transfer(base: "keras.Model", head: "keras.Model") -> tuple[Forward, "keras.Model", Logits]:
    """Of a head on a base's features, as `cut`: to the base's last map, to its features, logits."""
    return *cut_base(base), _logits(head, head.inputs[0])


@loaded_once
def cut_base(base: "keras.Model") -> tuple[Forward, "keras.Model"]:
    """VGG16's base up to its last feature map, compiled, and from there to its features."""
    import keras

    features = base.outputs[0]
    last = base.get_layer("block5_conv3").output
    return ready(keras.Model(base.inputs[0], last)).run, keras.Model(last, features)


def _logits(model: "keras.Model", start: "keras.KerasTensor") -> Logits:
    """What the last, dense layer gives before its activation, from the tensor `start` on."""
    import keras

    answer = model.layers[-1]
    before = keras.Model(start, answer.input)
    return lambda inputs: before(inputs, training=False) @ answer.kernel + answer.bias


# Grad-CAM


def grad_cam(question: Question) -> np.ndarray:
    """Float32 (rows, columns), 0 or more: how much each place of the map speaks for the target.

    Equations 1 and 2 of Selvaraju et al. 2017. They hold for a network's last map; where coarser
    ones follow, each place has weights of its own, as in LayerCAM (Jiang et al. 2021,
    https://doi.org/10.1109/TIP.2021.3089943): with common ones most maps of `fast` would be empty.
    Of several classes the score is the logit of their common probability. Not scaled; not finite
    where the network's numbers aren't.
    """
    import tensorflow as tf

    maps = tf.constant(question.subject.to_map(question.view))
    with tf.GradientTape() as tape:
        tape.watch(maps)
        score = _score(question.subject.logits(maps)[0], question.target.classes)
    slopes = tape.gradient(score, maps)  # (1, rows, columns, channels)
    coarser = question.subject.coarser
    weights = tf.nn.relu(slopes[0]) if coarser else tf.reduce_mean(slopes, axis=(0, 1, 2))
    return np.asarray(tf.nn.relu(tf.reduce_sum(weights * maps[0], axis=-1)))


def _score(logits: "tf.Tensor", classes: slice) -> "tf.Tensor":
    """A class's logit; of several, ln(p / (1 - p)) of their summed probability p."""
    import tensorflow as tf

    if classes.stop - classes.start == 1:
        return logits[classes.start]
    others = tf.concat([logits[: classes.start], logits[classes.stop :]], axis=0)
    return tf.reduce_logsumexp(logits[classes]) - tf.reduce_logsumexp(others)


# Occlusion


def occlusion(question: Question) -> Iterator[np.ndarray]:
    """Covers one place of the view after another: float32 (rows, columns), how far the target fell.

    After every few places it yields the drops so far, NaN where nothing was covered yet; the last
    one is whole. A drop is a difference of probabilities, below 0 where the target rose. The patch
    has the view's mean colour. Whoever stops asking stops the work.
    """
    view = question.view[0]
    places = PLACES[len(view)]
    drops = np.full((places, places), np.nan, "float32")
    patches = [_patch(place, places, len(view)) for place in np.ndindex(drops.shape)]
    batch = PATCHES_AT_ONCE * (vgg16.SIZE // len(view))
    for start in range(0, len(patches), batch):
        views = np.stack([_covered(view, patch) for patch in patches[start : start + batch]])
        fallen = question.probability - question.probabilities(views)
        drops.flat[start : start + batch] = fallen
        yield drops.copy()


def _patch(place: tuple[int, ...], places: int, side: int) -> np.ndarray:
    """Bool (side, side): the square around the centre of one of `places` × `places` cells."""
    along = np.arange(side) + 0.5
    rows, columns = (np.abs(along - (p + 0.5) * side / places) < side * PATCH / 2 for p in place)
    return rows[:, None] & columns


def _covered(view: np.ndarray, patch: np.ndarray) -> np.ndarray:
    """The view (side, side, 3) with its mean colour where `patch` is true."""
    covered = view.copy()
    covered[patch] = np.rint(view.mean(axis=(0, 1)))
    return covered


# What the maps say


def explain(question: Question, method: str = "grad-cam") -> Explanation:
    """The whole explanation by one of `METHODS`. Raises ModelError."""
    if method == "grad-cam":
        return explained(question, "grad-cam", grad_cam(question))
    if method == "occlusion":
        *_, drops = occlusion(question)
        return explained(question, "occlusion", drops)
    raise ModelError(f"There is no method {method!r}; choose one of {', '.join(METHODS)}.")


def explained(question: Question, method: Method, found: np.ndarray) -> Explanation:
    """What a result of `grad_cam` or `occlusion` (also half a one) means.

    A map that isn't finite, or has nothing above 0, becomes zeros and a sentence.
    """
    whole = not (method == "occlusion" and np.isnan(found).any())
    found = found if whole else np.nan_to_num(found)
    finite = bool(np.isfinite(found).all()) and math.isfinite(question.probability)
    peak = float(found.max()) if finite else 0.0
    scaled = np.zeros(found.shape, "float32")
    if peak > 0:
        scaled = np.clip(found / peak, 0, 1).astype("float32")
    deletion = _delete(question, scaled) if peak > 0 and whole else None
    label = question.target.label
    if not finite:
        notes = ["The network’s numbers are not finite here, so there is nothing to show."]
    elif peak <= 0:
        notes = [_nothing(method, label)]
    else:
        notes = _notes(method, label, scaled, peak, deletion)
        if method == "grad-cam" and question.subject.coarser:
            notes.append(EARLIER)
    verdict = question.verdict
    return Explanation(
        approach=verdict.approach,
        model=verdict.model,
        stand_in=verdict.stand_in,
        target=label,
        probability=question.probability if finite else 0.0,
        method=method,
        map=scaled,
        size=question.size,
        box=question.subject.box(question.size),
        deletion=deletion,
        notes=tuple(notes),
    )


def _delete(question: Question, heat: np.ndarray) -> Deletion:
    """Covers the hottest and the coldest fifth of the view and asks again."""
    view = question.view[0]
    views = np.stack([_covered(view, fifth) for fifth in fifths(heat, len(view))])
    hottest, coldest = question.probabilities(views)
    return Deletion(question.probability, float(hottest), float(coldest))


def fifths(heat: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Bool (side, side) each: the hottest and the coldest fifth of a view under a map over it.

    Of places that are equally cold, those farthest from the hottest one are taken.
    """
    fine = resized(heat, side, side)
    row, column = np.unravel_index(fine.argmax(), fine.shape)
    rows, columns = np.ogrid[:side, :side]
    nearness = -np.hypot(rows - row, columns - column)
    order = np.lexsort((nearness.ravel(), fine.ravel()))  # the coldest first
    number = round(COVERED * side * side)
    hottest, coldest = np.zeros((2, side * side), bool)
    hottest[order[-number:]] = coldest[order[:number]] = True
    return hottest.reshape(side, side), coldest.reshape(side, side)


def _nothing(method: Method, label: str) -> str:
    if method == "occlusion":
        return f"Wherever the picture is covered, “{label}” does not become less likely."
    return (
        f"The map is empty: at this layer no place speaks for “{label}”. "
        "What the network goes by here can’t be shown in this way."
    )


def _notes(
    method: Method, label: str, heat: np.ndarray, peak: float, deletion: Deletion | None
) -> list[str]:
    rows, columns = heat.shape
    bright = "Bright is where the network found what speaks for"
    if method == "occlusion":
        bright = "Bright is where covering the picture takes most from"
    notes = [
        f"{bright} “{label}”. Most of the heat is {where(heat)}; the hottest tenth of what the "
        f"network saw holds {100 * hottest_tenth(heat):.0f} % of it."
    ]
    if method == "occlusion":
        notes.append(
            f"The largest drop: with the hottest place covered, “{label}” loses {_percent(peak)} "
            "of the whole 100 %."
        )
    if deletion:
        notes.append(
            f"Test: covering the hottest fifth takes “{label}” from {_percent(deletion.now)} to "
            f"{_percent(deletion.hottest_covered)}; covering the coldest fifth, to "
            f"{_percent(deletion.coldest_covered)}: {deletion.verdict}"
        )
    notes.append(
        f"The map has only {rows} × {columns} places, and the hottest is fully bright however weak "
        "it is. It shows where the evidence is, not what it is, and holds for this one picture."
    )
    return notes


def _percent(probability: float) -> str:
    return "less than 0.1 %" if probability < 0.001 else f"{100 * probability:.3g} %"


def where(heat: np.ndarray) -> str:
    """The middle of a map's heat in words: `in the upper left`, `in the middle`."""
    total = heat.sum()
    rows, columns = (np.arange(side) + 0.5 for side in heat.shape)
    down = float((heat.sum(axis=1) * rows).sum() / total / len(rows))
    across = float((heat.sum(axis=0) * columns).sum() / total / len(columns))
    vertical = ("upper", "", "lower")[_third(down)]
    horizontal = ("left", "", "right")[_third(across)]
    if not horizontal:
        return f"in the {vertical or 'middle'}{' part' if vertical else ''}"
    return f"in the {vertical} {horizontal}" if vertical else f"on the {horizontal}"


def _third(place: float) -> int:
    """Which side of the middle a place from 0 to 1 is: 0 before, 1 near it, 2 behind it."""
    return 0 if place < 0.42 else 2 if place > 0.58 else 1


def hottest_tenth(heat: np.ndarray) -> float:
    """The share of the heat that the hottest tenth of the area holds."""
    falling = np.sort(heat, axis=None)[::-1]
    cells = falling.size / 10
    held = np.interp(cells, np.arange(falling.size + 1), np.append(0, falling.cumsum()))
    return float(held / falling.sum())


def agreement(one: np.ndarray, other: np.ndarray) -> float | None:
    """Spearman's rank correlation of two maps over the same view, -1 to 1; None if one is flat."""
    rows, columns = (min(sides) for sides in zip(one.shape, other.shape, strict=True))
    ranks = [_ranks(resized(heat, rows, columns)) for heat in (one, other)]
    if any(np.ptp(rank) == 0 for rank in ranks):
        return None
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _ranks(values: np.ndarray) -> np.ndarray:
    """The rank of each value from 1 on, equal ones sharing the mean of theirs: (values.size,)."""
    _, places, counts = np.unique(values.ravel(), return_inverse=True, return_counts=True)
    return (counts.cumsum() - (counts - 1) / 2)[places]


# Geometry


def placed(heat: np.ndarray, box: Box, size: tuple[int, int]) -> np.ndarray:
    """The map over a picture of that width and height: float (height, width), NaN outside the box.

    The crop and the resize of the view are undone; between the map's places it is linear.
    """
    left, top, right, bottom = box
    width, height = size
    down = _between(heat.shape[0], top, bottom, height)  # (height, rows)
    across = _between(heat.shape[1], left, right, width)  # (width, columns)
    return down @ heat @ across.T


def resized(heat: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """The map with so many rows and columns, linear between its places."""
    return placed(heat, (0, 0, columns, rows), (columns, rows))


def _between(places: int, start: float, end: float, pixels: int) -> np.ndarray:
    """(pixels, places): how much of each place is in each pixel; NaN before start and after end."""
    centres = np.arange(pixels) + 0.5
    along = (centres - start) / (end - start) * places - 0.5
    inside = np.clip(along, 0, places - 1)[:, None]
    shares = np.maximum(0, 1 - np.abs(inside - np.arange(places)))
    shares[(centres < start) | (centres > end)] = np.nan
    return shares
