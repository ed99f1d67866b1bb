"""What an approach says: its top classes, its JSON, and models that load once."""

import dataclasses
import json
import threading
import time

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from imgrec.approaches import pretrained, verdict, vgg16
from imgrec.approaches.verdict import ClassProbability, Verdict, top_classes
from imgrec.caching import load_once
from imgrec.data import labels
from imgrec.networks.inference import BATCH, compile_forward, milliseconds_each

PICTURE = Image.new("RGB", (224, 224))
VERDICT = Verdict(
    approach="scratch",
    model="classic CNN",
    trained_on="CIFAR-10",
    stand_in=False,
    classes=(ClassProbability(0, "dog", 0.75), ClassProbability(1, "cat", 0.25)),
    dog=0.75,
    milliseconds=12.3456,
    parameters=1_250_858,
    saw=PICTURE,
)

# Few different values, so that ties are frequent.
some_probabilities = hnp.arrays(
    "float32",
    st.integers(1, 30),
    elements=st.one_of(st.sampled_from([0, 0.25, 0.5, 1]), st.floats(0, 1, width=32)),
)


@given(some_probabilities, st.integers(0, 40))
def test_top_classes_are_the_most_probable_and_ties_keep_the_classes_order(probabilities, k):
    names = [f"class {i}" for i in range(len(probabilities))]
    ranked = sorted(range(len(names)), key=lambda i: (-probabilities[i], i))
    top = top_classes(probabilities, names, k)
    assert [entry.label for entry in top] == [names[i] for i in ranked[:k]]
    assert [entry.probability for entry in top] == [probabilities[i] for i in ranked[:k]]


def test_more_classes_than_there_are_give_all():
    top = top_classes(np.array([0.25, 0.75]), ("cat", "dog"), 5)
    assert top == (ClassProbability(1, "dog", 0.75), ClassProbability(0, "cat", 0.25))


def test_each_class_keeps_its_calibrated_probability():
    said, believed = np.array([0.1, 0.7, 0.2]), np.array([0.2, 0.5, 0.3])
    top = top_classes(said, ("cat", "dog", "frog"), 2, believed)
    assert top == (ClassProbability(1, "dog", 0.7, 0.5), ClassProbability(2, "frog", 0.2, 0.3))


def test_all_equal_probabilities_keep_the_order():
    names = [str(i) for i in range(1000)]
    top = top_classes(np.full(1000, 0.001, "float32"), names, 5)
    assert [entry.label for entry in top] == names[:5]


def test_the_json_has_exactly_these_keys_and_plain_values():
    answer = VERDICT.as_json()
    assert answer == {
        "approach": "scratch",
        "model": "classic CNN",
        "stand_in": False,
        "classes": [
            {"label": "dog", "probability": 0.75, "calibrated": None},
            {"label": "cat", "probability": 0.25, "calibrated": None},
        ],
        "dog": 0.75,
        "dog_calibrated": None,
        "unfamiliar": None,
        "looks": 1,
        "milliseconds": 12.35,
    }
    assert json.loads(json.dumps(answer)) == answer


def test_what_to_believe_takes_the_place_of_what_was_said():
    classes = (ClassProbability(5, "dog", 0.75, 0.5), ClassProbability(3, "cat", 0.25, 0.375))
    said = dataclasses.replace(VERDICT, classes=classes, dog_calibrated=0.5, unfamiliar=True)
    believed = said.calibrated()
    assert [(e.index, e.label, e.probability) for e in believed.classes] == [
        (5, "dog", 0.5),
        (3, "cat", 0.375),
    ]
    assert believed.dog == 0.5 and said.dog == 0.75
    assert believed.unfamiliar and believed.saw is said.saw
    assert believed.calibrated() == believed


def test_where_nothing_was_calibrated_what_was_said_is_all_there_is():
    assert VERDICT.calibrated() is VERDICT


def test_an_answer_names_the_file_beside_its_verdicts():
    other = dataclasses.replace(VERDICT, approach="transfer")
    answer = verdict.answer("photo.jpg", [VERDICT, other])
    assert answer == {"file": "photo.jpg", "verdicts": [VERDICT.as_json(), other.as_json()]}


