"""Fixtures of several layers; a test of pure functions loads neither gradio nor a browser."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import numpy as np
import pytest
from filelock import FileLock
from PIL import Image
from support import train_with_few_test_images
from support.files import FileServer, save_as_hdf5

from imgrec import approaches
from imgrec.approaches import vgg16_weights
from imgrec.files.paths import MODELS
from imgrec.models import store
from imgrec.training import process

if TYPE_CHECKING:
    from support.app import RunningApp

# Two processes of tests share two cores: one thread each, also for the trainings that they start.
# TensorFlow reads this when it is loaded, which no module does that is imported above.
for threads in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ.setdefault(threads, "1")
# Trainings yield to the page that started them; here, beside two busy processes of tests, they
# would starve. So the tests are as polite as the trainings are, and to whoever works here.
if hasattr(os, "setpriority"):
    os.setpriority(os.PRIO_PROCESS, 0, max(10, os.getpriority(os.PRIO_PROCESS, 0)))

# A busy machine is slow; in CI the examples are the same each time.
PATIENT = hypothesis.settings(
    deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
# Each process of tests has an upload folder of its own, also before an app is served.
os.environ["GRADIO_TEMP_DIR"] = tempfile.mkdtemp(prefix="imgrec-uploads-")
atexit.register(shutil.rmtree, os.environ["GRADIO_TEMP_DIR"], ignore_errors=True)

hypothesis.settings.register_profile("ci", PATIENT, derandomize="CI" in os.environ)
hypothesis.settings.register_profile("thorough", PATIENT, max_examples=3000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks by their fixtures the tests on all of CIFAR-10, and those that write VGG16’s 553 MB."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if "cifar10" in fixtures:
            item.add_marker("cifar10")
        if "official_file" in fixtures:
            item.add_marker("vgg16")
            item.add_marker("slow")


@pytest.fixture
def file_server() -> Iterator[FileServer]:
    server = FileServer()
    yield server
    server.hold.set()
    server.http.shutdown()
    server.http.server_close()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, for our downloads and for Keras's."""
    monkeypatch.setenv("IMGREC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def cifar10(tmp_path_factory: pytest.TempPathFactory):
    """All of CIFAR-10, where it is in the cache or can be fetched; only then the test runs."""
    from imgrec.data.cifar10 import load_cifar10
    from imgrec.errors import DataError

    once = tmp_path_factory.getbasetemp().parent / "cifar10.lock"  # beside the other process's
    try:
        with FileLock(once):  # whoever comes second finds it in the cache
            return load_cifar10()
    except DataError as error:
        pytest.skip(f"needs CIFAR-10: {error}")


@pytest.fixture
def photos(tmp_path):
    """Four pictures of each of two classes, which differ in colour."""
    random = np.random.default_rng(0)
    for name, colour in (("dog", (160, 90, 30)), ("sky", (60, 120, 220))):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(4):
            noise = random.integers(-30, 31, (240, 260, 3)) + np.array(colour)
            picture = Image.fromarray(noise.clip(0, 255).astype(np.uint8))
            picture.save(tmp_path / "photos" / name / f"{number}.png")
    return tmp_path / "photos"


@pytest.fixture(scope="session")
def few_test_images() -> Iterator[int]:
    """Trainings that the page starts are measured on so many test images."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "SCRIPT", Path(train_with_few_test_images.__file__))
        yield train_with_few_test_images.TEST_IMAGES


@pytest.fixture(scope="session")
def app(few_test_images: int, tmp_path_factory: pytest.TempPathFactory) -> "Iterator[RunningApp]":
    """The app as `demo.py` launches it, with no runs and an empty cache for Keras's weights."""
    from support.app import RunningApp

    import demo

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("keras")))
        patch.setenv("IMGREC_RUNS", str(tmp_path_factory.mktemp("runs")))
        patch.delenv("IMGREC_VGG16", raising=False)
        page = demo.serve(demo.parse_arguments([]))
        approaches.warm_up()
        yield RunningApp(page.local_url.rstrip("/"), page)
        page.close()


@pytest.fixture(scope="session")
def keras_vgg16():
    """Keras's own VGG16, with top: the shipped base, and a random top whose answers differ."""
    import keras

    keras.utils.set_random_seed(0)
    model = keras.applications.VGG16(weights=None)
    for layer in model.layers[-3:]:
        kernel, bias = layer.weights
        kernel.assign(kernel * 2)  # small random weights would make every class as likely
        bias.assign(np.random.default_rng(1).normal(size=bias.shape))
    shipped = store.load(MODELS / "vgg16_base").weights
    for weight in model.weights:
        if weight.path in shipped:
            weight.assign(shipped[weight.path].astype("float32"))
    return model


@pytest.fixture(scope="session")
def official_file(keras_vgg16, tmp_path_factory):
    """A file of the official one's name and form, with that network's weights (553 MB)."""
    path = tmp_path_factory.mktemp("keras") / "models" / vgg16_weights.FILE_NAME
    path.parent.mkdir()
    save_as_hdf5(keras_vgg16, path)
    yield path
    path.unlink()
