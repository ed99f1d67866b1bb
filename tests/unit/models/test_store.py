"""A model's directory: what is saved comes back, and what is damaged or unfinished never does."""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from imgrec.errors import ModelError
from imgrec.files import atomic
from imgrec.models import store

CONFIG = {"network": "classic", "classes": ["dog", "Spürhund"], "recipe": {"limit": None}}
WEIGHTS = {
    "dense/kernel": np.arange(6, dtype="float32").reshape(2, 3),
    "dense/bias": np.array([0.5, -0.5], "float16"),
}
HISTORY = {"loss": [1.5, 0.25], "accuracy": [0.5, 1.0]}
FILES = ["config.json", "history.json", "report.json", "weights.npz"]

in_one_folder = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
names = st.from_regex(r"[a-z_][a-z0-9_]{0,12}/[a-z_]{1,12}", fullmatch=True)
arrays = st.sampled_from(["float16", "float32"]).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0))
)


def save(folder: Path, weights=WEIGHTS, **report) -> Path:
    store.save(folder, config=CONFIG, weights=weights, history=HISTORY, report=report)
    return folder


def assert_equal_arrays(one, other):
    assert list(one) == list(other)
    for name, array in one.items():
        assert array.dtype == other[name].dtype
        np.testing.assert_array_equal(array, other[name])


@in_one_folder
@given(st.dictionaries(names, arrays, max_size=5))
def test_weights_come_back_as_they_were_saved(tmp_path, weights):
    save(tmp_path / "run", weights)
    saved = store.load(tmp_path / "run")
    assert_equal_arrays(saved.weights, weights)
    assert saved.report["parameters"] == sum(array.size for array in weights.values())


@in_one_folder
@given(st.dictionaries(st.text(max_size=8), st.lists(st.floats(allow_nan=False), max_size=5)))
def test_the_history_comes_back_as_it_was_saved(tmp_path, history):
    store.save(tmp_path / "run", config=CONFIG, weights=WEIGHTS, history=history, report={})
    assert store.load(tmp_path / "run").history == history


def test_the_configuration_comes_back_with_the_report_and_the_environment(tmp_path):
    saved = store.load(save(tmp_path / "new" / "run", test_accuracy=0.75))
    assert saved.config == CONFIG
    assert saved.history == HISTORY
    packed = (tmp_path / "new" / "run" / "weights.npz").read_bytes()
    assert saved.report["test_accuracy"] == 0.75
    assert saved.report["weights_sha256"] == hashlib.sha256(packed).hexdigest()
    assert saved.report["environment"]["numpy"] == np.__version__
    assert saved.report["environment"]["cores"] == os.cpu_count()


def test_saving_leaves_four_files_and_nothing_temporary(tmp_path):
    save(save(tmp_path))  # twice: over an earlier one too
    assert sorted(path.name for path in tmp_path.iterdir()) == FILES


def test_saving_again_replaces_everything(tmp_path):
    save(tmp_path, test_accuracy=0.5)
    weights = {"other/kernel": np.ones(3, "float32")}
    save(tmp_path, weights, test_loss=0.1)
    saved = store.load(tmp_path)
    assert_equal_arrays(saved.weights, weights)
    assert "test_accuracy" not in saved.report and saved.report["test_loss"] == 0.1


def test_the_same_weights_have_the_same_hash(tmp_path):
    first, second = (store.load(save(tmp_path / name)).report for name in ("a", "b"))
    assert first["weights_sha256"] == second["weights_sha256"]


@in_one_folder
@given(st.data())
def test_any_changed_byte_of_the_weights_is_noticed(tmp_path, data):
    if not (tmp_path / "report.json").exists():
        save(tmp_path)
    file = tmp_path / "weights.npz"
    whole = file.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    changed = bytearray(whole)
    changed[place] ^= data.draw(st.integers(1, 255))
    file.write_bytes(changed)
    try:
        with pytest.raises(ModelError, match="are damaged"):
            store.load(tmp_path)
    finally:
        file.write_bytes(whole)


@pytest.mark.parametrize("length", [0, 1, 100, -1])
def test_weights_cut_short_are_noticed(tmp_path, length):
    file = save(tmp_path) / "weights.npz"
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(ModelError, match="are damaged"):
        store.load(tmp_path)


@pytest.mark.parametrize("missing", FILES)
def test_a_directory_without_one_of_its_files_is_not_a_finished_model(tmp_path, missing):
    (save(tmp_path / "run") / missing).unlink()
    with pytest.raises(ModelError, match="run is not a finished model"):
        store.load(tmp_path / "run")


@pytest.mark.parametrize("name", ["absent", "file", "file/below"])
def test_what_is_no_directory_is_not_a_finished_model(tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match="not a finished model"):
        store.load(tmp_path / name)


