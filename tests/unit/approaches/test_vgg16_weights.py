"""Where VGG16's weights come from: the file named, Keras's cache, or a download one can watch."""

import hashlib
import threading
import time
from pathlib import Path

import pytest

from imgrec.approaches import vgg16_weights
from imgrec.approaches.vgg16_weights import FILE_NAME, Status, Weights
from imgrec.errors import ModelError
from imgrec.files.downloads import Checksum

CONTENT = bytes(range(256)) * 8192  # 2 MiB


@pytest.fixture
def served(file_server, monkeypatch):
    """A server that has the file, which is small here."""
    file_server.files[FILE_NAME] = CONTENT
    monkeypatch.setattr(vgg16_weights, "URL", file_server.url(FILE_NAME))
    monkeypatch.setattr(
        vgg16_weights, "CHECKSUM", Checksum("sha256", hashlib.sha256(CONTENT).hexdigest())
    )
    return file_server


@pytest.fixture
def target(cache, tmp_path) -> Path:
    """Where Keras would keep the file; its folder is not there yet."""
    return tmp_path / "keras" / "models" / FILE_NAME


@pytest.fixture
def weights(target) -> Weights:
    return Weights()


def part(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def until(condition, what: str) -> None:
    """Waits for what another thread does."""
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, f"waited in vain until {what}"
        time.sleep(0.005)


def finished(weights: Weights) -> Status:
    until(lambda: weights.status().state != "downloading", "the download ended")
    return weights.status()


def half_way(served, weights: Weights) -> None:
    """Starts the download and lets the server pause after half of the file."""
    served.hold.clear()
    weights.download()
    until(lambda: weights.status().done == len(CONTENT) // 2, "half had arrived")


def test_at_first_there_is_nothing(weights, served):
    assert weights.file() is None
    assert weights.status() == Status("absent")
    assert weights.status().total == 553_000_000 and weights.status().message == ""
    assert served.ranges == []


def test_a_download_makes_the_file_ready(weights, served, target):
    weights.download()
    assert finished(weights).state == "ready"
    assert weights.file() == target
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == [FILE_NAME]


def test_the_progress_can_be_watched(weights, served, target):
    half_way(served, weights)
    assert weights.status() == Status("downloading", len(CONTENT) // 2, len(CONTENT))
    assert weights.file() is None and not target.exists()
    served.hold.set()
    assert finished(weights).state == "ready"


def test_another_object_finds_what_was_downloaded(weights, served, target):
    weights.download()
    finished(weights)
    later = Weights()
    assert later.status().state == "ready" and later.file() == target
    later.download()
    assert len(served.ranges) == 1


def test_a_stopped_download_keeps_its_part_and_says_so(weights, served, target):
    half_way(served, weights)
    weights.cancel()
    served.hold.set()
    status = finished(weights)
    assert status.state == "absent" and "stopped" in status.message
    assert weights.file() is None and not target.exists()
    assert 0 < part(target).stat().st_size < len(CONTENT)


def test_a_stopped_download_goes_on_where_it_was(weights, served, target):
    half_way(served, weights)
    weights.cancel()
    served.hold.set()
    finished(weights)
    size = part(target).stat().st_size
    weights.download()
    assert finished(weights) == Status("ready")
    assert target.read_bytes() == CONTENT
    assert served.ranges == [None, f"bytes={size}-"]


def running_downloads() -> int:
    return [thread.name for thread in threading.enumerate()].count("vgg16-download")


def test_many_presses_make_one_download(weights, served):
    served.hold.clear()
    together = threading.Barrier(8)

    def press() -> None:
        together.wait()
        weights.download()

    visitors = [threading.Thread(target=press) for _ in range(8)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    until(lambda: weights.status().done > 0, "the download ran")
    weights.download()
    assert running_downloads() == 1
    served.hold.set()
    assert finished(weights).state == "ready"
    weights.download()  # it is there: nothing to do
    assert weights.status().state == "ready"
    assert len(served.ranges) == 1


def test_a_wrong_file_from_the_server_is_not_kept(weights, served, target):
    served.files[FILE_NAME] = CONTENT[::-1]
    weights.download()
    status = finished(weights)
    assert status.state == "absent"
    assert FILE_NAME in status.message and "wrong hash" in status.message
    assert "Try again" in status.message and "--vgg16-weights" in status.message
    assert list(target.parent.iterdir()) == []


def test_after_a_failure_a_second_try_can_succeed(weights, served):
    del served.files[FILE_NAME]
    weights.download()
    assert "the server answered 404" in finished(weights).message
    served.files[FILE_NAME] = CONTENT
    weights.download()
    assert finished(weights) == Status("ready")


def test_where_downloads_are_off_nothing_is_requested(weights, served, target):
    weights.may_download = False
    weights.download()
    assert finished(weights) == Status("absent")
    assert served.ranges == [] and not target.parent.exists()


@pytest.mark.parametrize("content", [CONTENT[: len(CONTENT) // 2], CONTENT + b"x", b"", b"wrong"])
def test_a_half_or_wrong_file_in_keras_cache_is_not_believed(weights, served, target, content):
    target.parent.mkdir(parents=True)
    target.write_bytes(content)
    assert weights.file() is None and weights.status().state == "absent"
    weights.download()
    assert finished(weights).state == "ready"
    assert target.read_bytes() == CONTENT


def test_a_right_file_in_keras_cache_is_used_as_it_is(weights, served, target):
    target.parent.mkdir(parents=True)
    target.write_bytes(CONTENT)
    assert weights.file() == target and weights.status() == Status("ready")
    weights.download()
    assert served.ranges == []


def test_a_file_in_keras_cache_is_hashed_once(weights, served, target, monkeypatch):
    target.parent.mkdir(parents=True)
    target.write_bytes(CONTENT)
    hashed, matches = [], Checksum.matches

    def counted(checksum, path):
        hashed.append(path)
        return matches(checksum, path)

    monkeypatch.setattr(Checksum, "matches", counted)
    for _ in range(5):
        assert weights.file() == target
    assert hashed == [target]
    target.write_bytes(CONTENT[:-1])  # it changed: look again
    assert weights.file() is None
    target.unlink()
    assert weights.file() is None
    assert len(hashed) == 2


def test_a_named_file_is_used_before_all_others(weights, served, target, tmp_path):
    target.parent.mkdir(parents=True)
    target.write_bytes(CONTENT)
    (tmp_path / "mine.h5").write_bytes(b"whatever it holds")
    weights.use(tmp_path / "mine.h5")
    assert weights.file() == tmp_path / "mine.h5"
    assert weights.status() == Status("ready")
    weights.download()
    assert served.ranges == []


@pytest.mark.parametrize("name", ["absent.h5", "folder"])
def test_naming_what_is_no_file_is_refused(weights, tmp_path, name):
    (tmp_path / "folder").mkdir()
    with pytest.raises(ModelError, match=f"no file .*{name}"):
        weights.use(tmp_path / name)
    assert weights.file() is None


def test_a_refused_file_is_forgotten_and_the_reason_stays(weights, served, tmp_path):
    (tmp_path / "mine.h5").touch()
    weights.use(tmp_path / "mine.h5")
    weights.refuse("mine.h5 is not it.")
    assert weights.file() is None
    assert weights.status() == Status("absent", message="mine.h5 is not it.")
    weights.download()
    assert finished(weights) == Status("ready")


def test_the_address_and_the_hash_are_keras_own():
    from keras.src.applications import vgg16

    assert vgg16_weights.URL == vgg16.WEIGHTS_PATH
    constants = vgg16.VGG16.__wrapped__ if hasattr(vgg16.VGG16, "__wrapped__") else vgg16.VGG16
    assert vgg16_weights.CHECKSUM.hexdigest in constants.__code__.co_consts
    assert FILE_NAME in constants.__code__.co_consts


def test_a_folder_where_the_file_should_be_is_told(weights, served, target):
    target.mkdir(parents=True)  # a folder where the file should be
    weights.download()
    status = finished(weights)
    assert status.state == "absent" and "can't be written" in status.message
