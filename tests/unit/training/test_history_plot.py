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
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
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
OKABE_ITO = {  # https://jfly.uni-koeln.de/color/, in 0 to 255
    (0, 0, 0),
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
}
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


@pytest.fixture
def eight(tmp_path):
    """As many runs as a figure holds, alike but for a little, with long names."""
    return [
        make_run(
            tmp_path / f"{number} a rather long name of a run",
            HISTORY | {"val_accuracy": [0.25, 0.5, 0.625 + number / 1000, 0.5]},
        )
        for number in range(history_plot.MAX_RUNS)
    ]


def lines(axes, style: str | None = None):
    """The curves of a panel, dashed ones, solid ones or both; not the stars."""
    curves = [line for line in axes.lines if line.get_marker() != "*"]
    return [line for line in curves if style in (None, line.get_linestyle())]


def stars(axes):
    return [line.get_xydata()[0].tolist() for line in axes.lines if line.get_marker() == "*"]


def values(axes):
    return [text.get_text() for text in axes.texts]


def legend_texts(figure: Figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))


# What the curves are


@pytest.mark.parametrize("quantity", [0, 1], ids=["accuracy", "loss"])
def test_the_lines_are_the_history(quantity):
    history = atomic.read_json(CLASSIC / "history.json")
    axes = history_plot.curves([registry.find("classic")]).axes[quantity]
    name = ("accuracy", "loss")[quantity]
    (training,), (validation,) = lines(axes, "--"), lines(axes, "-")
    for line, curve in ((training, history[name]), (validation, history[f"val_{name}"])):
        assert line.get_ydata().tolist() == curve
        assert line.get_xdata().tolist() == list(range(1, len(curve) + 1))


def test_minutes_are_the_sums_of_the_epochs_seconds(entry):
    for axes in history_plot.curves([entry], "minutes").axes:
        assert axes.get_xlabel() == "minutes of training"
        for line in lines(axes):
            assert line.get_xdata().tolist() == [1.5, 2.5, 3.5, 4.0]
        assert stars(axes)[0][0] == 2.5


def test_a_run_without_validation_has_only_its_dashed_line():
    figure = history_plot.curves([registry.find("dog_pooled_64")])
    for axes in figure.axes:
        assert [line.get_linestyle() for line in lines(axes)] == ["--"]
        assert stars(axes) == values(axes) == []
    assert legend_texts(figure) == ["dog_pooled_64", "training"]


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


def test_the_axes_are_labelled_with_their_units(entry):
    accuracy, loss = history_plot.curves([entry]).axes
    assert (accuracy.get_xlabel(), accuracy.get_ylabel()) == ("epoch", "accuracy (%)")
    assert (loss.get_xlabel(), loss.get_ylabel()) == ("epoch", "loss (cross-entropy)")


