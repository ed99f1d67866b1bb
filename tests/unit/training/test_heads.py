"""Transfer learning: photos from folders, features extracted once, heads trained on them."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from imgrec.approaches import transfer, vgg16
from imgrec.data import labels
from imgrec.data.photos import draw_dog_photos, is_dog, labelled_files
from imgrec.errors import CancelledError, DataError, ImageError, ModelError
from imgrec.files import atomic
from imgrec.files.paths import MODELS
from imgrec.metrics.classification import binary_metrics
from imgrec.models import calibration_file, registry, store
from imgrec.networks.inference import BATCH
from imgrec.networks.weights import get_weights
from imgrec.training import heads
from imgrec.training.heads import Photos
from imgrec.training.recipes import HEAD_RECIPES, HeadRecipe

QUICK = HeadRecipe("pooled", epochs=3, batch_size=8, learning_rate=0.1)


def make_photos(folder, count: int) -> None:
    """Pictures of one colour each; no two are alike."""
    folder.mkdir(parents=True)
    for i in range(count):
        colour = (i, 255 - i, 100 if folder.name == "dog" else 200)
        Image.new("RGB", (8, 8), colour).save(folder / f"{i:03}.png")


@pytest.fixture
def folder(tmp_path):
    """Twenty dogs and twenty cats: more than a batch."""
    make_photos(tmp_path / "photos" / "dog", 20)
    make_photos(tmp_path / "photos" / "cat", 20)
    return tmp_path / "photos"


@pytest.fixture
def passes(cache, monkeypatch):
    """The number of pictures in each pass over a base that only tells a picture's colour."""
    passed = []

    def base_features(images):
        passed.append(len(images))
        features = np.zeros((len(images), 7, 7, 512), "float32")
        for feature, image in zip(features, images, strict=True):
            feature[..., :3] = image.getpixel((0, 0))
        return features

    monkeypatch.setattr("imgrec.approaches.vgg16.base_features", base_features)
    return passed


def colours(photos: Photos) -> list[tuple[int, ...]]:
    return [tuple(feature[0, 0, :3].astype(int).tolist()) for feature in photos.features]


CATS = [(i, 255 - i, 200) for i in range(20)]
DOGS = [(i, 255 - i, 100) for i in range(20)]


# Labelled folders


def test_a_folder_gives_its_files_class_by_class(folder):
    files = labelled_files(folder, "dog")
    assert files == [(folder / "cat" / f"{i:03}.png", 0) for i in range(20)] + [
        (folder / "dog" / f"{i:03}.png", 1) for i in range(20)
    ]
    assert [label for _, label in labelled_files(folder, "cat")] == [1] * 20 + [0] * 20


def test_hidden_files_and_folders_within_are_left_out(folder):
    files = labelled_files(folder, "dog")
    (folder / "notes.txt").touch()
    (folder / "dog" / ".DS_Store").touch()
    (folder / "dog" / "more").mkdir()
    assert labelled_files(folder, "dog") == files


def test_a_hidden_folder_is_no_class(folder):
    files = labelled_files(folder, "dog")
    (folder / ".ipynb_checkpoints").mkdir()
    assert labelled_files(folder, "dog") == files


@pytest.mark.parametrize(
    ("names", "holds"),
    [([], "none"), (["dog"], "dog"), (["cat", "horse"], "cat, horse"), (["a", "b", "dog"], "a, b")],
)
def test_other_than_two_classes_with_the_positive_one_is_refused(tmp_path, names, holds):
    for name in names:
        (tmp_path / name).mkdir()
    with pytest.raises(DataError, match=f"one of them named dog; it holds: {holds}"):
        labelled_files(tmp_path, "dog")


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match="absent must hold two folders"):
        labelled_files(tmp_path / "absent", "dog")


# Extraction


