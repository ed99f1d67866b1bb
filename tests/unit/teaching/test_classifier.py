"""The head of a visitor's own pictures: what it learns, and that its honest accuracy is honest."""

import io
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imgrec.approaches import vgg16
from imgrec.errors import ModelError, TeachError
from imgrec.explaining import occlusion, targets
from imgrec.explaining.explanation import explain
from imgrec.explaining.grad_cam import grad_cam
from imgrec.files.paths import ROOT
from imgrec.metrics.calibration import softmax
from imgrec.metrics.classification import wilson
from imgrec.networks.heads import pooled_head
from imgrec.teaching import batched_heads, classifier, pictures, project_file
from imgrec.teaching import features as teaching_features
from imgrec.teaching import project as teaching_project
from imgrec.teaching.built_in_pictures import add_built_in
from imgrec.teaching.cross_validation import (
    FOLDS,
    MAX_LEAVE_ONE_OUT,
    REJECTION_RATE,
    REPEATS,
    Examples,
    _masks,
    assign_folds,
    similarities,
    teach,
)
from imgrec.teaching.project_parts import Settings
from imgrec.teaching.train import collect_examples, teach_project

NAMES = ("cat", "dog", "owl", "fox")
FIXTURES = ROOT / "tests" / "fixtures"


def examples(
    counts: list[int], spread: float = 0.5, seed: int = 0, copies: int = 0, shuffled: bool = False
) -> Examples:
    """So many pictures of each class around its own direction, and so many copies of each."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    pooled = np.eye(classifier.FEATURES)[labels] + spread * random.normal(
        size=(len(labels), classifier.FEATURES)
    ) / np.sqrt(classifier.FEATURES)
    pooled = (pooled / np.linalg.norm(pooled, axis=1, keepdims=True)).astype("float32")
    if shuffled:
        labels = random.permutation(labels)
    views = 1 + copies
    return Examples(
        np.repeat(pooled, views, axis=0),
        np.repeat(labels, views),
        np.repeat(np.arange(len(labels)), views),
        np.tile(np.arange(views) > 0, len(labels)),
        tuple(f"id{number}" for number in range(len(labels))),
    )


# Training


def test_the_head_is_what_keras_trains():
    import keras

    given = examples([12, 5, 8], spread=3, seed=1)
    learns = np.ones((2, 25), bool)
    learns[1, ::4] = False
    kernels, biases = batched_heads.train(given.features, given.labels, learns, 3)
    for mask, kernel, bias in zip(learns, kernels, biases, strict=True):
        recipe = batched_heads.RECIPE
        dense = pooled_head(l2=recipe.l2, classes=3).layers[-1]
        model = keras.Sequential([keras.Input((classifier.FEATURES,)), dense])
        dense.set_weights([np.zeros_like(weight) for weight in dense.get_weights()])
        model.compile(
            keras.optimizers.Adam(recipe.learning_rate), "sparse_categorical_crossentropy"
        )
        counts = np.bincount(given.labels[mask])
        weights = dict(enumerate(mask.sum() / (3 * counts)))
        for _ in range(recipe.epochs):
            model.train_on_batch(given.features[mask], given.labels[mask], class_weight=weights)
        theirs, their_bias = dense.get_weights()
        np.testing.assert_allclose(kernel, theirs, atol=0.02 * np.abs(theirs).max())
        np.testing.assert_allclose(bias, their_bias, atol=0.02 * np.abs(theirs).max())
        said, theirs_said = (
            softmax(given.features @ k + b) for k, b in ((kernel, bias), (theirs, their_bias))
        )
        np.testing.assert_allclose(said, theirs_said, atol=0.005)


def test_the_same_seed_teaches_the_same_and_tells_how_far_it_is():
    given = examples([20, 20], spread=4)
    told = []
    one = teach(given, NAMES[:2], 3, lambda done, total: told.append((done, total)))
    same, other = (teach(given, NAMES[:2], seed) for seed in (3, 4))
    epochs = batched_heads.RECIPE.epochs
    assert told == [(done, epochs) for done in range(10, epochs + 1, 10)]
    assert (one.kernel == same.kernel).all() and (one.bias == same.bias).all()
    assert (
        one.cross_validation == same.cross_validation
        and one.cross_validation != other.cross_validation
    )


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        ([5], "add a second class"),
        ([5, 1], "“dog” has too few pictures to learn from; give it 2 or more."),
        ([5, 5, 0], "owl"),
    ],
)
def test_what_cannot_be_taught_is_said(counts, sentence):
    with pytest.raises(TeachError, match=sentence):
        teach(examples(counts, copies=3), NAMES[: len(counts)])


# Honest accuracy


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(2, 40), min_size=2, max_size=5), st.integers(0, 3), st.integers(0, 999))
def test_folds_are_stratified_and_part_no_copies(counts, copies, seed):
    given = examples(counts, copies=copies)
    folds = assign_folds(given, seed)
    learns = _masks(given, folds)
    repeats, groups = folds.shape
    number = folds.max() + 1
    assert groups == sum(counts) and learns.shape == (1 + repeats * number, len(given.labels))
    assert learns[0].all()
    for mask in learns[1:]:
        assert not set(given.group[mask]) & set(given.group[~mask])
    if groups <= MAX_LEAVE_ONE_OUT:
        assert (repeats, number) == (1, groups)
        return
    assert (repeats, number) == (REPEATS, FOLDS)
    label = np.repeat(np.arange(len(counts)), counts)
    for fold in folds:
        for members in (fold, *(fold[label == each] for each in range(len(counts)))):
            assert np.ptp(np.bincount(members, minlength=number)) <= 1


def test_a_head_that_learnt_by_heart_is_found_out():
    given = examples([30, 30], spread=30, seed=2, copies=5, shuffled=True)
    head = teach(given, NAMES[:2])
    own = ~given.copies
    by_heart = classifier.logits(head, given.features[own]).argmax(axis=1) == given.labels[own]
    assert by_heart.all()
    assert 0.25 < head.cross_validation.accuracy < 0.75  # the labels are drawn by lot
    assert head.cross_validation.temperature > 1.5


def test_a_picture_in_two_classes_is_judged_by_heads_that_saw_neither():
    given = examples([20, 20], spread=30, seed=2)
    features = given.features.copy()
    features[20:] = features[:20]  # each picture is in both classes
    group = np.tile(np.arange(20), 2)
    honest = teach(given._replace(features=features, group=group), NAMES[:2]).cross_validation
    assert honest.pictures == 40
    assert honest.accuracy == 0.5  # whatever is said of a picture, it is right once of two times


def test_honest_accuracy_is_that_of_heads_trained_one_by_one():
    given = examples([14, 9, 10], spread=9, seed=11)  # no two classes nearly tie: processors round
    honest = teach(given, NAMES[:3], seed=7).cross_validation
    counts = np.zeros((3, 3))
    for fold in assign_folds(given, 7):
        for number in range(FOLDS):
            learns = (fold != number)[None]
            kernel, bias = batched_heads.train(given.features, given.labels, learns, 3)
            apart = fold == number
            guessed = (given.features[apart] @ kernel[0] + bias[0]).argmax(axis=1)
            np.add.at(counts, (given.labels[apart], guessed), 1 / REPEATS)
    np.testing.assert_allclose(honest.confusion, counts, atol=1e-9)
    assert 0.4 < honest.accuracy < 1
    assert honest.accuracy == pytest.approx(counts.trace() / 33)
    assert honest.recall == pytest.approx(counts.diagonal() / [14, 9, 10])
    assert (honest.low, honest.high) == wilson(round(counts.trace()), 33)
    low, high = round(100 * honest.low), round(100 * honest.high)
    assert honest.in_words == f"between {low} % and {high} %, from 33 pictures"


def test_of_few_pictures_each_is_judged_by_a_head_of_all_others():
    honest = teach(examples([4, 3], spread=1), NAMES[:2]).cross_validation
    assert (honest.folds, honest.repeats, honest.pictures) == (7, 1, 7)
    assert honest.accuracy == 1 and honest.temperature == 1
    assert honest.low < 0.7 and honest.high == pytest.approx(1)


def test_a_picture_in_the_wrong_class_is_pointed_out():
    given = examples([20, 20], spread=1)
    labels = given.labels.copy()
    labels[3] = 1  # a cat among the dogs
    honest = teach(given._replace(labels=labels), NAMES[:2]).cross_validation
    (wrong,) = honest.wrong
    assert (wrong.picture, wrong.right, wrong.guessed) == ("id3", 1, 0)
    assert wrong.probability > 0.5
    sure = [judged.probability for judged in honest.unsure]
    assert len(sure) == classifier.MAX_LISTED and sure == sorted(sure)
    assert all(judged.right == judged.guessed for judged in honest.unsure)


def test_pictures_that_are_nearly_the_same_are_a_reason_for_caution():
    given = examples([20, 20], spread=2)
    honest = teach(given, NAMES[:2]).cross_validation
    assert honest.alike == 0 and honest.caution == ""
    features = given.features.copy()
    features[1:20] = features[0] + 0.01 * features[1:20]  # a webcam before a cat that sleeps
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    honest = teach(given._replace(features=features), NAMES[:2]).cross_validation
    assert honest.alike == 20
    assert honest.caution.startswith("20 of the 40 pictures are nearly the same as another one")
    copied = examples([20, 20], spread=2, copies=5)
    assert teach(copied, NAMES[:2]).cross_validation.alike == 0


# Use


def test_what_is_unlike_anything_taught_is_none_of_these():
    given = examples([30, 30], spread=1)
    head = teach(given, NAMES[:2])
    stranger = np.eye(classifier.FEATURES, dtype="float32")[300:301]
    said = classifier.answer(head, np.concatenate([given.features, stranger]))
    assert said.none.tolist() == [False] * 60 + [True]
    assert said.similarity[:60] == pytest.approx(1, abs=1e-5)
    fresh = examples([100, 100], spread=1, seed=9)
    turned_away = classifier.answer(head, fresh.features).none.mean()
    assert 0 < head.rejection_rate <= REJECTION_RATE and turned_away < 0.15


def test_how_familiar_a_picture_is_no_twin_and_no_neighbour_in_time_decides():
    given = examples([10, 12], spread=2, seed=3)
    features = np.repeat(given.features, 2, axis=0)  # a webcam that takes everything twice
    labels, group = np.repeat(given.labels, 2), np.arange(44)
    group[-1] = group[0]
    found = similarities(features, labels, group)
    stretches = [np.array_split(np.flatnonzero(labels == label), FOLDS) for label in (0, 1)]
    for fold in zip(*stretches, strict=True):
        members = np.concatenate(fold)
        for place in members:
            others = np.setdiff1d(np.arange(44), members)
            others = others[group[others] != group[place]]
            assert found[place] == pytest.approx((features[others] @ features[place]).max())


@pytest.mark.parametrize("count", [2, 5, 30])
def test_probabilities_add_up_and_calibration_keeps_their_order(count):
    head = teach(examples([count] * 3, spread=9), NAMES[:3])
    fresh = examples([20] * 3, spread=9, seed=8).features
    said = classifier.answer(head, fresh)
    np.testing.assert_allclose(said.probabilities.sum(axis=1), 1, rtol=1e-6)
    logits = classifier.logits(head, fresh)
    assert (said.probabilities.argmax(axis=1) == logits.argmax(axis=1)).all()
    np.testing.assert_allclose(
        said.probabilities, softmax(logits / head.cross_validation.temperature)
    )
    assert (head.cross_validation.temperature != 1) == (3 * count >= 20)


# For a file


@pytest.fixture(scope="module")
def head():
    return teach(examples([12, 12], spread=6), NAMES[:2])


def reopened(head, change=lambda arrays, figures: None):
    """The head as it comes out of files, after a change to what they hold."""
    arrays, figures = classifier.head_to_arrays(head)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    arrays = dict(np.load(io.BytesIO(buffer.getvalue())))
    figures = json.loads(json.dumps(figures))
    change(arrays, figures)
    return classifier.head_from_arrays(arrays, figures)


def test_a_head_comes_back_from_a_file_as_it_was(head):
    again = reopened(head)
    fresh = examples([20] * 2, spread=9, seed=8).features
    for one, other in zip(
        classifier.answer(head, fresh), classifier.answer(again, fresh), strict=True
    ):
        assert (one == other).all()
    assert again.cross_validation == head.cross_validation and again.class_names == head.class_names
    assert (again.seconds, again.similarity_threshold) == (head.seconds, head.similarity_threshold)


ODD = [None, "1", -1, 2.5, 1e9, float("nan"), True, [], [[]], {}, [1, 2, 3]]


@settings(deadline=None)
@given(st.data())
def test_a_head_that_makes_no_sense_is_refused(head, data):
    def change(arrays, figures):
        place = data.draw(st.sampled_from([figures, figures["honest"]]))
        name = data.draw(st.sampled_from(sorted(place)))
        if data.draw(st.booleans()):
            del place[name]
        else:
            place[name] = data.draw(st.sampled_from(ODD))

    try:
        again = reopened(head, change)
    except ModelError as error:
        assert "teach it again" in str(error)
    else:  # what was changed has such a value, or is cut short
        assert len(again.class_names) == len(again.cross_validation.recall) == 2
        assert json.dumps(classifier.head_to_arrays(again)[1], allow_nan=False)


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays, figures: arrays.pop("bias"),
        lambda arrays, figures: arrays.update(more=np.zeros(3)),
        lambda arrays, figures: arrays.update(kernel=arrays["kernel"].T),
        lambda arrays, figures: arrays.update(kernel=arrays["kernel"].astype("float64")),
        lambda arrays, figures: arrays.update(known=arrays["known"][:3]),
        lambda arrays, figures: arrays["kernel"].__setitem__((0, 0), np.inf),
        lambda arrays, figures: figures.update(class_names=["cat"]),
        lambda arrays, figures: figures.update(class_names=["cat", 7]),
        lambda arrays, figures: figures["honest"]["unsure"][0].__setitem__(1, 2),
        lambda arrays, figures: figures["honest"].update(confusion=[[1]]),
        lambda arrays, figures: figures["honest"].update(alike=25),
        lambda arrays, figures: figures["honest"].update(recall=[], confusion=[]),
        lambda arrays, figures: figures["honest"]["confusion"].pop(),
    ],
)
def test_a_head_that_does_not_fit_together_is_refused(head, change):
    with pytest.raises(ModelError, match="teach it again"):
        reopened(head, change)


# With VGG16


@pytest.fixture(scope="module")
def project():
    """Two classes of five pictures that ship, taught."""
    project = teaching_project.Project()
    for index, name in enumerate(("automobile", "horse")):
        project.add_class(name)
        for picture in add_built_in(project, index, name).added[5:]:
            project.remove(index, picture.id)
    teach_project(project)
    yield project
    project.close()


def test_a_project_keeps_its_head_until_its_pictures_change(project):
    given = collect_examples(project)
    assert given.labels.tolist() == [0] * 5 + [1] * 5
    assert given.group.tolist() == list(range(10)) and not given.copies.any()
    assert given.ids == project.classes[0].ids() + project.classes[1].ids()
    np.testing.assert_allclose(np.linalg.norm(given.features, axis=1), 1, rtol=1e-5)
    head = project.head
    assert head.class_names == ("automobile", "horse") and head.cross_validation.accuracy > 0.8
    assert {
        judged.picture for judged in head.cross_validation.wrong + head.cross_validation.unsure
    } <= set(given.ids)
    stays = project.classes[1].pictures[0]
    content = project.path(stays.id).read_bytes()
    project.remove(1, stays.id)
    assert project.head is None
    project.add(1, [("back.png", content)])


def test_copies_of_a_picture_are_one_group(project, monkeypatch):
    monkeypatch.setattr(
        teaching_features,
        "pooled_features",
        lambda views: np.ones((len(views), classifier.FEATURES), "float32"),
    )
    augmented = teaching_project.Project()
    for name in ("cat", "dog"):
        add_built_in(augmented, augmented.add_class(name), name)
    shared = augmented.classes[0].pictures[0]
    augmented.add(1, [("again.png", augmented.path(shared.id).read_bytes())])
    augmented.configure(Settings(augment=True))
    augmented.extract()
    given = collect_examples(augmented)
    assert len(given.labels) == 21 * pictures.VIEWS and (~given.copies).sum() == 21
    assert len(given.ids) == 20
    assert set(given.labels[given.group == 0]) == {0, 1}
    augmented.close()


def test_a_project_of_the_version_before_answers_as_it_did():
    """Both files are of the version 2a228ef: a project, and its answer about a ship."""
    older = FIXTURES / "project_before_the_house.zip"
    told = json.loads(older.with_suffix(".json").read_text(encoding="utf-8"))
    head = project_file.read_project(older).head
    measured = head.cross_validation
    assert (measured.in_words, measured.folds) == (told["accuracy"], told["folds"])
    with Image.open(FIXTURES / "ship.png") as picture:
        said = classifier.answer_picture(head, picture.convert("RGB")).as_json()
    assert said["none_of_these"] is told["none_of_these"]
    assert said["similarity"] == pytest.approx(told["similarity"], abs=1e-3)
    for one, other in zip(said["classes"], told["classes"], strict=True):
        assert one == {**other, "probability": pytest.approx(other["probability"], abs=1e-3)}


def test_a_verdict_is_that_of_the_pictures_features(project):
    head = teach_project(project)
    image = Image.effect_mandelbrot((300, 260), (-2, -1.2, 1, 1.2), 60).convert("RGB")
    verdict = classifier.answer_picture(head, image)
    said = classifier.answer(head, pictures.pooled_features([vgg16.view(image)]))
    assert [entry.label for entry in verdict.classes] in (
        ["automobile", "horse"],
        ["horse", "automobile"],
    )
    by_index = {entry.index: entry.probability for entry in verdict.classes}
    np.testing.assert_allclose([by_index[0], by_index[1]], said.probabilities[0])
    assert verdict.saw.size == (vgg16.SIZE, vgg16.SIZE) and verdict.milliseconds > 0
    assert verdict.none == bool(said.none[0])
    assert list(verdict.as_json()) == ["classes", "none_of_these", "similarity", "milliseconds"]
    own = project.image(project.classes[0].pictures[0].id)
    assert classifier.answer_picture(head, own).similarity == pytest.approx(1, abs=1e-4)


def test_why_explains_every_class_with_the_answers_own_probability(project, monkeypatch):
    monkeypatch.setattr(occlusion, "PATCHES_AT_ONCE", 2)
    head = teach_project(project)
    own = project.image(project.classes[1].pictures[3].id)
    verdict = classifier.answer_picture(head, own)
    maps = {}
    expected = grad_cams_of_one_tape(head, verdict.saw)
    for entry in verdict.classes:
        question = targets.build_taught_question(own, head, entry.label)
        assert question.probability == pytest.approx(entry.probability, abs=1e-4)
        logits = question.network.logits(question.network.to_map(question.view))
        believed = softmax(np.asarray(logits) / head.cross_validation.temperature)[0, entry.index]
        assert believed == pytest.approx(entry.probability, abs=1e-3)
        maps[entry.label] = explain(question)
        wanted = expected[entry.index]
        np.testing.assert_allclose(grad_cam(question), wanted, atol=1e-3 * wanted.max())
    assert targets.build_taught_question(own, head).target.label == verdict.classes[0].label
    assert {one.map.shape for one in maps.values()} == {(14, 14)}
    assert maps["horse"].approach == "taught" and maps["horse"].map.max() == 1
    assert not np.allclose(maps["horse"].map, maps["automobile"].map)
    first = next(occlusion.occlusion(targets.build_taught_question(own, head)))
    assert np.isfinite(first).sum() == 2
    with pytest.raises(ModelError, match=r"no class 'dog\?'; .* one of its 2 classes"):
        targets.build_taught_question(own, head, targets.DOG_QUESTION)


def grad_cams_of_one_tape(head, view):
    """Grad-CAM of each class through base and head at once, by Keras."""
    import keras
    import tensorflow as tf

    base, top = vgg16.base().model, pooled_head(classes=len(head.class_names))
    top.layers[-1].set_weights([head.kernel, head.bias])
    before = keras.Model(top.inputs[0], top.layers[-1].input)
    both = keras.Model(base.input, [base.get_layer("block5_conv3").output, base.output])
    with tf.GradientTape(persistent=True) as tape:
        maps, features = both(vgg16.preprocess(np.asarray(view)[None]))
        logits = before(features) @ head.kernel + head.bias
        each = [logits[0, index] for index in range(len(head.class_names))]
    slopes = [tape.gradient(logit, maps).numpy() for logit in each]
    return [np.maximum((s.mean(axis=(1, 2))[0] * maps.numpy()[0]).sum(axis=-1), 0) for s in slopes]