def test_a_verdict_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        VERDICT.dog = 1.0


# Loading once


def test_many_threads_load_a_model_once():
    loads, loaded = [], []
    together = threading.Barrier(16)

    @load_once
    def load(name):
        loads.append(name)
        time.sleep(0.02)  # long enough for the others to come
        return object()

    def visit(name):
        together.wait()
        loaded.append((name, load(name)))

    visitors = [threading.Thread(target=visit, args=["ab"[i % 2]]) for i in range(16)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    assert sorted(loads) == ["a", "b"]
    assert len(loaded) == 16 and len(set(loaded)) == 2


def test_a_load_that_failed_is_tried_again():
    answers = iter([ValueError("not yet"), "model"])

    @load_once
    def load():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with pytest.raises(ValueError, match="not yet"):
        load()
    assert load() == "model"
    assert load() == "model"


# The forward pass


@pytest.fixture(scope="module")
def network():
    """A network with two outputs: the double of its input, and the sum of it."""
    import keras

    inputs = keras.Input((3,))
    double = keras.layers.Rescaling(2.0)(inputs)
    total = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")(inputs)
    return compile_forward(keras.Model(inputs, [double, total]))


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 3 * BATCH + 1))
def test_the_forward_pass_keeps_order_whatever_the_number_of_pictures(network, n):
    inputs = np.arange(3 * n, dtype="float32").reshape(n, 3)
    double, total = network.run(inputs)
    assert isinstance(double, np.ndarray) and double.dtype == np.float32
    np.testing.assert_allclose(double, 2 * inputs)
    np.testing.assert_allclose(total, inputs.sum(axis=1, keepdims=True))


def test_the_forward_pass_may_be_shared_by_threads(network):
    results = {}

    def visit(number):
        inputs = np.full((40, 3), number, "float32")
        results[number] = network.run(inputs)[0]

    visitors = [threading.Thread(target=visit, args=[i]) for i in range(8)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    for number in range(8):
        np.testing.assert_array_equal(results[number], np.full((40, 3), 2 * number, "float32"))


def test_a_batchs_time_is_shared_between_its_pictures():
    started = time.perf_counter() - 2  # two seconds ago
    assert milliseconds_each(started, 4) == pytest.approx(500, rel=0.05)
    assert milliseconds_each(time.perf_counter(), 1) >= 0


# The dog question, on a pass of VGG16 that was made before


def answers(probabilities, top_k=5):
    """The verdicts on the given (n, 1000) probabilities."""
    n = len(probabilities)
    passed = vgg16.Pass(np.zeros((n, 7, 7, 512), "float32"), probabilities, 3.5, [PICTURE] * n)
    return pretrained.predict([PICTURE] * n, top_k, passed)


@settings(max_examples=20)
@given(hnp.arrays("float32", (2, 1000), elements=st.floats(0, 1, width=32), fill=st.just(0.25)))
def test_the_dog_of_the_pretrained_is_the_sum_over_the_breeds(weights):
    assume(weights.sum(axis=1).min() > 1e-3)
    probabilities = weights / weights.sum(axis=1, keepdims=True)
    for row, answer in zip(probabilities, answers(probabilities), strict=True):
        assert answer.dog == pytest.approx(sum(float(row[i]) for i in range(151, 269)), abs=1e-5)
        assert answer.model == "VGG16" and not answer.stand_in


@pytest.mark.parametrize(("index", "dog"), [(150, 0), (151, 1), (268, 1), (269, 0)])
def test_the_breeds_end_where_they_should(index, dog):
    (answer,) = answers(np.eye(1000, dtype="float32")[[index]])
    assert answer.dog == dog
    assert answer.classes[0].label == labels.imagenet()[index].title
    assert answer.milliseconds == 3.5 and answer.saw is PICTURE


def test_as_many_classes_as_asked_for():
    (answer,) = answers(np.full((1, 1000), 0.001, "float32"), top_k=7)
    assert len(answer.classes) == 7
