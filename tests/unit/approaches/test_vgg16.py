"""VGG16 beside Keras's own: preprocessing, classes, layers, the shipped base, the official file."""

import hashlib
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from support.files import SHARED, save_as_hdf5

from imgrec import approaches
from imgrec.approaches import pretrained, transfer, vgg16, vgg16_weights
from imgrec.approaches.verdict import top_classes
from imgrec.caching import load_once
from imgrec.data import labels
from imgrec.errors import ModelError
from imgrec.files import atomic
from imgrec.files.downloads import Checksum
from imgrec.files.paths import ASSETS, MODELS
from imgrec.images.decode import open_image
from imgrec.models import store
from imgrec.networks import imagenet, layer_table
from imgrec.networks.weights import get_weights

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")  # in Keras

NO_TOP = SHARED / "weights" / "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
PHOTOS = SHARED / "photos" / "imagenet_samples"
KERAS_INDEX_MD5 = "c2c37ea517e94d9795004a39431a14cb"  # keras/src/applications/imagenet_utils.py


@pytest.fixture(scope="module")
def whole():
    """The loader of the whole network, which forgets it at this module's end: it is large."""
    return load_once(vgg16._full_network.__wrapped__)


@pytest.fixture
def weights(cache, whole, monkeypatch):
    """Nothing named, and nothing in Keras's cache."""
    fresh = vgg16_weights.Weights()
    monkeypatch.setattr(vgg16, "weights", fresh)
    monkeypatch.setattr(vgg16_weights, "weights", fresh)
    monkeypatch.setattr(vgg16, "_full_network", whole)
    return fresh


@pytest.fixture(scope="module")
def pictures():
    """Pictures of several sizes: noise over gradients, so that the features are not all alike."""
    random = np.random.default_rng(0)
    made = []
    for width, height in ((640, 480), (90, 300)):
        ramp = np.linspace(0, 200, width)[None, :, None] * random.random(3)
        noise = random.integers(0, 56, (height, width, 3))
        made.append(Image.fromarray((ramp + noise).astype(np.uint8)))
    return made


# Preprocessing and classes


@settings(max_examples=30, deadline=None)
@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 3), st.just(9), st.just(7), st.just(3))))
def test_preprocessing_equals_keras(images):
    from keras.applications.vgg16 import preprocess_input

    expected = preprocess_input(images.astype("float32"))
    found = vgg16.preprocess(images)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_preprocessing_equals_keras_on_every_byte():
    from keras.applications.vgg16 import preprocess_input

    images = np.random.default_rng(0).permuted(
        np.tile(np.arange(256, dtype=np.uint8), 588).reshape(3, 224 * 224), axis=1
    )
    images = images.T.reshape(1, 224, 224, 3)
    np.testing.assert_array_equal(
        vgg16.preprocess(images), preprocess_input(images.astype("float32"))
    )


@pytest.mark.parametrize("size", [(224, 224), (256, 256), (1000, 300), (100, 400), (1, 1)])
def test_the_view_is_224_pixels_square(size):
    assert vgg16.view(Image.new("RGB", size)).size == (224, 224)


def test_the_view_of_a_256_pixel_picture_is_its_exact_centre():
    array = np.random.default_rng(0).integers(0, 256, (256, 300, 3), dtype=np.uint8)
    seen = np.asarray(vgg16.view(Image.fromarray(array)))
    np.testing.assert_array_equal(seen, array[16:240, 38:262])


@pytest.fixture
def decode_predictions(monkeypatch):
    """Keras's own, reading the class index that ships with us in place of a download."""
    from keras.applications.vgg16 import decode_predictions
    from keras.src.applications import imagenet_utils

    def get_file(name, *arguments, file_hash, **options):
        path = ASSETS / name
        assert hashlib.md5(path.read_bytes()).hexdigest() == file_hash == KERAS_INDEX_MD5
        return str(path)

    monkeypatch.setattr(imagenet_utils, "CLASS_INDEX", None)
    monkeypatch.setattr(imagenet_utils.file_utils, "get_file", get_file)
    return decode_predictions


@pytest.mark.parametrize("top", [1, 5, 1000])
def test_the_top_classes_are_those_that_keras_decodes(decode_predictions, top):
    probabilities = np.random.default_rng(0).dirichlet(np.full(1000, 0.05), size=8)
    titles = [synset.title for synset in labels.imagenet()]
    for row, decoded in zip(probabilities, decode_predictions(probabilities, top), strict=True):
        found = top_classes(row, titles, top)
        assert [entry.probability for entry in found] == [p for _, _, p in decoded]
        expected = [name.replace("_", " ") for _, name, p in decoded if p > 0]
        assert [entry.label for entry in found][: len(expected)] == expected


def test_each_class_is_that_which_keras_decodes(decode_predictions):
    decoded = decode_predictions(np.eye(1000, dtype="float32"), top=1)
    assert [(wnid, name) for [(wnid, name, _)] in decoded] == [*labels.imagenet()]


