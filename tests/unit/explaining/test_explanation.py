"""Why a network said what it said: maps of planted features, oracles, geometry, words."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imgrec.approaches import pretrained, scratch, transfer, vgg16
from imgrec.approaches.verdict import ClassProbability, Verdict
from imgrec.data import labels
from imgrec.errors import ModelError
from imgrec.explaining import heatmaps, targets
from imgrec.explaining.explanation import EARLIER_LAYER_NOTE, METHODS, Deletion, explain, interpret
from imgrec.explaining.grad_cam import grad_cam
from imgrec.explaining.occlusion import occlusion
from imgrec.explaining.targets import ExplainableNetwork, Question, Target
from imgrec.files.paths import IMAGES
from imgrec.images.decode import open_image
from imgrec.networks.inference import Network, compile_forward

DOG = IMAGES / "examples" / "cifar10_dog.png"


@pytest.fixture(scope="module")
def dog() -> Image.Image:
    return open_image(DOG)


@pytest.fixture(scope="module")
def noise() -> Image.Image:
    """A wide picture in which something is everywhere."""
    values = np.random.default_rng(0).integers(0, 256, (240, 330, 3))
    return Image.fromarray(values.astype(np.uint8))


# Small networks with one planted feature: class 1 is red


def red_detector(pooling: str) -> keras.Model:
    """32×32 pictures in [0, 1]; a filter that finds red, and a softmax whose class 1 wants it."""
    end = {
        "dense": [keras.layers.MaxPooling2D(2), keras.layers.Flatten()],
        "average": [keras.layers.GlobalAveragePooling2D()],
    }[pooling]
    model = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            keras.layers.Conv2D(2, 3, strides=2, padding="same", activation="relu"),
            *end,
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    kernel = np.zeros((3, 3, 3, 2), "float32")
    kernel[..., 0, 0], kernel[..., 1:, 0] = 1, -1  # red, and neither green nor blue
    kernel[..., 2, 1] = 1  # blue, which class 2 wants
    model.layers[0].set_weights([kernel, np.zeros(2, "float32")])
    answer = model.layers[-1]
    weights = np.zeros(answer.kernel.shape, "float32")
    scale = 100 / len(weights) if pooling == "dense" else 1
    weights[0::2, 1] = weights[1::2, 2] = scale
    answer.set_weights([weights, np.zeros(3, "float32")])
    return model


def subject(model: keras.Model, names=("nothing", "red", "blue")) -> ExplainableNetwork:
    network = compile_forward(model)
    to_map, logits, coarser = targets.split_at_feature_map(model)
    assert not coarser
    return ExplainableNetwork(
        names,
        slice(1, 3),
        scratch.box,
        lambda views: network.run(scratch.preprocess(views))[0],
        lambda views: to_map(scratch.preprocess(views))[0],
        logits,
    )


def question(image: Image.Image, about: ExplainableNetwork, place: slice = slice(1, 2)) -> Question:
    saw = scratch.view(image)
    verdict = Verdict(
        "scratch", "planted", "nothing", False, (ClassProbability(0, "red", 1.0),), 0.0, 1.0, 1, saw
    )
    return Question(verdict, image.size, about, Target("red", place))


def with_red(row: int, column: int) -> Image.Image:
    pixels = np.full((32, 32, 3), 40, np.uint8)
    pixels[row : row + 6, column : column + 6] = (255, 0, 0)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("pooling", ["dense", "average"])
@pytest.mark.parametrize(
    ("row", "column", "words"),
    [(2, 2, "in the upper left"), (24, 13, "in the lower part"), (13, 24, "on the right")],
)
def test_the_map_points_at_the_planted_feature(pooling, row, column, words):
    asked = question(with_red(row, column), subject(red_detector(pooling)))
    explanation = explain(asked)
    fine = heatmaps.resized(explanation.map, 32, 32)
    inside = fine[row - 2 : row + 8, column - 2 : column + 8].sum()
    assert inside > 0.95 * fine.sum()
    assert explanation.map.max() == 1 and heatmaps.location_in_words(explanation.map) == words
    assert words in explanation.notes[0]
    assert explanation.deletion.hottest_covered < 0.9 * explanation.deletion.now


@pytest.mark.parametrize("pooling", ["dense", "average"])
def test_occlusion_finds_the_planted_feature_and_agrees(pooling):
    asked = question(with_red(20, 4), subject(red_detector(pooling)))
    occluded = explain(asked, "occlusion")
    row, column = np.unravel_index(occluded.map.argmax(), occluded.map.shape)
    assert 20 - 4 <= (row + 0.5) * 2 <= 26 + 4 and 4 - 4 <= (column + 0.5) * 2 <= 10 + 4
    assert heatmaps.agreement(explain(asked).map, occluded.map) > 0.3
    assert any("The largest drop" in note for note in occluded.notes)


def test_with_average_pooling_grad_cam_is_cam():
    """Zhou et al. 2016: the maps weighed by the class's dense weights (equal, up to the area)."""
    model = red_detector("average")
    random = np.random.default_rng(0)
    model.layers[-1].set_weights([random.normal(size=(2, 3)), np.zeros(3)])
    picture = Image.fromarray(random.integers(0, 256, (32, 32, 3)).astype(np.uint8))
    asked = question(picture, subject(model), slice(2, 3))
    maps = asked.network.to_map(asked.view)[0]
    cam = np.maximum(maps @ np.asarray(model.layers[-1].kernel)[:, 2], 0)
    np.testing.assert_allclose(grad_cam(asked) * 16 * 16, cam, rtol=1e-4, atol=1e-5)