def test_features_come_in_the_files_order_with_their_labels(folder, passes):
    photos = heads.extract(labelled_files(folder, "dog"))
    assert photos.features.shape == (40, 7, 7, 512) and photos.features.dtype == np.float16
    assert photos.labels.dtype == np.float32
    assert colours(photos) == CATS + DOGS
    assert photos.labels.tolist() == [0] * 20 + [1] * 20
    assert photos.files[:2] == ("000.png", "001.png")
    assert passes == [BATCH, 40 - BATCH]


def test_a_second_extraction_makes_no_pass(folder, passes):
    first = heads.extract(labelled_files(folder, "dog"))
    passes.clear()
    second = heads.extract(labelled_files(folder, "dog"))
    assert passes == []
    assert second.sha256() == first.sha256() and second.files == first.files


def test_a_photo_is_known_by_its_content(folder, passes, tmp_path):
    first = heads.extract(labelled_files(folder, "dog"))
    passes.clear()
    (folder / "dog").rename(folder / "hound")
    (folder / "hound" / "000.png").rename(folder / "hound" / "zzz.png")
    renamed = heads.extract(labelled_files(folder, "hound"))
    assert passes == []
    assert colours(renamed) == CATS + DOGS[1:] + DOGS[:1]
    Image.new("RGB", (8, 8), (1, 2, 3)).save(folder / "hound" / "zzz.png")
    changed = heads.extract(labelled_files(folder, "hound"))
    assert passes == [1] and colours(changed)[-1] == (1, 2, 3)
    assert first.sha256() != changed.sha256()


def test_the_order_is_kept_with_a_half_filled_cache(folder, passes):
    files = labelled_files(folder, "dog")
    heads.extract(files[1::2])
    passes.clear()
    assert colours(heads.extract(files)) == CATS + DOGS
    assert sum(passes) == 20


def test_bad_photos_are_told_and_left_out(folder, passes):
    (folder / "cat" / "003.png").write_bytes(b"no picture")
    (folder / "dog" / "019.png").write_bytes(b"")
    files = labelled_files(folder, "dog")
    (folder / "dog" / "007.png").unlink()
    bad = []
    photos = heads.extract(files, on_bad=lambda file, error: bad.append((file.name, error)))
    assert [name for name, _ in bad] == ["003.png", "007.png", "019.png"]
    assert all(isinstance(error, ImageError) and name in str(error) for name, error in bad)
    assert colours(photos) == CATS[:3] + CATS[4:] + DOGS[:7] + DOGS[8:19]
    assert photos.labels.tolist() == [0] * 19 + [1] * 18
    assert len(photos.files) == 37


def test_the_progress_counts_all_photos(folder, passes):
    (folder / "dog" / "019.png").write_bytes(b"no picture")
    seen = []
    heads.extract(labelled_files(folder, "dog"), lambda done, total: seen.append((done, total)))
    assert seen == [(BATCH, 40), (40, 40)]


def test_a_stopped_extraction_keeps_what_it_found(folder, passes):
    files, seen = labelled_files(folder, "dog"), []
    with pytest.raises(CancelledError, match="what it found is kept"):
        heads.extract(files, lambda done, total: seen.append(done), cancelled=lambda: bool(seen))
    assert passes == seen == [BATCH]
    assert colours(heads.extract(files)) == CATS + DOGS
    assert passes == [BATCH, 40 - BATCH]


def test_without_usable_photos_of_one_class_there_is_nothing_to_learn(folder, passes):
    for file in (folder / "dog").iterdir():
        file.write_bytes(b"no picture")
    with pytest.raises(DataError, match="no usable photos of one of the two classes"):
        heads.extract(labelled_files(folder, "dog"))
    with pytest.raises(DataError, match="no usable photos"):
        heads.extract([])


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def wrong_byte(content: bytes) -> bytes:
    return content[:1000] + bytes([content[1000] ^ 1]) + content[1001:]


def other_arrays(content: bytes) -> bytes:
    return atomic.pack({"other": np.zeros(3)})


def nothing(content: bytes) -> bytes:
    return b""