def test_the_dogs_are_118_breeds_from_chihuahua_to_mexican_hairless():
    dogs = labels.imagenet()[labels.IMAGENET_DOGS]
    assert len(dogs) == 118
    assert dogs[0].name == "Chihuahua" and dogs[-1].name == "Mexican_hairless"
    assert labels.imagenet()[150].name == "sea_lion"
    assert labels.imagenet()[269].name == "timber_wolf"


def test_the_classes_are_in_the_order_of_their_wordnet_ids():
    index = json.loads((ASSETS / "imagenet_class_index.json").read_text())
    wnids = [synset.wnid for synset in labels.imagenet()]
    assert len(wnids) == 1000 and wnids == sorted(set(wnids))
    assert wnids == [index[str(i)][0] for i in range(1000)]


# The layers


def without_input(rows):
    return [row for row in rows if row.kind != "InputLayer"]


def test_the_layer_table_is_that_of_keras(keras_vgg16):
    assert without_input(vgg16.architecture()) == without_input(layer_table.table(keras_vgg16))
    assert vgg16.architecture()[0][1:] == layer_table.table(keras_vgg16)[0][1:]


def test_the_parameters_are_the_papers(keras_vgg16):
    total = sum(row.parameters for row in vgg16.architecture())
    assert total == keras_vgg16.count_params() == vgg16.PARAMETERS == 138_357_544
    base = sum(row.parameters for row in vgg16.base_architecture())
    assert base == vgg16.BASE_PARAMETERS == 14_714_688


# The base that ships


def test_features_are_those_of_keras_with_the_shipped_weights(keras_vgg16, pictures, base_features):
    import keras

    base = keras.Model(keras_vgg16.input, keras_vgg16.get_layer("block5_pool").output)
    views = np.stack([np.asarray(vgg16.view(picture)) for picture in pictures])
    expected = np.asarray(base(keras.applications.vgg16.preprocess_input(views * 1.0)))
    assert base_features.shape == (2, 7, 7, 512) and base_features.dtype == np.float32
    np.testing.assert_allclose(base_features, expected, rtol=1e-3, atol=1e-3)


@pytest.fixture(scope="module")
def base_features(pictures):
    """The features of the pictures, from the base that ships."""
    return vgg16.base_features(pictures)


@pytest.fixture(scope="module")
def photos():
    if not PHOTOS.is_dir():
        pytest.skip("needs the photos of shared/data/photos/imagenet_samples")
    files = sorted(PHOTOS.iterdir())
    return [open_image(file) for file in files[1::250]]  # four, one of them a dog's


@pytest.fixture(scope="module")
def float32_base():
    """Keras's base with the official weights."""
    if not NO_TOP.is_file():
        pytest.skip("needs the float32 weights of shared/data/weights")
    import keras

    return keras.applications.VGG16(
        include_top=False, weights=str(NO_TOP), input_shape=(224, 224, 3)
    )


@pytest.fixture(scope="module")
def float16_features(photos):
    return vgg16.base_features(photos)


@pytest.fixture(scope="module")
def float32_features(photos, float32_base):
    views = np.stack([np.asarray(vgg16.view(photo)) for photo in photos])
    return np.asarray(float32_base(vgg16.preprocess(views)))


def test_half_precision_leaves_the_features_as_they_were(float16_features, float32_features):
    for found, expected in zip(float16_features, float32_features, strict=True):
        found, expected = found.ravel().astype("float64"), expected.ravel().astype("float64")
        cosine = found @ expected / np.linalg.norm(found) / np.linalg.norm(expected)
        assert cosine >= 0.9999


@pytest.mark.parametrize("name", transfer.trained())
def test_half_precision_leaves_the_heads_decisions_as_they_were(
    float16_features, float32_features, name
):
    head = transfer.load(name)
    (found,) = head.run(float16_features)
    (expected,) = head.run(float32_features)
    assert ((found >= 0.5) == (expected >= 0.5)).all()
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_the_shipped_weights_are_the_official_ones_in_half_precision(float32_base):
    shipped = store.load(MODELS / "vgg16_base")
    full = get_weights(float32_base)
    digest = atomic.sha256(b"".join(full[path].tobytes() for path in sorted(full)))
    assert digest == shipped.report["float32_sha256"]
    assert set(full) == set(shipped.weights)
    for path, array in full.items():
        assert shipped.weights[path].dtype == np.float16
        np.testing.assert_array_equal(shipped.weights[path], array.astype("float16"))


# Two approaches on one pass


def test_comparing_runs_the_base_once_for_two_approaches(weights, pictures, monkeypatch):
    passes, run = [], vgg16.run

    def counted(images):
        passes.append(len(images))
        return run(images)

    monkeypatch.setattr(vgg16, "run", counted)
    compared = approaches.compare(pictures, top_k=3)
    assert passes == [2]
    for column, name in zip(zip(*compared, strict=True), approaches.NAMES, strict=True):
        alone = [verdict for (verdict,) in approaches.predict(pictures, name, top_k=3)]
        for one, other in zip(column, alone, strict=True):
            assert one.approach == other.approach == name
            assert one.model == other.model and one.classes[0].label == other.classes[0].label
            assert one.dog == pytest.approx(other.dog, abs=1e-5)