@pytest.mark.parametrize("file", ["config.json", "history.json", "report.json"])
@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"\0"])
def test_a_damaged_json_file_is_noticed(tmp_path, file, content):
    (save(tmp_path) / file).write_bytes(content)
    with pytest.raises(ModelError, match="not a finished model"):
        store.load(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"{}", b"[]", b"null"],
)
def test_a_report_without_the_weights_hash_is_noticed(tmp_path, content):
    (save(tmp_path) / "report.json").write_bytes(content)
    with pytest.raises(ModelError, match="not a finished model"):
        store.load(tmp_path)


def test_pickled_objects_are_not_saved(tmp_path):
    with pytest.raises(ValueError, match="pickle"):
        save(tmp_path, {"kernel": np.array([{"an": "object"}], dtype=object)})
    assert list(tmp_path.iterdir()) == []


class Bomb:
    """Says so when it is unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("unpickled",))


def test_pickled_objects_are_not_loaded_even_with_the_right_hash(tmp_path):
    save(tmp_path)
    np.savez(tmp_path / "weights.npz", kernel=np.array([Bomb()], dtype=object), allow_pickle=True)
    report = atomic.read_json(tmp_path / "report.json")
    report["weights_sha256"] = atomic.sha256((tmp_path / "weights.npz").read_bytes())
    atomic.write_json(tmp_path / "report.json", report)
    with pytest.raises(ModelError, match="not a finished model"):
        store.load(tmp_path)


# Interruptions


def failing(monkeypatch, method: str, calls_before: int = 0) -> None:
    """Lets `Path.<method>` raise after so many calls, `write_bytes` when half is written."""
    real, calls = getattr(Path, method), []

    def fail(self, argument):
        calls.append(self)
        if len(calls) <= calls_before:
            return real(self, argument)
        if method == "write_bytes":
            real(self, argument[: len(argument) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, method, fail)


@pytest.mark.parametrize("method", ["write_bytes", "replace"])
def test_an_interrupted_write_leaves_the_earlier_file_whole(tmp_path, monkeypatch, method):
    file = tmp_path / "report.json"
    atomic.write(file, b"earlier")
    with monkeypatch.context() as patch:
        failing(patch, method)
        with pytest.raises(OSError, match="No space left"):
            atomic.write(file, b"later")
    assert file.read_bytes() == b"earlier"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("method", ["write_bytes", "replace"])
def test_an_interrupted_write_of_a_new_file_leaves_nothing(tmp_path, monkeypatch, method):
    failing(monkeypatch, method)
    with pytest.raises(OSError, match="No space left"):
        atomic.write(tmp_path / "new", b"content")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("method", ["write_bytes", "replace"])
@pytest.mark.parametrize("files_written", range(4))
def test_a_save_interrupted_anywhere_is_not_taken_for_a_model(
    tmp_path, monkeypatch, method, files_written
):
    save(tmp_path, test_accuracy=0.5)
    with monkeypatch.context() as patch:
        failing(patch, method, calls_before=files_written)
        with pytest.raises(OSError, match="No space left"):
            save(tmp_path, {"other/kernel": np.ones(3, "float32")})
    with pytest.raises(ModelError, match="not a finished model"):
        store.load(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        name for name in FILES if name != "report.json"
    ]


def test_a_write_replaces_the_file_in_one_step(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"earlier")
    with file.open("rb") as reader:  # one who reads while it is replaced sees the earlier one
        atomic.write(file, b"later")
        assert reader.read() == b"earlier"
    assert file.read_bytes() == b"later"


# Arrays as bytes


@given(st.dictionaries(names, arrays, max_size=4))
def test_packed_arrays_unpack_to_the_same(weights):
    assert_equal_arrays(atomic.unpack(atomic.pack(weights)), weights)


@settings(max_examples=200)
@given(st.data())
def test_damaged_bytes_never_unpack_to_other_values(data):
    packed = bytearray(atomic.pack(WEIGHTS))
    packed[data.draw(st.integers(0, len(packed) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        arrays = atomic.unpack(bytes(packed))
    except (ValueError, RuntimeError):
        return
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, WEIGHTS[name])


def with_flag(offset: int, value: int) -> bytes:
    """The archive with one byte of its directory's first entry set."""
    packed = bytearray(atomic.pack(WEIGHTS))
    packed[packed.index(b"PK\x01\x02") + offset] = value
    return bytes(packed)


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"no archive",
        atomic.pack(WEIGHTS)[:-1],
        with_flag(10, 99),  # a compression method that there is none of
        with_flag(8, 1),  # encrypted, it says
    ],
    ids=["empty", "other", "cut", "method", "encrypted"],
)
def test_what_is_no_whole_archive_is_told_as_one_kind_of_error(packed):
    with pytest.raises(ValueError):
        atomic.unpack(packed)


def test_json_is_kept_with_its_types(tmp_path):
    content = {"text": "Ä <b>", "number": 0.1, "none": None, "list": [1, 2.5, True]}
    atomic.write_json(tmp_path / "a.json", content)
    assert atomic.read_json(tmp_path / "a.json") == content
    assert json.loads((tmp_path / "a.json").read_text()) == content
