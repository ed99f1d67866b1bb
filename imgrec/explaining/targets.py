"""The input of an explanation: a network split at a feature map, and a target class."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

from imgrec import approaches
from imgrec.approaches import pretrained, scratch, transfer, vgg16
from imgrec.approaches.verdict import Verdict
from imgrec.caching import load_once
from imgrec.data import labels
from imgrec.errors import ModelError
from imgrec.images.crops import Box
from imgrec.networks import layer_table
from imgrec.networks.inference import Forward, Network, compile_forward
from imgrec.teaching import classifier
from imgrec.teaching.classifier import TaughtHead, TaughtVerdict

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

DOG_QUESTION = "dog?"  # the target for the dog question instead of a class
NO_CLASSES = slice(0, 0)  # the dog classes of a network without the dog question
TOP_K = 5  # classes that the page offers as targets

MIN_MAP_SIDE = 7  # positions along a side of the explained map, if the network has such a map

Logits = Callable[["tf.Tensor"], "tf.Tensor"]


class Target(NamedTuple):
    """The explained prediction: one class, or several that count as one."""

    label: str
    classes: slice  # their indices in the network's logits and probabilities


class ExplainableNetwork(NamedTuple):
    """A network, split at its last feature map that is fine enough.

    Views are uint8 (n, side, side, 3).
    """

    names: Sequence[str]  # class names
    dogs: slice  # the classes that answer the dog question
    box: Callable[[tuple[int, int]], Box]  # the part of a picture that is in the view
    run: Callable[[np.ndarray], np.ndarray]  # views to probabilities (n, classes)
    to_map: Callable[[np.ndarray], np.ndarray]  # views to that map (n, rows, columns, channels)
    logits: Logits  # from that map: (n, classes), before softmax or sigmoid
    coarser: bool = False  # whether coarser maps follow that map


@dataclass(frozen=True)
class Question:
    """A request to explain a network's prediction of a target for one picture."""

    verdict: Verdict | TaughtVerdict
    size: tuple[int, int]  # the picture's width and height
    network: ExplainableNetwork
    target: Target

    @functools.cached_property
    def view(self) -> np.ndarray:
        """The network's input view, uint8 (1, side, side, 3)."""
        return np.asarray(self.verdict.saw)[None]

    @functools.cached_property
    def probability(self) -> float:
        """The target's probability, from 0 to 1."""
        return float(self.probabilities(self.view)[0])

    def probabilities(self, views: np.ndarray) -> np.ndarray:
        """Returns the target's probability in other views, (n,)."""
        return self.network.run(views)[:, self.target.classes].sum(axis=1)


def build_question(
    image: Image.Image,
    approach: str,
    target: str = "",
    weights: str = scratch.DEFAULT,
    head: str = transfer.DEFAULT,
) -> Question:
    """Builds the question why the approach predicts `target` for an RGB picture of any size.

    `target` is a class of the network, `DOG_QUESTION`, or empty for the most probable class;
    `weights` and `head` name the trained scratch network and head. Raises ModelError.
    """
    if approach == "scratch":
        (verdict,) = scratch.predict([image], TOP_K, weights)
        network = _scratch(scratch.load(weights))
    elif approach == "pretrained":
        (verdict,) = pretrained.predict([image], TOP_K)
        network = _stand_in() if verdict.stand_in else _vgg16(vgg16.network())
    elif approach == "transfer":
        (verdict,) = transfer.predict([image], name=head)
        network = _transfer(vgg16.network(), transfer.load(head))
    else:
        names = ", ".join(approaches.NAMES)
        raise ModelError(f"There is no approach {approach!r}; choose one of {names}.")
    return Question(verdict, image.size, network, _target(target, verdict, network))


def build_taught_question(image: Image.Image, head: TaughtHead, target: str = "") -> Question:
    """Builds the question why a visitor's own head predicts `target` for an RGB picture.

    The picture may have any size. `target` is one of the head's classes, or empty for the most
    probable one. Raises ModelError.
    """
    verdict = classifier.answer_picture(head, image)
    network = _taught(vgg16.base(), head)
    return Question(verdict, image.size, network, _class_target(target, verdict, network))


def _target(requested: str, verdict: Verdict, network: ExplainableNetwork) -> Target:
    """Returns the target of that name. Raises ModelError if there is none."""
    if requested == DOG_QUESTION:
        return Target("a dog", network.dogs)
    return _class_target(requested, verdict, network, f"{DOG_QUESTION!r} or ")


def _class_target(
    requested: str, verdict: Verdict | TaughtVerdict, network: ExplainableNetwork, or_else: str = ""
) -> Target:
    """Returns the class of that name; the most probable one if several share it (two cranes).

    Raises ModelError if there is none.
    """
    label = requested or verdict.classes[0].label
    if label not in network.names:
        raise ModelError(
            f"{verdict.model} has no class {label[:60]!r}; leave the target empty, or choose "
            f"{or_else}one of its {len(network.names)} classes, "
            f"as {' or '.join(repr(entry.label) for entry in verdict.classes[:2])}."
        )
    places = [place for place, name in enumerate(network.names) if name == label]
    place = places[0]
    if len(places) > 1:
        (probabilities,) = network.run(np.asarray(verdict.saw)[None])
        place = max(places, key=probabilities.__getitem__)
    return Target(label, slice(place, place + 1))