def test_a_map_without_evidence_shows_no_heat():
    asked = question(Image.new("RGB", (32, 32), "black"), subject(red_detector("dense")))
    for method in METHODS:
        explanation = explain(asked, method)
        assert not explanation.map.any() and explanation.deletion is None
        assert len(explanation.notes) == 1
        assert "empty" in explanation.notes[0] or "Wherever" in explanation.notes[0]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite_show_no_heat(bad):
    model = red_detector("dense")
    model.layers[-1].set_weights([np.full((128, 3), bad), np.zeros(3)])
    explanation = explain(question(with_red(3, 3), subject(model)))
    assert explanation.map.shape == (16, 16) and not explanation.map.any()
    assert "not finite" in explanation.notes[0]
    assert np.isfinite(explanation.probability)


def test_occlusion_tells_its_progress_and_stops_when_nobody_asks():
    about = subject(red_detector("dense"))
    passes = []
    counting = about._replace(run=lambda views: passes.append(len(views)) or about.run(views))
    growing = occlusion(question(with_red(3, 3), counting))
    first, second = next(growing), next(growing)
    assert 0 < np.isfinite(first).sum() < np.isfinite(second).sum() <= second.size == 256
    known = np.isfinite(first)
    np.testing.assert_array_equal(first[known], second[known])
    growing.close()
    assert sum(passes) == 1 + np.isfinite(second).sum()
    half = interpret(question(with_red(3, 3), counting), "occlusion", first)
    assert half.deletion is None and np.isfinite(half.map).all()


def test_occlusion_measures_the_drop_of_the_probability():
    asked = question(with_red(0, 0), subject(red_detector("average")))
    *_, drops = occlusion(asked)
    view = asked.view[0].copy()
    view[:5, :5] = np.rint(view.mean(axis=(0, 1)))  # the patch around (1, 1) reaches to 5
    before, after = asked.probabilities(np.stack([asked.view[0], view]))
    assert drops[0, 0] == pytest.approx(before - after, abs=1e-6)


# Grad-CAM beside a tape over the whole model


def whole_model_grad_cam(model, inputs, layer, score) -> np.ndarray:
    """Selvaraju's equations with one tape over the model that gives the map and the answer."""
    both = keras.Model(model.inputs[0], [model.get_layer(layer).output, model.layers[-1].input])
    dense = model.layers[-1]
    with tf.GradientTape() as tape:
        maps, last = both(inputs)
        value = score(last @ dense.kernel + dense.bias)
    slopes = tape.gradient(value, maps).numpy()
    return np.maximum((slopes.mean(axis=(1, 2))[0] * maps.numpy()[0]).sum(axis=-1), 0)