@pytest.mark.parametrize(
    "damage",
    [half, wrong_byte, other_arrays, nothing],
)
def test_a_damaged_cache_entry_is_made_anew(folder, passes, cache, damage):
    files = labelled_files(folder, "dog")
    before = heads.extract(files)
    entry = sorted((cache / "features").iterdir())[0]
    whole = entry.read_bytes()
    entry.write_bytes(damage(whole))
    passes.clear()
    assert heads.extract(files).sha256() == before.sha256()
    assert passes == [1]
    assert atomic.unpack(entry.read_bytes())["features"].shape == (7, 7, 512)


def test_the_cache_holds_one_entry_a_photo_and_nothing_temporary(folder, passes, cache):
    files = labelled_files(folder, "dog")
    heads.extract(files)
    digests = {atomic.sha256(file.read_bytes()) for file, _ in files}
    assert {entry.name for entry in (cache / "features").iterdir()} == {
        f"{digest}.npz" for digest in digests
    }


# Training


def separable(count: int = 40) -> Photos:
    """Noise, with one channel for each class."""
    random = np.random.default_rng(0)
    truth = np.arange(count) % 4 == 0  # a quarter are dogs
    features = random.exponential(1, (count, 7, 7, 512))
    features[truth, :, :, 3] += 20
    features[~truth, :, :, 400] += 20
    return Photos(
        tuple(f"{i}.jpg" for i in range(count)),
        features.astype("float16"),
        truth.astype("float32"),
    )


@pytest.fixture(scope="module")
def trained():
    """The quick recipe's head on the separable photos, with its history."""
    return heads.train_head(QUICK, separable())


def probabilities(head, photos: Photos) -> np.ndarray:
    return np.asarray(head(photos.features.astype("float32")))[:, 0]


@pytest.mark.parametrize("name", HEAD_RECIPES)
def test_a_head_learns_to_tell_what_can_be_told(name):
    photos = separable()
    head, history = heads.train_head(HEAD_RECIPES[name], photos)
    apart = dataclasses.replace(
        photos, features=photos.features[::-1], labels=photos.labels[::-1], files=photos.files[::-1]
    )
    measured = heads.evaluate(head, apart)
    assert measured["accuracy"] == measured["auc"] == measured["balanced_accuracy"] == 1
    assert measured["photos"] == 40 and measured["sha256"] == apart.sha256()
    assert set(history) == {"loss", "accuracy"}
    assert [len(values) for values in history.values()] == [HEAD_RECIPES[name].epochs] * 2
    assert history["loss"][-1] < history["loss"][0] and history["accuracy"][-1] == 1


def test_the_same_seed_gives_the_same_head():
    recipe, photos = HeadRecipe("flatten", 1, 20, 1e-3, hidden=8), separable()
    (one, first), (other, second) = (heads.train_head(recipe, photos) for _ in range(2))
    assert first == second
    for path, array in get_weights(one).items():
        np.testing.assert_array_equal(array, get_weights(other)[path])
    _, third = heads.train_head(dataclasses.replace(recipe, seed=2), photos)
    assert third != first


def test_each_class_weighs_the_same():
    # Nothing can be told from these features: then the likelihood is one half, not the dogs' share.
    photos = dataclasses.replace(separable(), features=np.ones((40, 7, 7, 512), "float16"))
    head, _ = heads.train_head(HEAD_RECIPES["pooled"], photos)
    assert probabilities(head, photos) == pytest.approx(0.5, abs=0.05)


def test_the_figures_are_those_of_the_heads_answers(trained):
    (head, _), photos = trained, separable()
    measured = heads.evaluate(head, photos)
    expected = binary_metrics(probabilities(head, photos), photos.labels == 1)
    assert {name: measured[name] for name in expected} == pytest.approx(expected, abs=1e-6)


