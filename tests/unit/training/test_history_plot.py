"""The printed curves: they are the history, tell the runs apart, and are written whole or not."""

import dataclasses
import errno
import itertools
import json
import re
import runpy
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from imgrec.data import labels
from imgrec.errors import ImgrecError, ModelError
from imgrec.files import atomic
from imgrec.files.paths import MODELS, ROOT
from imgrec.models import registry
from imgrec.models.curves import training_curve
from imgrec.training import history_plot

SCRIPT = ROOT / "scripts" / "plot_history.py"
CLASSIC = MODELS / "classic"
HISTORY = {
    "loss": [2.0, 1.0, 0.5, 0.25],
    "accuracy": [0.25, 0.5, 0.75, 0.875],
    "val_loss": [1.75, 1.25, 1.0, 1.5],
    "val_accuracy": [0.25, 0.625, 0.625, 0.5],
    "seconds": [90.0, 60.0, 60.0, 30.0],
}
UNVALIDATED = {name: HISTORY[name] for name in ("loss", "accuracy", "seconds")}
HOSTILE = ["$x^2$", "$\\frac{$", "<b>", "_x", "a & {b}", "%s ä ß", "\\", "100% $5 \\$"]


def make_run(folder: Path, history: dict = HISTORY) -> registry.Entry:
    folder.mkdir(parents=True, exist_ok=True)
    config = {"network": "classic", "classes": list(labels.CIFAR10), "recipe": {}}
    atomic.write_json(folder / "config.json", config)
    atomic.write_json(folder / "history.json", history)
    return registry.load_entry(folder)


@pytest.fixture
def entry(tmp_path):
    return make_run(tmp_path / "mine")


def lines(axes, style: str | None = None):
    """The curves of a panel, dashed ones, solid ones or both; not the stars."""
    curves = [line for line in axes.lines if line.get_marker() != "*"]
    return [line for line in curves if style in (None, line.get_linestyle())]


def stars(axes):
    return [line.get_xydata()[0].tolist() for line in axes.lines if line.get_marker() == "*"]


def run_legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


# What the curves are


@pytest.mark.parametrize("quantity", [0, 1], ids=["accuracy", "loss"])
def test_the_lines_are_the_history_and_the_star_is_on_its_best_epoch(quantity):
    history = atomic.read_json(CLASSIC / "history.json")
    axes = history_plot.curves([registry.find("classic")]).axes[quantity]
    name = ("accuracy", "loss")[quantity]
    (training,), (validation,) = lines(axes, "--"), lines(axes, "-")
    for line, curve in ((training, history[name]), (validation, history[f"val_{name}"])):
        assert line.get_ydata().tolist() == curve
        assert line.get_xdata().tolist() == list(range(1, len(curve) + 1))
    best = int(np.argmax(history["val_accuracy"]))
    assert stars(axes) == [[best + 1, history[f"val_{name}"][best]]]


def test_minutes_are_the_sums_of_the_epochs_seconds(entry):
    for axes in history_plot.curves([entry], "minutes").axes:
        assert axes.get_xlabel() == "minutes of training"
        for line in lines(axes):
            assert line.get_xdata().tolist() == [1.5, 2.5, 3.5, 4.0]
        assert stars(axes)[0][0] == 2.5


def test_a_run_without_validation_has_only_its_dashed_line():
    figure = history_plot.curves([registry.find("dog_pooled_64")])
    for axes in figure.axes:
        assert [line.get_linestyle() for line in lines(axes)] == ["--"] and stars(axes) == []
    assert run_legend(figure) == ["dog_pooled_64"]
    assert [text.get_text() for text in figure.axes[1].get_legend().get_texts()] == ["training"]


def test_a_run_with_one_epoch_is_a_marked_point(tmp_path):
    first = {name: curve[:1] for name, curve in HISTORY.items()}
    for axes in history_plot.curves([make_run(tmp_path / "short", first)]).axes:
        assert [line.get_xdata().tolist() for line in lines(axes)] == [[1], [1]]
        assert all(line.get_marker() == "o" for line in lines(axes))


