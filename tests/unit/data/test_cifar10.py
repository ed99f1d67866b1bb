"""CIFAR-10: read from each source, believed only by hash; the sample that ships."""

import io
import json
import tarfile

import numpy as np
import pytest
from PIL import Image

from imgrec.data import cifar10 as cifar10_data
from imgrec.data.cifar10 import Cifar10, cifar10_sample, load_cifar10
from imgrec.errors import DataError


@pytest.fixture
def small() -> Cifar10:
    """A data set of CIFAR-10's form: five batches of 20 and one test batch."""
    random = np.random.default_rng(0)
    pixels = lambda n: random.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8)  # noqa: E731
    classes = lambda n: random.integers(0, 10, n, dtype=np.uint8)  # noqa: E731
    return Cifar10(pixels(100), classes(100), pixels(20), classes(20))


@pytest.fixture
def sources(small, file_server, cache, monkeypatch):
    """Both sources on localhost, and the small data set's hashes in place of CIFAR-10's."""
    monkeypatch.setattr(cifar10_data, "CIFAR10_SHA256", small.sha256())
    monkeypatch.setattr(cifar10_data, "OFFICIAL_URL", file_server.url("official"))
    official, mirror = cifar10_data.SOURCES
    served = cifar10_data.Source(
        mirror.name, mirror.archive, lambda: file_server.url("mirror"), mirror.decode
    )
    monkeypatch.setattr(cifar10_data, "SOURCES", (official, served))
    return file_server


def tar(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def official_archive(data: Cifar10) -> bytes:
    def batch(x: np.ndarray, y: np.ndarray) -> bytes:
        planes = x.transpose(0, 3, 1, 2).reshape(len(x), -1)
        return np.concatenate([y[:, None], planes], axis=1).tobytes()

    members = {
        f"cifar-10-batches-bin/data_batch_{i + 1}.bin": batch(
            data.x_train[i * 20 : (i + 1) * 20], data.y_train[i * 20 : (i + 1) * 20]
        )
        for i in range(5)
    }
    return tar(members | {"cifar-10-batches-bin/test_batch.bin": batch(data.x_test, data.y_test)})


def mirror_archive(data: Cifar10) -> bytes:
    def png(x: np.ndarray) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(x.reshape(len(x), 1024, 3)).save(buffer, "PNG")
        return buffer.getvalue()

    members = {
        f"package/data_batch_{i + 1}.png": png(data.x_train[i * 20 : (i + 1) * 20])
        for i in range(5)
    }
    members["package/test_batch.png"] = png(data.x_test)
    members["package/train_lables.json"] = json.dumps(data.y_train.tolist()).encode()
    members["package/test_lables.json"] = json.dumps(data.y_test.tolist()).encode()
    return tar(members)


def assert_same(one: Cifar10, other: Cifar10) -> None:
    for name, array in vars(one).items():
        assert array.dtype == np.uint8
        np.testing.assert_array_equal(array, getattr(other, name))


def test_the_official_archive_is_read_and_cached(sources, small, cache):
    sources.files["official"] = official_archive(small)
    seen = []
    assert_same(load_cifar10(lambda *progress: seen.append(progress)), small)
    assert seen[-1][0] == "the official site"
    assert [path.name for path in cache.iterdir()] == ["cifar10.npz"]
    sources.files.clear()
    assert_same(load_cifar10(), small)  # from the cache now


def test_the_mirror_serves_where_the_official_site_does_not(sources, small):
    sources.files["mirror"] = mirror_archive(small)
    assert_same(load_cifar10(), small)


def test_wrong_data_is_not_believed_and_the_next_source_is_asked(sources, small, cache):
    wrong = Cifar10(255 - small.x_train, small.y_train, small.x_test, small.y_test)
    sources.files["official"] = official_archive(wrong)
    sources.files["mirror"] = mirror_archive(small)
    assert_same(load_cifar10(), small)
    assert [path.name for path in cache.iterdir()] == ["cifar10.npz"]


@pytest.mark.parametrize(
    "content", [b"no archive", tar({"other": b"file"}), b""], ids=["text", "other file", "empty"]
)
def test_an_archive_that_cannot_be_read_is_not_believed(sources, small, content):
    sources.files["official"] = content
    sources.files["mirror"] = mirror_archive(small)
    assert_same(load_cifar10(), small)


def test_a_damaged_cache_is_fetched_anew(sources, small, cache):
    sources.files["official"] = official_archive(small)
    cache.mkdir()
    (cache / "cifar10.npz").write_bytes(b"damaged")
    assert_same(load_cifar10(), small)


def test_when_nothing_works_the_error_says_what_was_tried(sources, cache):
    with pytest.raises(DataError) as error:
        load_cifar10()
    for part in ("the cache", "the official site", "the npm mirror", "404", str(cache)):
        assert part in str(error.value)


def test_without_npm_the_mirror_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match="npm"):
        cifar10_data.SOURCES[1].url()


def test_the_sample_has_ten_images_of_each_class():
    x, y = cifar10_sample()
    assert x.shape == (100, 32, 32, 3) and x.dtype == np.uint8
    assert np.bincount(y).tolist() == [10] * 10
    assert len({image.tobytes() for image in x}) == 100


def test_the_sample_is_of_the_official_test_images(cifar10):
    x, y = cifar10_sample()
    for label in range(10):
        np.testing.assert_array_equal(x[y == label], cifar10.x_test[cifar10.y_test == label][:10])