@pytest.mark.parametrize("name", transfer.trained())
def test_the_transfer_head_speaks_of_dog_or_not(pictures, base_features, name):
    passed = vgg16.Pass(base_features, None, 7.5, pictures)
    for verdict in transfer.predict(pictures, passed=passed, name=name):
        probabilities = {entry.label: entry.probability for entry in verdict.classes}
        assert set(probabilities) == {"dog", "not a dog"}
        assert probabilities["dog"] == verdict.dog
        assert sum(probabilities.values()) == pytest.approx(1)
        assert verdict.classes[0].probability >= verdict.classes[1].probability
        assert verdict.milliseconds > 7.5


def test_a_head_that_does_not_ship_is_refused():
    with pytest.raises(ModelError, match=r"choose one of .*dog_pooled_64"):
        transfer.load("classic")


# The official file of all weights


def test_without_the_file_the_stand_in_answers(weights, pictures):
    passed = vgg16.run(pictures)
    assert passed.features.shape == (2, 7, 7, 512) and passed.probabilities is None
    assert not vgg16.has_top()
    for verdict in pretrained.predict(pictures):
        assert verdict.model == "EfficientNet-Lite0" and verdict.stand_in
        assert verdict.parameters == 4_694_024


def test_with_the_file_vgg16_itself_answers(
    weights, official_file, keras_vgg16, pictures, base_features
):
    weights.use(official_file)
    assert weights.status() == vgg16_weights.Status("ready") and vgg16.has_top()
    views = np.stack([np.asarray(vgg16.view(picture)) for picture in pictures])
    expected = np.asarray(keras_vgg16(vgg16.preprocess(views)))
    assert expected.max() > 0.01 and expected.std() > 0.001  # the classes are told apart

    passed = vgg16.run(pictures)
    assert passed.probabilities.shape == (2, 1000) and passed.probabilities.dtype == np.float32
    np.testing.assert_allclose(passed.probabilities, expected, atol=1e-4)
    np.testing.assert_allclose(passed.features, base_features, rtol=1e-3, atol=1e-3)
    assert [view.size for view in passed.views] == [(224, 224)] * 2 and passed.milliseconds > 0

    for verdict, row in zip(pretrained.predict(pictures, top_k=1000), expected, strict=True):
        assert verdict.model == "VGG16" and not verdict.stand_in
        assert verdict.parameters == 138_357_544
        assert verdict.classes[0].label == labels.imagenet()[row.argmax()].title
        assert verdict.classes[0].probability == pytest.approx(row.max(), abs=1e-4)
        assert verdict.dog == pytest.approx(row[151:269].sum(), abs=1e-4)

    own = approaches.compare(pictures[:1])[0]
    assert [verdict.model for verdict in own[1:]] == ["VGG16", "VGG16 features + pooled head"]


def test_after_the_file_has_gone_the_stand_in_answers_again(weights, pictures):
    # The test before left VGG16 loaded; `weights` is fresh here.
    assert vgg16.run(pictures[:1]).probabilities is None
    assert pretrained.predict(pictures[:1])[0].stand_in


def test_the_file_in_keras_cache_is_used_if_its_hash_is_right(
    weights, official_file, pictures, monkeypatch
):
    monkeypatch.setenv("KERAS_HOME", str(official_file.parent.parent))
    assert pretrained.predict(pictures[:1])[0].stand_in  # it isn't the official file
    with official_file.open("rb") as file:
        checksum = Checksum("md5", hashlib.file_digest(file, "md5").hexdigest())
    monkeypatch.setattr(vgg16_weights, "CHECKSUM", checksum)
    monkeypatch.setattr(vgg16, "weights", vgg16_weights.Weights())
    assert pretrained.predict(pictures[:1])[0].model == "VGG16"


def cut_short(path):
    base_only(path)
    path.write_bytes(path.read_bytes()[:-1000])


def other_hdf5(path):
    import h5py

    with h5py.File(path, "w") as file:
        file["something"] = [1, 2, 3]


def base_only(path):
    save_as_hdf5(imagenet.vgg16_base(), path)


@pytest.mark.filterwarnings("ignore:Skipping nested container")
@pytest.mark.parametrize(
    ("make", "name"),
    [
        (cut_short, vgg16_weights.FILE_NAME),
        (other_hdf5, "mine.weights.h5"),
        (base_only, "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"),
    ],
)
def test_a_wrong_file_is_refused_with_the_reason_and_the_stand_in_answers(
    make, name, weights, pictures, tmp_path
):
    make(tmp_path / name)
    weights.use(tmp_path / name)
    verdicts = pretrained.predict(pictures[:1])
    assert [verdict.stand_in for verdict in verdicts] == [True]
    status = weights.status()
    assert status.state == "absent"
    assert name in status.message and "not a file of VGG16's weights" in status.message
    assert not vgg16.has_top()