def watched_run(folder: Path, steps: int, noise: np.ndarray) -> registry.Entry:
    """A run with many points an epoch, as they are kept while it is trained."""
    entry = make_run(folder)
    seen = {"time": 0, "epochs": 4, "steps": steps, "loss": 1.0}
    events = [{"event": "started", "epoch": 0, "strip": [], **seen}]
    for epoch, step in itertools.product(range(1, 5), range(1, steps + 1)):
        accuracy = 0.5 + noise[len(events) % len(noise)]
        point = {"epoch": epoch, "step": step, "accuracy": accuracy, "busy": step / steps}
        events.append({"event": "step", **seen, **point})
    text = "".join(f"{json.dumps(event)}\n" for event in events)
    (folder / "events.jsonl").write_text(text, encoding="utf-8")
    return entry


def test_few_points_an_epoch_are_drawn_as_they_are(tmp_path):
    entry = watched_run(tmp_path / "watched", 15, np.array([0.1, -0.1, 0.0]))
    (line,) = lines(history_plot.curves([entry]).axes[0], "--")
    curve = training_curve(entry)
    assert len(curve) == 60
    assert line.get_xydata().tolist() == [[point.epochs, point.accuracy] for point in curve]


def test_a_fine_training_curve_is_drawn_as_the_means_of_neighbours(tmp_path):
    entry = watched_run(tmp_path / "watched", 300, np.array([0.1, -0.1]))
    (line,) = lines(history_plot.curves([entry]).axes[0], "--")
    assert len(line.get_xdata()) == history_plot.SMOOTH_POINTS
    assert line.get_ydata() == pytest.approx(0.5)
    assert np.all(np.diff(line.get_xdata()) > 0)
    assert line.get_xdata()[0] > 0 and line.get_xdata()[-1] <= 4


def test_a_loss_that_is_no_number_leaves_a_gap(tmp_path):
    diverged = HISTORY | {"loss": [2.0, float("nan"), float("inf"), 1.0]}
    axes = history_plot.curves([make_run(tmp_path / "diverged", diverged)]).axes[1]
    assert np.isfinite([*axes.get_xlim(), *axes.get_ylim()]).all()
    assert axes.get_ylim()[1] > 2


# How it is drawn


@pytest.mark.parametrize("x", ["epochs", "minutes"])
@pytest.mark.parametrize("name", ["classic", "dog_pooled_64", "dog_flatten_64"])
def test_the_limits_hold_every_point(name, x):
    figure = history_plot.curves([registry.find(name)], x)
    for axes in figure.axes:
        (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
        for line in lines(axes):
            assert left == 0 < min(line.get_xdata()) <= max(line.get_xdata()) <= right
            assert low <= min(line.get_ydata()) <= max(line.get_ydata()) <= high


def tick_labels(axis, limits) -> list[str]:
    places = [place for place in axis.get_majorticklocs() if limits[0] <= place <= limits[1]]
    return axis.get_major_formatter().format_ticks(places)


@pytest.mark.parametrize("accuracy", [0.0, 0.1, 0.995, 1.0])
def test_the_ticks_are_whole_epochs_and_possible_percentages(tmp_path, accuracy):
    history = UNVALIDATED | {"accuracy": [accuracy] * 4}
    axes = history_plot.curves([make_run(tmp_path / "flat", history)]).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "accuracy (%)")
    assert all(re.fullmatch(r"\d+", text) for text in tick_labels(axes.xaxis, axes.get_xlim()))
    percent = [float(text) for text in tick_labels(axes.yaxis, axes.get_ylim())]
    assert len(percent) >= 3 and min(percent) >= 0 and max(percent) <= 100
    assert percent == sorted(set(percent))


def test_each_run_has_its_colour_and_its_marker_and_the_legend_shows_them(tmp_path):
    eight = [make_run(tmp_path / f"run {number}") for number in range(history_plot.MAX_RUNS)]
    figure = history_plot.curves(eight)
    shown = [(line.get_color(), line.get_marker()) for line in figure.legends[0].get_lines()]
    assert len({colour for colour, _ in shown}) == len({marker for _, marker in shown}) == 8
    for axes, style in itertools.product(figure.axes, ("--", "-")):
        assert [(line.get_color(), line.get_marker()) for line in lines(axes, style)] == shown
    for label, entry in zip(run_legend(figure), eight, strict=True):
        assert label == f"{entry.name}: 62.5 %, loss 1.250, epoch 2"


