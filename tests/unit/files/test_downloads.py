"""Downloads: resumed, cancelled, refused, and never half believed."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imgrec.errors import CancelledError, DataError
from imgrec.files.downloads import Checksum, fetch

CONTENT = bytes(range(256)) * 4096  # 1 MiB
SHA256 = Checksum("sha256", hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture
def served(file_server):
    file_server.files["file"] = CONTENT
    return file_server


def test_a_file_arrives_whole_and_the_part_is_gone(served, tmp_path):
    target = tmp_path / "new folder" / "file"
    seen = []
    fetch(
        served.url("file"),
        target,
        checksum=SHA256,
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert target.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [path.name for path in target.parent.iterdir()] == ["file"]


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, len(CONTENT) - 1))
def test_a_broken_transfer_goes_on_where_it_stopped(served, tmp_path, cut):
    target = tmp_path / "file"
    target.unlink(missing_ok=True)
    served.ranges.clear()
    served.break_after = [cut]
    fetch(served.url("file"), target, checksum=SHA256)
    assert target.read_bytes() == CONTENT
    assert served.ranges == [None, f"bytes={cut}-" if cut else None]


def test_a_server_without_ranges_is_asked_for_the_whole_again(served, tmp_path):
    served.resumable = False
    served.break_after = [1000]
    assert fetch(served.url("file"), tmp_path / "file", checksum=SHA256).read_bytes() == CONTENT


def test_a_part_from_an_earlier_start_is_taken_up(served, tmp_path):
    (tmp_path / "file.part").write_bytes(CONTENT[:5000])
    assert fetch(served.url("file"), tmp_path / "file", checksum=SHA256).read_bytes() == CONTENT
    assert served.ranges == ["bytes=5000-"]


@pytest.mark.parametrize("part", [b"wrong" * 1000, CONTENT + b"more"])
def test_a_wrong_part_is_thrown_away_and_the_file_fetched_anew(served, tmp_path, part):
    (tmp_path / "file.part").write_bytes(part)
    assert fetch(served.url("file"), tmp_path / "file", checksum=SHA256).read_bytes() == CONTENT


def test_a_file_with_the_wrong_hash_is_not_believed(served, tmp_path):
    served.files["file"] = CONTENT[::-1]
    with pytest.raises(DataError, match="not the expected file"):
        fetch(served.url("file"), tmp_path / "file", checksum=SHA256)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_not_fetched_again(served, tmp_path):
    (tmp_path / "file").write_bytes(CONTENT)
    fetch(served.url("file"), tmp_path / "file", checksum=SHA256)
    assert served.ranges == []


def test_a_cancelled_download_leaves_its_part_and_no_file(served, tmp_path):
    done = []
    with pytest.raises(CancelledError):
        fetch(
            served.url("file"),
            tmp_path / "file",
            checksum=SHA256,
            on_progress=lambda bytes_done, total: done.append(bytes_done),
            cancelled=lambda: bool(done),
        )
    assert not (tmp_path / "file").exists()
    assert 0 < (tmp_path / "file.part").stat().st_size < len(CONTENT)
    fetch(served.url("file"), tmp_path / "file", checksum=SHA256)
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_missing_file_says_what_the_server_answered(served, tmp_path):
    with pytest.raises(DataError, match="the server answered 404"):
        fetch(served.url("none"), tmp_path / "none")


def test_no_server_says_so(tmp_path):
    with pytest.raises(DataError, match="can't be reached"):
        fetch("http://127.0.0.1:1/file", tmp_path / "file")


def test_a_folder_that_cannot_be_written_says_so(served, tmp_path: Path):
    (tmp_path / "occupied").write_text("a file where the folder should be")
    with pytest.raises(DataError, match="can't be written"):
        fetch(served.url("file"), tmp_path / "occupied" / "file")


def test_a_download_cancelled_before_it_begins_asks_for_nothing(served, tmp_path):
    with pytest.raises(CancelledError):
        fetch(served.url("file"), tmp_path / "file", cancelled=lambda: True)
    assert served.ranges == []