# The networks


def _scratch(network: Network) -> ExplainableNetwork:
    to_map, logits, coarser = split_at_feature_map(network.model)
    dog = labels.CIFAR10_DOG
    return ExplainableNetwork(
        labels.CIFAR10,
        slice(dog, dog + 1),
        scratch.box,
        lambda views: network.run(scratch.preprocess(views))[-1],
        lambda views: to_map(scratch.preprocess(views))[0],
        logits,
        coarser,
    )


def _stand_in() -> ExplainableNetwork:
    return _of_imagenet(pretrained.load_stand_in(), pretrained.preprocess_stand_in)


def _vgg16(network: Network) -> ExplainableNetwork:
    return _of_imagenet(network, vgg16.preprocess)


def _of_imagenet(
    network: Network, preprocess: Callable[[np.ndarray], np.ndarray]
) -> ExplainableNetwork:
    to_map, logits, coarser = split_at_feature_map(network.model)
    return ExplainableNetwork(
        [synset.title for synset in labels.imagenet()],
        labels.IMAGENET_DOGS,
        vgg16.box,
        lambda views: network.run(preprocess(views))[-1],
        lambda views: to_map(preprocess(views))[0],
        logits,
        coarser,
    )


def _transfer(network: Network, head: Network) -> ExplainableNetwork:
    """VGG16's features and a head; the map is that of VGG16's last convolution."""
    to_map, to_features, answer = split_transfer(network.model, head.model)

    def run(views: np.ndarray) -> np.ndarray:
        (dog,) = head.run(network.run(vgg16.preprocess(views))[0])
        return np.concatenate([dog, 1 - dog], axis=1)

    def logits(maps: "tf.Tensor") -> "tf.Tensor":
        dog = answer(to_features(maps))
        return _concatenated(dog, -dog)  # sigmoid(-x) = 1 - sigmoid(x)

    return ExplainableNetwork(
        ("dog", "not a dog"),
        slice(0, 1),
        vgg16.box,
        run,
        lambda views: to_map(vgg16.preprocess(views))[0],
        logits,
    )


def _taught(base: Network, head: TaughtHead) -> ExplainableNetwork:
    """The shipped base and a visitor's own head; the map is that of VGG16's last convolution."""
    to_map, to_features = split_base(base.model)

    def run(views: np.ndarray) -> np.ndarray:
        (features,) = base.run(vgg16.preprocess(views))
        return classifier.answer(head, np.asarray(_pooling()(features))).probabilities

    def logits(maps: "tf.Tensor") -> "tf.Tensor":
        return _pooling()(to_features(maps)) @ head.kernel + head.bias

    return ExplainableNetwork(
        head.class_names,
        NO_CLASSES,
        vgg16.box,
        run,
        lambda views: to_map(vgg16.preprocess(views))[0],
        logits,
    )


@load_once
def _pooling() -> "keras.layers.Layer":
    from imgrec.networks.heads import PowerPooling

    return PowerPooling()


def _concatenated(*columns: "tf.Tensor") -> "tf.Tensor":
    import tensorflow as tf

    return tf.concat(columns, axis=1)


def last_fine_feature_map(model: "keras.Model") -> tuple["keras.KerasTensor", bool]:
    """Returns the last post-ReLU map with MIN_MAP_SIDE positions a side, and whether others follow.

    The map is (None, rows, columns, channels). If none is that fine, returns the last one.
    """
    maps = [
        layer.output
        for layer in model.layers
        if len(layer.output.shape) == 4 and layer_table.rectifies(layer)
    ]
    fine = [each for each in maps if min(each.shape[1:3]) >= MIN_MAP_SIDE]
    chosen = (fine or maps)[-1]
    return chosen, chosen is not maps[-1]


@load_once
def split_at_feature_map(model: "keras.Model") -> tuple[Forward, Logits, bool]:
    """Splits the model at its `last_fine_feature_map`.

    Returns the compiled part up to that map, the function from the map to logits, and whether
    coarser maps follow. The model's last layer must be dense; its softmax or sigmoid is left out.
    """
    import keras

    fine, coarser = last_fine_feature_map(model)
    return compile_forward(keras.Model(model.inputs[0], fine)).run, _logits(model, fine), coarser


@load_once
def split_transfer(
    base: "keras.Model", head: "keras.Model"
) -> tuple[Forward, "keras.Model", Logits]:
    """Splits a head on a base's features, as `split_at_feature_map` does a model.

    Returns the part up to the base's last map, the part from there to its features, and the
    function from features to logits.
    """
    return *split_base(base), _logits(head, head.inputs[0])


@load_once
def split_base(base: "keras.Model") -> tuple[Forward, "keras.Model"]:
    """Splits VGG16's base into a compiled part up to its last feature map, and the rest."""
    import keras

    features = base.outputs[0]
    last = base.get_layer("block5_conv3").output
    return compile_forward(keras.Model(base.inputs[0], last)).run, keras.Model(last, features)


def _logits(model: "keras.Model", start: "keras.KerasTensor") -> Logits:
    """Returns the function from `start` to the last, dense layer's output before activation."""
    import keras

    answer = model.layers[-1]
    before = keras.Model(start, answer.input)
    return lambda inputs: before(inputs, training=False) @ answer.kernel + answer.bias