# What is refused


def test_a_run_without_an_epoch_is_refused(tmp_path):
    empty = make_run(tmp_path / "new", {})
    with pytest.raises(ModelError, match=r"^new has no whole epoch yet; [^.]*\.$"):
        history_plot.curves([registry.find("classic"), empty])


def test_minutes_that_nothing_tells_are_refused(tmp_path):
    timeless = {name: curve for name, curve in HISTORY.items() if name != "seconds"}
    entry = make_run(tmp_path / "timeless", timeless)
    assert history_plot.curves([entry], "epochs")
    with pytest.raises(ModelError, match=r"^Nothing tells how long timeless was trained"):
        history_plot.curves([entry], "minutes")


@pytest.mark.parametrize("count", [0, history_plot.MAX_RUNS + 1])
def test_too_few_and_too_many_runs_are_refused(entry, count):
    with pytest.raises(ModelError, match=rf"one to 8 runs, not {count}\.$"):
        history_plot.curves([entry] * count)


@pytest.mark.parametrize(
    "history",
    [
        [],
        {"loss": None},
        {"loss": 3},
        HISTORY | {"accuracy": ["much"] * 4},
        HISTORY | {"loss": [[]]},
    ],
)
def test_a_damaged_history_is_refused(tmp_path, history):
    with pytest.raises(ModelError, match=r"^[A-Z][^\n]+; choose another \w+\.$"):
        history_plot.curves([make_run(tmp_path / "mine", history)])


def test_a_damaged_time_is_refused(tmp_path):
    folder = make_run(tmp_path / "mine", {"loss": [1.0], "accuracy": [0.5]}).folder
    atomic.write_json(folder / "report.json", {"seconds": "long"})
    with pytest.raises(ModelError, match="The history of mine is damaged"):
        history_plot.curves([registry.load_entry(folder)])


# Files


def saved(figure: Figure, file: Path) -> bytes:
    history_plot.save(figure, file)
    return file.read_bytes()