def test_a_subset_keeps_files_features_and_labels_together():
    photos = separable()
    chosen = photos.labels == 1
    dogs = photos.subset(chosen)
    assert dogs.files == tuple(f"{i}.jpg" for i in range(0, 40, 4))
    np.testing.assert_array_equal(dogs.features, photos.features[::4])
    assert dogs.labels.tolist() == [1] * 10


@pytest.mark.parametrize("name", HEAD_RECIPES)
def test_hidden_neurons_and_weight_decay_are_the_recipes(name):
    recipe = dataclasses.replace(HEAD_RECIPES[name], epochs=1, hidden=3, l2=1.0)
    head, with_decay = heads.train_head(recipe, separable())
    assert [layer.units for layer in head.layers if hasattr(layer, "units")] == [3, 1]
    _, without = heads.train_head(dataclasses.replace(recipe, l2=0.0), separable())
    assert with_decay["loss"][0] > without["loss"][0] + 0.1


# Photos kept apart


@given(
    st.lists(st.booleans(), min_size=2, max_size=60), st.floats(0, 0.5), st.integers(0, 2**32 - 1)
)
def test_the_share_of_each_class_is_kept_apart(truth, share, seed):
    recipe = HeadRecipe("pooled", 1, 1, 0.1, apart=share, seed=seed)
    photos = Photos(("",) * len(truth), np.zeros((len(truth), 1)), np.array(truth, "float32"))
    counts = [truth.count(label) for label in (False, True)]
    if any(math.ceil(share * count) >= count for count in counts):
        with pytest.raises(DataError, match="no photos left to train on; keep fewer apart"):
            heads.validation_mask(recipe, photos)
        return
    apart = heads.validation_mask(recipe, photos)
    found = [int((apart & (photos.labels == label)).sum()) for label in (0, 1)]
    assert found == [math.ceil(share * count) for count in counts]
    np.testing.assert_array_equal(apart, heads.validation_mask(recipe, photos))


def test_photos_kept_apart_judge_the_head_and_do_not_teach_it():
    recipe, photos = dataclasses.replace(QUICK, apart=0.25), separable()
    apart = heads.validation_mask(recipe, photos)
    head, history = heads.train_head(recipe, photos)
    measured = heads.evaluate(head, photos.subset(apart))
    assert measured["photos"] == 11  # a quarter of 10 dogs, rounded up, and of 30 others
    assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert [len(values) for values in history.values()] == [QUICK.epochs] * 4
    assert history["val_accuracy"][-1] == pytest.approx(measured["accuracy"], abs=1e-6)

    features = photos.features.copy()
    features[apart] = 1
    other, changed = heads.train_head(recipe, dataclasses.replace(photos, features=features))
    assert changed["loss"] == history["loss"] and changed["val_loss"] != history["val_loss"]
    for path, array in get_weights(head).items():
        np.testing.assert_array_equal(array, get_weights(other)[path])


# Cross-validation


@pytest.mark.parametrize("folds", [2, 3, 5, 10])
def test_each_photo_is_judged_once_by_a_head_that_never_saw_it(monkeypatch, folds):
    count = 30
    photos = Photos(
        tuple(str(i) for i in range(count)),
        np.arange(count, dtype="float16").reshape(-1, 1, 1, 1),
        (np.arange(count) % 3 == 0).astype("float32"),
    )
    judged = []

    def train_head(recipe, training):
        seen = set(training.features.ravel().tolist())
        assert {0.0, 1.0} == set(training.labels.tolist())

        def head(features):
            numbers = features.ravel()
            assert not seen & set(numbers.tolist())
            assert abs((numbers % 3 == 0).sum() - 10 / folds) < 1  # as many dogs in each fold
            judged.extend(numbers.tolist())
            return (numbers / count)[:, None]

        return head, {}

    monkeypatch.setattr(heads, "train_head", train_head)
    measured = heads.cross_validate(QUICK, photos, folds)
    assert sorted(judged) == list(range(count))
    expected = binary_metrics(np.arange(count) / count, photos.labels == 1)
    assert measured == {"photos": count, "folds": folds, **expected}