@pytest.mark.parametrize("x", ["epochs", "minutes"])
@pytest.mark.parametrize("name", ["classic", "dog_pooled_64", "dog_flatten_64"])
def test_the_limits_hold_every_point(name, x):
    figure = history_plot.curves([registry.find(name)], x)
    for axes in figure.axes:
        (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
        for line in lines(axes):
            assert left == 0 < min(line.get_xdata()) <= max(line.get_xdata()) <= right
            assert low < min(line.get_ydata()) <= max(line.get_ydata()) < high


def tick_labels(axis, limits) -> list[str]:
    places = [place for place in axis.get_majorticklocs() if limits[0] <= place <= limits[1]]
    return axis.get_major_formatter().format_ticks(places)


@pytest.mark.parametrize("accuracy", [0.0, 0.1, 0.995, 1.0])
def test_the_ticks_are_whole_epochs_and_possible_percentages(tmp_path, accuracy):
    history = UNVALIDATED | {"accuracy": [accuracy] * 4}
    axes = history_plot.curves([make_run(tmp_path / "flat", history)]).axes[0]
    assert all(re.fullmatch(r"\d+", text) for text in tick_labels(axes.xaxis, axes.get_xlim()))
    percent = [float(text) for text in tick_labels(axes.yaxis, axes.get_ylim())]
    assert len(percent) >= 3 and min(percent) >= 0 and max(percent) <= 100
    assert percent == sorted(set(percent))


def test_each_run_has_its_colour_and_its_marker(eight):
    for axes in history_plot.curves(eight).axes:
        for style in ("--", "-"):
            looks = [(line.get_color(), line.get_marker()) for line in lines(axes, style)]
            assert {rgb(colour) for colour, _ in looks} == OKABE_ITO
            assert len({marker for _, marker in looks}) == len(eight)
        training, validation = lines(axes, "--"), lines(axes, "-")
        for one, other in zip(training, validation, strict=True):
            assert one.get_color() == other.get_color()
            assert one.get_marker() == other.get_marker()


def test_the_legend_shows_each_runs_look(eight):
    figure = history_plot.curves(eight)
    names = figure.legends[0]
    assert [text.get_text() for text in names.get_texts()] == [entry.name for entry in eight]
    for handle, line in zip(names.get_lines(), lines(figure.axes[0], "-"), strict=True):
        assert (handle.get_color(), handle.get_marker()) == (line.get_color(), line.get_marker())


def test_the_first_epoch_with_the_best_validation_accuracy_has_a_star_and_its_value(entry):
    accuracy, loss = history_plot.curves([entry]).axes
    assert stars(accuracy) == [[2, 0.625]] and values(accuracy) == ["62.5 %, epoch 2"]
    assert stars(loss) == [[2, 1.25]] and values(loss) == ["1.250"]
    assert [text.xy for text in accuracy.texts] == [(2, 0.625)]


def test_the_star_of_the_shipped_network_is_where_its_history_says():
    history = atomic.read_json(CLASSIC / "history.json")["val_accuracy"]
    axes = history_plot.curves([registry.find("classic")]).axes[0]
    assert stars(axes) == [[history.index(max(history)) + 1, max(history)]]


def boxes(figure: Figure) -> tuple[list, list]:
    """Where the panels are, and where all words and numbers outside them: in pixels."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    texts = [text for legend in figure.legends for text in legend.get_texts()]
    for axes in figure.axes:
        texts += [*axes.texts, axes.xaxis.label, axes.yaxis.label]
        for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            ticks = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
            texts += [tick.label1 for tick in ticks]
    panels = [axes.get_window_extent(renderer) for axes in figure.axes]
    # The extent that an annotation tells has its line in it, that of the text alone has not.
    return panels, [Text.get_window_extent(text, renderer) for text in texts]


def overlapping(one, other) -> bool:
    return min(one.x1, other.x1) > max(one.x0, other.x0) and (
        min(one.y1, other.y1) > max(one.y0, other.y0)
    )


@pytest.mark.parametrize(("count", "x"), [(1, "epochs"), (3, "minutes"), (8, "epochs")])
def test_nothing_written_covers_a_panel_another_text_or_the_edge(eight, count, x):
    figure = history_plot.curves(eight[:count], x)
    panels, texts = boxes(figure)
    for one, other in itertools.combinations(texts, 2):
        assert not overlapping(one, other), (one, other)
    for text, panel in itertools.product(texts, panels):
        assert not overlapping(text, panel)
    for text in texts:
        assert text.x0 >= 0 and text.x1 <= figure.bbox.width
        assert text.y0 >= 0 and text.y1 <= figure.bbox.height


def test_the_panels_keep_their_size_under_a_long_legend(eight):
    (few, _), (many, _) = boxes(history_plot.curves(eight[:1])), boxes(history_plot.curves(eight))
    assert [box.height for box in many] == pytest.approx([box.height for box in few], rel=0.1)


@given(st.lists(st.floats(0, 1), max_size=history_plot.MAX_RUNS))
def test_the_values_keep_their_distance_and_their_order(wanted):
    heights = history_plot._spread(wanted)
    assert all(-1e-9 <= height <= 1 + 1e-9 for height in heights)
    for below, above in itertools.pairwise(np.argsort(wanted, kind="stable")):
        assert heights[above] - heights[below] >= history_plot.LABEL_GAP - 1e-9


@given(st.floats(0, 1))
def test_a_lonely_value_stands_at_its_height(wanted):
    assert history_plot._spread([wanted]) == pytest.approx([wanted])


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
    with pytest.raises(ModelError, match=rf"^A figure shows one to 8 runs, not {count}\.$"):
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
    with pytest.raises(ModelError, match=r"^The history of mine is damaged; choose another run\.$"):
        history_plot.curves([registry.load_entry(folder)])


def test_a_directory_without_a_model_is_refused(tmp_path):
    with pytest.raises(ModelError, match="There is no trained network in"):
        registry.load_entry(tmp_path)


def test_an_entry_is_the_same_by_its_name_and_its_directory(monkeypatch):
    monkeypatch.chdir(CLASSIC)
    assert registry.load_entry(Path()) == registry.load_entry(CLASSIC) == registry.find("classic")


# Files


def saved(figure: Figure, file: Path) -> bytes:
    history_plot.save(figure, file)
    return file.read_bytes()


def svg_texts(content: bytes) -> list[str]:
    root = ElementTree.fromstring(content)
    return ["".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")]


def test_the_png_has_the_size_of_the_figure_at_200_dpi(entry, tmp_path):
    figure = history_plot.curves([entry])
    saved(figure, tmp_path / "curves.png")
    with Image.open(tmp_path / "curves.png") as picture:
        picture.load()
        assert picture.format == "PNG"
        assert picture.size == pytest.approx(figure.get_size_inches() * 200, abs=1)
        assert picture.info["dpi"] == pytest.approx((200, 200), abs=0.1)
        assert picture.getcolors(maxcolors=1 << 20)[0][0] < picture.width * picture.height


def test_the_svg_has_its_words_as_text(entry, tmp_path):
    texts = svg_texts(saved(history_plot.curves([entry]), tmp_path / "curves.svg"))
    words = {"mine", "epoch", "accuracy (%)", "loss (cross-entropy)", "training", "validation"}
    assert words | {"62.5 %, epoch 2"} <= set(texts)


def test_the_pdf_is_one(entry, tmp_path):
    content = saved(history_plot.curves([entry]), tmp_path / "curves.pdf")
    assert content.startswith(b"%PDF-") and content.rstrip().endswith(b"%%EOF")


@pytest.mark.filterwarnings("error")
def test_names_are_written_as_they_are(entry, tmp_path):
    figure = history_plot.curves([dataclasses.replace(entry, name=name) for name in HOSTILE])
    assert legend_texts(figure)[: len(HOSTILE)] == HOSTILE
    assert set(HOSTILE) <= set(svg_texts(saved(figure, tmp_path / "curves.svg")))
    for suffix in ("png", "pdf"):
        assert saved(figure, tmp_path / f"curves.{suffix}")


@pytest.mark.filterwarnings("ignore:Glyph")
def test_a_name_that_cant_be_written_as_it_is_keeps_to_one_line(entry, tmp_path):
    names = {"a\nb\x00": "a�b�", "\udcff": "�", "W" * 255: "W" * 59 + "…", "犬": "犬"}
    figure = history_plot.curves([dataclasses.replace(entry, name=name) for name in names])
    assert set(names.values()) <= set(svg_texts(saved(figure, tmp_path / "curves.svg")))
    for suffix in ("png", "pdf"):
        assert saved(figure, tmp_path / f"curves.{suffix}")
    _, texts = boxes(figure)
    assert all(text.x1 <= figure.bbox.width for text in texts)


@pytest.mark.parametrize("name", ["curves.jpg", "curves", "curves.png.gz", ".png", "svg"])
def test_another_format_is_refused_and_nothing_written(entry, tmp_path, name):
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(ImgrecError, match=r"\.png, \.svg or \.pdf"):
        history_plot.save(history_plot.curves([entry]), folder / name)
    assert list(folder.iterdir()) == []


def test_a_suffix_may_have_capitals(entry, tmp_path):
    assert saved(history_plot.curves([entry]), tmp_path / "CURVES.PDF").startswith(b"%PDF-")


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_the_same_runs_give_the_same_bytes(entry, tmp_path, suffix):
    first = saved(history_plot.curves([entry]), tmp_path / f"one.{suffix}")
    figure = history_plot.curves([entry])
    assert saved(figure, tmp_path / f"two.{suffix}") == first
    assert saved(figure, tmp_path / f"two.{suffix}") == first
    assert not re.search(rb"CreationDate|<dc:date>|tIME", first)


def test_the_file_that_was_there_stays_when_the_drawing_fails(entry, tmp_path, monkeypatch):
    file = tmp_path / "curves.png"
    before = saved(history_plot.curves([entry]), file)

    def half(figure, target, **_):
        target.write(b"half a picture")
        raise RuntimeError("no more ink")

    monkeypatch.setattr(Figure, "savefig", half)
    with pytest.raises(RuntimeError, match="no more ink"):
        history_plot.save(history_plot.curves([entry]), file)
    assert file.read_bytes() == before
    assert not list(tmp_path.glob(".*"))


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


def test_a_place_that_cant_be_written_is_a_sentence(entry, tmp_path):
    (tmp_path / "folder.png").mkdir()
    figure = history_plot.curves([entry])
    for file in (tmp_path / "absent" / "curves.png", tmp_path / "folder.png"):
        with pytest.raises(ImgrecError, match=r"can't be written \([^)]+\); choose another place"):
            history_plot.save(figure, file)
    assert not list(tmp_path.rglob(".*.tmp"))


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
    assert {"classic", "dog_pooled_64"} <= set(svg_texts(file.read_bytes()))


def test_a_run_is_found_by_its_name_and_by_its_path(script, tmp_path, monkeypatch):
    make_run(tmp_path / "runs" / "$mine$")
    make_run(tmp_path / "elsewhere" / "other")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMGREC_RUNS", str(tmp_path / "none"))
    arguments = ["$mine$", "elsewhere/other", CLASSIC, "--runs-dir", "runs", "--x", "minutes"]
    assert script(*arguments, "-o", "curves.svg") == (0, "wrote curves.svg\n", "")
    texts = svg_texts(Path("curves.svg").read_bytes())
    assert {"$mine$", "other", "classic", "minutes of training"} <= set(texts)


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
        (["classic"] * 9 + ["-o", "curves.png"], "A figure shows one to 8 runs, not 9."),
        (["new", "-o", "curves.png"], "new has no whole epoch yet;"),
    ],
)
def test_what_is_wrong_is_one_sentence_on_stderr(script, tmp_path, monkeypatch, arguments, message):
    make_run(tmp_path / "new", {})
    monkeypatch.chdir(tmp_path)
    code, out, problem = script(*arguments)
    assert (code, out) == (1, "")
    assert problem.startswith(message) and problem.endswith(".\n") and problem.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