def assert_same_map(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.shape == expected.shape and expected.max() > 0
    np.testing.assert_allclose(found / expected.max(), expected / expected.max(), atol=1e-3)


@pytest.mark.parametrize("target", ["cat", "dog?"])
def test_classic_is_explained_as_one_tape_would(dog, target):
    asked = targets.build_question(dog, "scratch", target, "classic")
    place = labels.CIFAR10.index(target.rstrip("?"))
    model = scratch.load("classic").model
    inputs = scratch.preprocess(asked.view)
    expected = whole_model_grad_cam(model, inputs, "conv4", lambda logits: logits[0, place])
    assert_same_map(grad_cam(asked), expected)
    assert asked.probability == pytest.approx(model.predict(inputs, verbose=0)[0, place], abs=1e-5)


@pytest.mark.parametrize("target", ["dog", "cat"])
def test_fast_is_explained_on_a_finer_map_with_weights_of_each_place(dog, target):
    asked = targets.build_question(dog, "scratch", target, "fast")
    model, place = scratch.load("fast").model, labels.CIFAR10.index(target)
    maps_and_answer = keras.Model(
        model.inputs[0], [model.get_layer("block2_relu2").output, model.layers[-1].input]
    )
    answer = model.layers[-1]
    with tf.GradientTape() as tape:
        maps, before = maps_and_answer(scratch.preprocess(asked.view), training=False)
        logit = (before @ answer.kernel + answer.bias)[0, place]
    slopes = tape.gradient(logit, maps).numpy()[0]
    expected = np.maximum((np.maximum(slopes, 0) * maps.numpy()[0]).sum(axis=-1), 0)
    assert expected.shape == (7, 7)
    assert_same_map(grad_cam(asked), expected)
    assert EARLIER_LAYER_NOTE in explain(asked).notes
    assert EARLIER_LAYER_NOTE not in explain(asked, "occlusion").notes


def test_the_map_is_the_last_fine_one_out_of_relu():
    def network(side: int) -> keras.Model:
        return keras.Sequential(
            [
                keras.Input((side, side, 1)),
                keras.layers.Conv2D(1, 3, activation="relu", name="first"),
                keras.layers.MaxPooling2D(2),
                keras.layers.Conv2D(1, 3, name="signed"),
                keras.layers.ReLU(name="last"),
            ]
        )

    for side, name, coarser in ((12, "first", True), (8, "last", False), (20, "last", False)):
        chosen, followed = targets.last_fine_feature_map(model := network(side))
        assert chosen is model.get_layer(name).output and followed is coarser


@pytest.mark.parametrize("target", ["", "beagle", "dog?"])
def test_the_stand_in_is_explained_as_one_tape_would(dog, target):
    asked = targets.build_question(dog, "pretrained", target)
    model = pretrained.load_stand_in().model
    inputs = pretrained.preprocess_stand_in(asked.view)

    def score(logits):
        if target == "dog?":
            p = tf.reduce_sum(tf.nn.softmax(logits)[0, 151:269])
            return tf.math.log(p / (1 - p))
        names = [synset.title for synset in labels.imagenet()]
        return logits[0, names.index(target or asked.verdict.classes[0].label)]

    expected = whole_model_grad_cam(model, inputs, "head_relu", score)
    assert_same_map(grad_cam(asked), expected)


@pytest.mark.parametrize(
    ("head", "target", "sign"),
    [
        ("dog_pooled_64", "dog?", 1),
        ("dog_pooled_64", "not a dog", -1),
        ("dog_flatten_64", "dog", 1),
    ],
)
def test_transfer_is_explained_as_one_tape_would(dog, head, target, sign):
    asked = targets.build_question(dog, "transfer", target, head=head)
    base, top = vgg16.base().model, transfer.load(head).model
    whole = keras.Model(base.input, top(base.output))
    last = keras.Model(top.inputs[0], top.layers[-1].input)
    maps_and_features = keras.Model(
        base.input, [base.get_layer("block5_conv3").output, base.output]
    )
    with tf.GradientTape() as tape:
        maps, features = maps_and_features(vgg16.preprocess(asked.view))
        logit = (last(features) @ top.layers[-1].kernel + top.layers[-1].bias)[0, 0]
        score = sign * logit
    slopes = tape.gradient(score, maps).numpy()
    expected = np.maximum((slopes.mean(axis=(1, 2))[0] * maps.numpy()[0]).sum(axis=-1), 0)
    found = grad_cam(asked)
    assert found.shape == (14, 14)
    if expected.max() > 0:
        assert_same_map(found, expected)
    (p,) = whole.predict(vgg16.preprocess(asked.view), verbose=0)[0]
    assert asked.probability == pytest.approx(p if sign > 0 else 1 - p, abs=1e-3)


def test_of_a_network_with_a_top_the_last_convolution_is_explained(noise):
    """VGG16's form in small: two outputs, features and answer, as `vgg16.network` has them."""
    image = keras.Input((224, 224, 3))
    x = keras.layers.Conv2D(4, 16, strides=16, activation="relu", name="block5_conv3")(image)
    features = keras.layers.MaxPooling2D(2, name="block5_pool")(x)
    x = keras.layers.Flatten()(features)
    x = keras.layers.Dense(1000, activation="softmax")(x)
    network = compile_forward(keras.Model(image, [features, x]))
    about = targets._vgg16(network)
    views = np.asarray(vgg16.view(noise))[None]
    assert about.to_map(views).shape == (1, 14, 14, 4)
    logits = about.logits(tf.constant(about.to_map(views)))
    np.testing.assert_allclose(tf.nn.softmax(logits), about.run(views), atol=1e-5)


# Questions


@pytest.mark.parametrize(
    ("approach", "target", "sentence"),
    [
        ("vgg", "", "no approach 'vgg'; choose one of scratch, pretrained, transfer"),
        (None, "", "no approach None"),
        ("scratch", "lion", "no class 'lion'.*'dog\\?' or one of its 10 classes"),
        ("pretrained", "<b>", "EfficientNet-Lite0 has no class '<b>'"),
        ("transfer", "cat", "no class 'cat'"),
        ("scratch", "x" * 1000, "no class 'x{60}';"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(dog, approach, target, sentence):
    with pytest.raises(ModelError, match=sentence):
        targets.build_question(dog, approach, target)


def test_another_method_is_refused(dog):
    with pytest.raises(ModelError, match="no method 'guess'; choose one of grad-cam, occlusion"):
        explain(targets.build_question(dog, "scratch"), "guess")


def test_of_two_classes_with_one_name_the_more_probable_is_meant(noise):
    asked = targets.build_question(noise, "pretrained", "crane")
    names = [synset.title for synset in labels.imagenet()]
    probabilities = asked.network.run(asked.view)[0]
    both = [p for name, p in zip(names, probabilities, strict=True) if name == "crane"]
    assert len(both) == 2 and asked.probability == pytest.approx(max(both), rel=1e-4)


@pytest.mark.parametrize("approach", ["scratch", "pretrained", "transfer"])
def test_what_is_explained_is_what_the_verdict_says(noise, approach):
    asked = targets.build_question(noise, approach)
    assert asked.probability == pytest.approx(asked.verdict.classes[0].probability, abs=1e-4)
    dogs = targets.build_question(noise, approach, "dog?")
    assert dogs.probability == pytest.approx(asked.verdict.dog, abs=1e-4)
    explanation = explain(asked)
    assert explanation.seen == pytest.approx(
        {"scratch": 240 / 330}.get(approach, 240 / 330 * (224 / 256) ** 2), abs=0.01
    )
    assert explanation.as_json()["map"] == explanation.map.round(4).astype(float).tolist()


def test_a_network_is_cut_once(dog):
    network: Network = scratch.load("classic")
    assert targets.split_at_feature_map(network.model) is targets.split_at_feature_map(
        network.model
    )


# Geometry


sides = st.integers(1, 400)


@given(sides, sides, st.integers(1, 14), st.data())
@settings(max_examples=30, deadline=None)
def test_a_hot_place_lands_where_the_network_saw_it(width, height, places, data):
    row, column = (data.draw(st.integers(0, places - 1)) for _ in range(2))
    heat = np.zeros((places, places))
    heat[row, column] = 1
    for box_of in (scratch.box, vgg16.box):
        left, top, right, bottom = box = box_of((width, height))
        over = heatmaps.placed(heat, box, (width, height))
        assert over.shape == (height, width)
        rows, columns = np.arange(height) + 0.5, np.arange(width) + 0.5
        seen = ((rows >= top) & (rows <= bottom))[:, None] & (columns >= left) & (columns <= right)
        np.testing.assert_array_equal(np.isfinite(over), seen)
        centre = (
            top + (row + 0.5) * (bottom - top) / places,
            left + (column + 0.5) * (right - left) / places,
        )
        reach = ((bottom - top) / places, (right - left) / places)
        # Places at the border reach over it: there the map goes on as it is.
        for y, x in np.argwhere(np.nan_to_num(over) > 1e-9):
            assert abs(y + 0.5 - centre[0]) <= reach[0] + 1e-6
            assert abs(x + 0.5 - centre[1]) <= reach[1] + 1e-6


@pytest.mark.parametrize("size", [(400, 100), (100, 400), (256, 256)])
def test_a_view_and_its_map_lie_over_the_same_part(size):
    """A white spot in the picture: where the view has it, the map put back has it too."""
    for x, y in ((0.4, 0.4), (0.6, 0.5)):
        pixels = np.zeros((size[1], size[0], 3), np.uint8)
        side = min(size)
        left = round((size[0] - side) / 2 + x * side)
        top = round((size[1] - side) / 2 + y * side)
        pixels[top : top + side // 8, left : left + side // 8] = 255
        for see, box in ((scratch.view, scratch.box), (vgg16.view, vgg16.box)):
            view = np.asarray(see(Image.fromarray(pixels)).convert("L")) / 255
            back = np.nan_to_num(heatmaps.placed(view, box(size), size))
            assert np.corrcoef(back.ravel(), pixels[..., 0].ravel() / 255)[0, 1] > 0.9


def test_resizing_to_the_same_size_changes_nothing():
    heat = np.random.default_rng(0).random((7, 9))
    np.testing.assert_allclose(heatmaps.resized(heat, 7, 9), heat)


# Words and figures


@given(st.integers(2, 14), st.integers(8, 64), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_the_fifths_are_a_fifth_each_the_hottest_over_the_coldest(places, side, random):
    heat = np.array([[random.choice([0, 0, random.random()]) for _ in range(places)]] * places)
    hottest, coldest = heatmaps.fifths(heat, side)
    fine = heatmaps.resized(heat, side, side)
    assert hottest.sum() == coldest.sum() == round(side * side / 5)
    assert not (hottest & coldest).any()
    assert (
        fine[hottest].min() >= fine[~hottest].max() and fine[coldest].max() <= fine[~coldest].min()
    )


@pytest.mark.parametrize(
    ("now", "hottest", "coldest", "words"),
    [
        (0.89, 0.12, 0.88, "points at what matters"),
        (0.004, 0.0004, 0.004, "points at what matters"),
        (0.89, 0.88, 0.12, "misleads"),
        (0.89, 0.85, 0.90, "no single place decides"),
        (0.89, 0.30, 0.32, "read little"),
        (0.0, 0.0, 0.0, "tells nothing"),
    ],
)
def test_the_deletion_check_says_how_far_to_trust(now, hottest, coldest, words):
    assert words in Deletion(now, hottest, coldest).verdict


def test_the_hottest_tenth_of_an_even_map_holds_a_tenth():
    assert heatmaps.hottest_tenth(np.ones((13, 13))) == pytest.approx(0.1)
    one_hot = np.zeros((10, 10))
    one_hot[3, 4] = 1
    assert heatmaps.hottest_tenth(one_hot) == 1


def test_agreement_is_spearmans_rank_correlation():
    import pandas as pd

    random = np.random.default_rng(0)
    one = random.integers(0, 5, (8, 8)).astype(float)
    other = one + random.integers(0, 4, (8, 8))
    expected = pd.Series(one.ravel()).rank().corr(pd.Series(other.ravel()).rank())
    assert heatmaps.agreement(one, other) == pytest.approx(expected)
    assert heatmaps.agreement(one, one**3) == pytest.approx(1)
    assert heatmaps.agreement(one, -one) == pytest.approx(-1)
    assert heatmaps.agreement(one, np.zeros((7, 7))) is None