def test_cross_validation_of_what_can_be_told():
    recipe = dataclasses.replace(HEAD_RECIPES["pooled"], epochs=20)
    assert heads.cross_validate(recipe, separable(20), 2)["accuracy"] == 1


# A head on disk


def test_a_saved_head_is_a_model_directory_with_its_features(trained, tmp_path, monkeypatch):
    (head, history), photos = trained, separable()
    monkeypatch.setattr(heads, "CALIBRATION_FOLDS", 2)
    run = tmp_path / "dog_pooled_mine"
    heads.save_head(run, QUICK, "dog", photos, head, history, {"seconds": 1.5, "test": None})
    saved = store.load(run)
    assert saved.config == {
        "network": "pooled",
        "classes": ["dog"],
        "options": {"hidden": 0, "l2": 0.0},
        "recipe": dataclasses.asdict(QUICK),
    }
    assert saved.history == history
    assert saved.report["photos"] == 40 and saved.report["positive"] == 10
    assert saved.report["features_sha256"] == photos.sha256()
    assert saved.report["seed"] == QUICK.seed and saved.report["seconds"] == 1.5
    assert {array.dtype for array in saved.weights.values()} == {np.dtype("float16")}

    beside = atomic.unpack((run / "features.npz").read_bytes())
    np.testing.assert_array_equal(beside["features"], photos.features)
    np.testing.assert_array_equal(beside["labels"], photos.labels)
    assert tuple(beside["files"]) == photos.files
    assert len(list(run.iterdir())) == 6
    measured = calibration_file.load_calibration(registry.load_entry(run))
    assert measured.n == 40 and measured.split.startswith("2-fold")

    monkeypatch.setenv("IMGREC_RUNS", str(tmp_path))
    assert transfer.trained()[-1] == run.name
    (found,) = transfer.load(run.name).run(photos.features.astype("float32"))
    np.testing.assert_allclose(found[:, 0], probabilities(head, photos), atol=2e-3)


def test_a_saved_head_is_built_with_its_own_options_and_named_in_its_verdicts(
    tmp_path, monkeypatch
):
    recipe, photos = dataclasses.replace(QUICK, hidden=3, l2=0.01), separable()
    head, history = heads.train_head(recipe, photos)
    monkeypatch.setattr(heads, "calibrate_head", lambda recipe, photos: None)
    heads.save_head(
        tmp_path / "small", recipe, "dog", photos, head, history, {}, keep_features=False
    )
    assert not (tmp_path / "small" / "features.npz").exists()
    monkeypatch.setenv("IMGREC_RUNS", str(tmp_path))
    passed = vgg16.Pass(
        photos.features[:1].astype("float32"), None, 1.0, [Image.new("RGB", (8, 8))]
    )
    (verdict,) = transfer.predict(passed.views, passed=passed, name="small")
    assert verdict.dog == pytest.approx(probabilities(head, photos)[0], abs=2e-3)
    assert verdict.model == "VGG16 features + pooled head, small"
    assert verdict.trained_on == "40 photos"
    assert verdict.parameters == 14_714_688 + head.count_params()