def svg_texts(content: bytes) -> list[str]:
    root = ElementTree.fromstring(content)
    return ["".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")]


def test_the_png_has_200_dpi_and_room_for_a_long_name(entry, tmp_path):
    widths = []
    for name in ("a", "W" * 255):
        figure = history_plot.curves([dataclasses.replace(entry, name=name)])
        saved(figure, tmp_path / "curves.png")
        with Image.open(tmp_path / "curves.png") as picture:
            assert picture.format == "PNG"
            assert picture.info["dpi"] == pytest.approx((200, 200), abs=0.1)
            widths.append(picture.width)
    assert 1400 < widths[0] < widths[1] < 2500


@pytest.mark.filterwarnings("error")
def test_names_are_written_as_they_are(entry, tmp_path):
    figure = history_plot.curves([dataclasses.replace(entry, name=name) for name in HOSTILE])
    texts = svg_texts(saved(figure, tmp_path / "curves.svg"))
    assert {"epoch", "accuracy (%)", "loss (cross-entropy)", "training", "validation"} < set(texts)
    for name in HOSTILE:
        assert f"{name}: 62.5 %, loss 1.250, epoch 2" in texts
    assert saved(figure, tmp_path / "CURVES.PDF").startswith(b"%PDF-")


@pytest.mark.filterwarnings("ignore:Glyph")
def test_a_name_that_cant_be_written_as_it_is_keeps_to_one_line(entry, tmp_path):
    names = {"a\nb\x00": "a�b�", "\udcff": "�", "W" * 255: "W" * 59 + "…", "犬": "犬"}
    figure = history_plot.curves([dataclasses.replace(entry, name=name) for name in names])
    texts = svg_texts(saved(figure, tmp_path / "curves.svg"))
    for shown in names.values():
        assert any(text.startswith(f"{shown}: ") for text in texts)


@pytest.mark.parametrize("name", ["curves.jpg", "curves", "curves.png.gz", ".png", "svg"])
def test_another_format_is_refused_and_nothing_written(entry, tmp_path, name):
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(ImgrecError, match=r"\.png, \.svg or \.pdf"):
        history_plot.save(history_plot.curves([entry]), folder / name)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_the_same_runs_give_the_same_bytes(entry, tmp_path, suffix):
    first = saved(history_plot.curves([entry]), tmp_path / f"one.{suffix}")
    assert saved(history_plot.curves([entry]), tmp_path / f"two.{suffix}") == first
    assert not re.search(rb"CreationDate|<dc:date>|tIME", first)


def test_the_file_that_was_there_stays_when_the_disk_is_full(entry, tmp_path, monkeypatch):
    file = tmp_path / "curves.png"
    before = saved(history_plot.curves([entry]), file)

    def half(path, content):
        with path.open("wb") as target:
            target.write(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(ImgrecError, match="No space left on device"):
        history_plot.save(history_plot.curves([entry]), file)
    assert file.read_bytes() == before
    assert not list(tmp_path.glob(".*"))


# The script


@pytest.fixture
def script(monkeypatch, capsys):
    """Runs the script in this process: its exit code, and what it printed on stdout and stderr."""

    def run_here(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", [SCRIPT.name, *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(SCRIPT), run_name="__main__")
        return end.value.code, *capsys.readouterr()

    return run_here


def test_the_script_draws_shipped_networks_without_pyplot_or_tensorflow(tmp_path):
    file = tmp_path / "curves.svg"
    program = (
        "import runpy, sys\n"
        "del sys.argv[0]\n"
        "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "finally: print(sorted({'matplotlib.pyplot', 'tensorflow', 'gradio'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, SCRIPT, "classic", "dog_pooled_64", "-o", file],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"wrote {file}\n[]\n"
    entries = [registry.find(name) for name in ("classic", "dog_pooled_64")]
    assert saved(history_plot.curves(entries), tmp_path / "here.svg") == file.read_bytes()


def test_a_run_is_found_by_its_name_and_by_its_path(script, tmp_path, monkeypatch):
    make_run(tmp_path / "runs" / "$mine$")
    make_run(tmp_path / "elsewhere" / "other")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMGREC_RUNS", str(tmp_path / "none"))
    arguments = ["$mine$", "elsewhere/other", CLASSIC, "--runs-dir", "runs", "--x", "minutes"]
    assert script(*arguments, "-o", "curves.svg") == (0, "wrote curves.svg\n", "")
    texts = svg_texts(Path("curves.svg").read_bytes())
    assert "minutes of training" in texts
    for name in ("$mine$", "other", "classic"):
        assert any(text.startswith(f"{name}: ") for text in texts)


def test_the_runs_are_looked_for_where_the_page_keeps_them(script, tmp_path, monkeypatch):
    make_run(tmp_path / "runs" / "mine")
    monkeypatch.setenv("IMGREC_RUNS", str(tmp_path / "runs"))
    assert script("mine", "-o", tmp_path / "curves.png")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent", "-o", "curves.png"], "There is no trained network in"),
        (["vgg16_base", "-o", "curves.png"], "There is no trained network in"),
        (["a" * 300, "-o", "curves.png"], "There is no trained network in"),
        (["classic", "-o", "curves.jpg"], "curves.jpg is no .png, .svg or .pdf;"),
        (["classic", "-o", "absent/curves.png"], "absent/curves.png can't be written"),
        (["classic", "-o", "folder.png"], "folder.png can't be written"),
        (["classic"] * 9 + ["-o", "curves.png"], "A figure shows one to 8 runs, not 9."),
        (["new", "-o", "curves.png"], "new has no whole epoch yet;"),
    ],
)
def test_what_is_wrong_is_one_sentence_on_stderr(script, tmp_path, monkeypatch, arguments, message):
    make_run(tmp_path / "new", {})
    (tmp_path / "folder.png").mkdir()
    monkeypatch.chdir(tmp_path)
    code, out, problem = script(*arguments)
    assert (code, out) == (1, "")
    assert problem.startswith(message) and problem.endswith(".\n") and problem.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.png", "new"]
