"""Heads trained in the background: from what ships or a folder, one at a time, with progress."""

import threading
import time

import pytest

from imgrec.approaches import vgg16
from imgrec.errors import DataError, ImgrecError, ModelError
from imgrec.files import atomic
from imgrec.files.paths import runs_dir
from imgrec.models import registry
from imgrec.training import heads
from imgrec.training.head_job import SHIPPED, HeadTrainer
from imgrec.training.permissions import Limits, Permissions
from imgrec.training.process import trainer
from imgrec.training.recipes import HeadRecipe

RECIPE = HeadRecipe("pooled", epochs=5, batch_size=64, learning_rate=0.3)


@pytest.fixture
def head_trainer(cache, tmp_path, monkeypatch) -> HeadTrainer:
    monkeypatch.setenv("IMGREC_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(heads, "calibrate_head", lambda recipe, photos: None)  # trains five heads
    return HeadTrainer()


def ended(head_trainer: HeadTrainer) -> str:
    """Waits for the end; returns the problem, if there was one."""
    deadline = time.monotonic() + 600
    while head_trainer.work.status.running:
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
    return head_trainer.work.status.problem


def test_a_head_learns_from_the_photos_that_ship(head_trainer):
    assert head_trainer.start(RECIPE, name="mine") == "mine"
    assert ended(head_trainer) == ""
    entry = registry.find("mine", "transfer")
    assert entry.state == "finished" and entry.epochs == 5
    assert entry.report["photos"] == 64 and entry.config["classes"] == ["dog"]
    assert not (entry.folder / "features.npz").exists()  # they ship already


def test_a_folder_is_extracted_with_progress_and_only_once(head_trainer, photos, monkeypatch):
    told = []
    report = head_trainer.work._report
    monkeypatch.setattr(
        head_trainer.work, "_report", lambda *progress: (told.append(progress), report(*progress))
    )
    head_trainer.use(photos)
    assert head_trainer.sources() == [SHIPPED, "photos"]
    head_trainer.start(RECIPE, "photos", "first")
    assert ended(head_trainer) == ""
    assert ("features of the photos", 8, 8) in told and told[-1][0] == "training"
    monkeypatch.setattr(vgg16, "base_features", None)  # would fail if it were called
    head_trainer.start(RECIPE, "photos", "second")
    assert ended(head_trainer) == ""
    assert registry.find("second").report["photos"] == 8


def test_an_extraction_can_be_stopped(head_trainer, photos, monkeypatch):
    arrived, go_on = threading.Event(), threading.Event()
    monkeypatch.setattr(heads, "BATCH", 2)
    extract = vgg16.base_features

    def slow(pictures):
        arrived.set()
        go_on.wait(60)
        return extract(pictures)

    monkeypatch.setattr(vgg16, "base_features", slow)
    head_trainer.use(photos)
    head_trainer.start(RECIPE, "photos", "stopped")
    arrived.wait(60)
    with pytest.raises(ImgrecError, match="being trained already"):
        head_trainer.start(RECIPE)
    head_trainer.work.cancel()
    go_on.set()
    assert "was stopped" in ended(head_trainer)
    with pytest.raises(ModelError):
        registry.find("stopped")


def test_a_folder_that_lost_its_photos_is_told(head_trainer, photos):
    head_trainer.use(photos)
    for file in (photos / "dog").iterdir():
        file.write_bytes(b"no picture")
    head_trainer.start(RECIPE, "photos")
    assert "no usable photos of one of the two classes" in ended(head_trainer)
    assert [entry for entry in registry.entries() if not entry.shipped] == []


def test_a_full_disk_is_told_and_leaves_no_run(head_trainer, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic, "write", full)
    head_trainer.start(RECIPE, name="full")
    assert "can't be written (No space left on device)" in ended(head_trainer)
    assert not (runs_dir() / "full").exists()


@pytest.mark.parametrize("source", ["/etc", "", "photos"])
def test_no_other_folder_can_be_asked_for(head_trainer, source):
    with pytest.raises(DataError, match="There are no photos"):
        head_trainer.start(RECIPE, source)


def test_visitors_cannot_fill_the_disk_with_heads(head_trainer, monkeypatch):
    monkeypatch.setattr(trainer, "permissions", Permissions(limits=Limits(runs=1)))
    head_trainer.start(RECIPE)
    assert ended(head_trainer) == ""
    with pytest.raises(ImgrecError, match="as many as visitors may make"):
        head_trainer.start(RECIPE)