def test_a_head_for_another_question_is_not_offered(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(heads, "calibrate_head", lambda recipe, photos: None)
    heads.save_head(tmp_path / "cats", QUICK, "cat", separable(), *trained, {})
    monkeypatch.setenv("IMGREC_RUNS", str(tmp_path))
    assert "cats" not in transfer.trained()
    with pytest.raises(ModelError, match="cats was not taught the classes of this tab"):
        transfer.load("cats")


def test_the_photos_that_ship_are_those_of_the_shipped_head():
    photos, report = heads.shipped_photos(), store.load(MODELS / transfer.DEFAULT).report
    assert photos.sha256() == report["features_sha256"]
    assert len(photos.files) == len(photos.labels) == report["photos"] == 64


@pytest.mark.parametrize(
    "name", [path.parent.name for path in sorted(MODELS.glob("dog_*/features.npz"))]
)
def test_training_again_on_the_shipped_features_decides_as_the_shipped_head(name):
    saved = store.load(MODELS / name)
    photos = Photos(**atomic.unpack((MODELS / name / "features.npz").read_bytes()))
    assert photos.sha256() == saved.report["features_sha256"]
    assert len(photos.labels) == saved.report["photos"] == len(set(photos.files.tolist()))
    head, history = heads.train_head(HeadRecipe(**saved.config["recipe"]), photos)
    (shipped,) = transfer.load(name).run(photos.features.astype("float32"))
    again = probabilities(head, photos)
    assert ((again >= 0.5) == (shipped[:, 0] >= 0.5)).all()
    np.testing.assert_allclose(again, shipped[:, 0], atol=0.02)
    assert history["loss"][-1] == pytest.approx(saved.history["loss"][-1], rel=0.02)
    assert ((shipped[:, 0] >= 0.5) == (photos.labels == 1)).all()


# The draw of photos


def test_the_draw_is_32_dogs_10_look_alikes_10_mammals_and_12_others():
    classes = np.random.default_rng(0).permutation(1000)
    drawn = classes[draw_dog_photos(classes, seed=1)].tolist()
    dogs = [c for c in drawn if 151 <= c <= 268]
    look_alikes = [c for c in drawn if c in labels.IMAGENET_DOG_LOOK_ALIKES]
    mammals = [c for c in drawn if c in labels.IMAGENET_OTHER_MAMMALS]
    assert [len(dogs), len(look_alikes), len(mammals), len(drawn)] == [32, 10, 10, 64]
    assert len(set(drawn)) == 64


def test_the_groups_of_the_draw_do_not_overlap():
    dogs = set(range(1000)[labels.IMAGENET_DOGS])
    look_alikes, mammals = set(labels.IMAGENET_DOG_LOOK_ALIKES), set(labels.IMAGENET_OTHER_MAMMALS)
    assert len(dogs | look_alikes | mammals) == len(dogs) + len(look_alikes) + len(mammals)
    assert dogs == set(np.flatnonzero(is_dog(np.arange(1000))).tolist())
    named = {i: labels.imagenet()[i].name for i in (269, 297, 101, 106, 147, 298, 330, 388)}
    assert list(named.values()) == [
        "timber_wolf",
        "sloth_bear",
        "tusker",
        "wombat",
        "grey_whale",
        "mongoose",
        "wood_rabbit",
        "giant_panda",
    ]


def test_the_draw_depends_on_its_seed_alone():
    classes = np.arange(1000)
    draws = [draw_dog_photos(classes, seed) for seed in range(5)]
    for seed, draw in enumerate(draws):
        np.testing.assert_array_equal(draw, draw_dog_photos(classes, seed))
    assert len({draw.tobytes() for draw in draws}) == 5


def test_the_shipped_head_was_trained_on_the_draw_of_seed_1():
    files = atomic.unpack((MODELS / transfer.DEFAULT / "features.npz").read_bytes())["files"]
    drawn = draw_dog_photos(np.arange(1000), seed=1)
    wnids = {labels.imagenet()[i].wnid for i in np.flatnonzero(drawn)}
    assert {str(name)[:9] for name in files} == wnids


@pytest.mark.parametrize("folds", [-1, 0, 1, 11])
def test_folds_that_do_not_fit_are_refused(folds):
    labels = np.array([1] * 10 + [0] * 20, "float32")
    photos = Photos(("",) * 30, np.zeros((30, 7, 7, 512), "float16"), labels)
    with pytest.raises(DataError, match="choose from 2 to 10"):
        heads.cross_validate(HEAD_RECIPES["pooled"], photos, folds)


def test_too_few_photos_to_draw_from_are_told():
    with pytest.raises(DataError, match="too few photos"):
        draw_dog_photos(np.arange(200), seed=1)
