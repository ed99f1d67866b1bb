"""Training curves as a figure for print: accuracy and loss, side by side."""

import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from imgrec.errors import ImgrecError, ModelError
from imgrec.files import atomic
from imgrec.models import registry
from imgrec.models.curves import thinned, training_curve, validation_curve
from imgrec.models.run_log import Point

Over = Literal["epochs", "minutes"]
Quantity = Literal["accuracy", "loss"]
Outside = Literal["outside upper left", "outside lower center"]  # positions outside the panels

# Okabe & Ito's palette, safe for colour-blind readers (https://jfly.uni-koeln.de/color/); yellow
# comes last because it is faint on paper.
COLOURS = (
    "#0072b2",  # blue
    "#d55e00",  # vermillion
    "#009e73",  # bluish green
    "#cc79a7",  # reddish purple
    "#e69f00",  # orange
    "#56b4e9",  # sky blue
    "#000000",  # black
    "#f0e442",  # yellow
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")  # none of them is a star
MAX_RUNS = len(COLOURS)
X_LABELS: dict[Over, str] = {"epochs": "epoch", "minutes": "minutes of training"}
Y_LABELS: dict[Quantity, str] = {"accuracy": "accuracy (%)", "loss": "loss (cross-entropy)"}

WIDTH, HEIGHT, LEGEND_ROW = 8.4, 3.7, 0.19  # inches; each further row of the legend adds its height
MAX_COLUMNS = 4  # of the legend
MAX_NAME_LENGTH = 60  # characters; a longer name would be wider than the figure
MARKED_POINTS = 6  # per curve: more would hide it
SMOOTH_POINTS = 60  # of a training curve, unless it has more epochs: more would show noise
LABEL_GAP = 0.055  # between two values beside a panel, as a share of its height
INK, GREY, GRID = "#222222", "#555555", "#dddddd"
PNG_DPI = 200

STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same on every machine
    "font.size": 9,
    "text.usetex": False,
    "text.parse_math": False,  # a `$` in a run's name is a `$`
    "text.color": INK,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
# Text stays text and ids come from the content, so that equal figures are equal files.
SAVING: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "imgrec", "pdf.fonttype": 42}
METADATA: dict[str, dict[str, None]] = {  # omits the time of writing
    ".png": {},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}


@dataclass(frozen=True)
class _Run:
    """A run as it is drawn; `best` is the first epoch with the highest validation accuracy."""

    name: str
    colour: str
    marker: str
    training: list[Point]
    validation: list[Point]
    best: Point | None


def curves(entries: Sequence[registry.Entry], x: Over = "epochs") -> Figure:
    """Plots accuracy and loss of one to eight runs, over epochs or minutes of training.

    Training is dashed, validation solid. Each run has its own colour and marker, and a star on the
    epoch with its highest validation accuracy, if it was validated. Raises ModelError if there are
    too few or too many runs, a run has no whole epoch, or its training time is unknown.
    """
    if not 1 <= len(entries) <= MAX_RUNS:
        raise ModelError(f"A figure shows one to {MAX_RUNS} runs, not {len(entries)}.")
    drawn = [_run(entry, number, x) for number, entry in enumerate(entries)]
    layout = ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06, wspace=0.06)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, HEIGHT), layout=layout)
        accuracy, loss = figure.subplots(1, 2)
        _panel(accuracy, drawn, "accuracy", x)
        _panel(loss, drawn, "loss", x)
        rows = _legend_of_runs(figure, drawn)
        _legend_of_lines(figure, drawn)
        figure.set_figheight(HEIGHT + LEGEND_ROW * (rows - 1))
        figure.draw_without_rendering()
    figure.set_layout_engine("none")  # a layout computed again at each drawing would differ
    return figure


def save(figure: Figure, file: Path) -> None:
    """Writes a figure as .png, .svg or .pdf; an existing file stays until the new one is complete.

    Raises ImgrecError if the suffix is another one or the file can't be written.
    """
    suffix = file.suffix.lower()
    if suffix not in METADATA:
        raise ImgrecError(f"{file} is no .png, .svg or .pdf; choose a name that ends so.")
    content = io.BytesIO()
    with matplotlib.rc_context({**STYLE, **SAVING}):
        figure.savefig(content, format=suffix[1:], dpi=PNG_DPI, metadata=METADATA[suffix])
    try:
        atomic.write(file, content.getvalue())
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ImgrecError(f"{file} can't be written ({reason}); choose another place.") from error


# Runs


def _run(entry: registry.Entry, number: int, x: Over) -> _Run:
    name = _displayable_name(entry.name)
    try:
        training, validation = training_curve(entry), validation_curve(entry)
    except (ArithmeticError, TypeError, ValueError) as error:
        raise ModelError(f"The history of {name} is damaged; choose another run.") from error
    if entry.epochs == 0:
        raise ModelError(f"{name} has no whole epoch yet; train it first or choose another run.")
    if x == "minutes" and not any(0 < point.seconds < math.inf for point in training):
        raise ModelError(f"Nothing tells how long {name} was trained; draw it over epochs.")
    training = thinned(training, max(entry.epochs, SMOOTH_POINTS))
    judged = [p for p in validation if math.isfinite(p.accuracy) and math.isfinite(p.loss)]
    best = max(judged, key=lambda point: point.accuracy, default=None)
    return _Run(name, COLOURS[number], MARKERS[number], training, validation, best)


def _displayable_name(name: str) -> str:
    """Returns the name on one line, cut if long, with unprintable characters replaced."""
    printable = "".join(
        sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in name
    )
    return (
        printable if len(printable) <= MAX_NAME_LENGTH else f"{printable[: MAX_NAME_LENGTH - 1]}…"
    )


def _place(point: Point, x: Over) -> float:
    return point.seconds / 60 if x == "minutes" else point.epochs


def _finite(values: Iterable[float]) -> list[float]:
    return [value for value in values if math.isfinite(value)]


# Panels


def _panel(axes: Axes, drawn: Sequence[_Run], quantity: Quantity, x: Over) -> None:
    """Draws one quantity of all runs: axes, curves, and the best epochs with their values."""
    points = [point for run in drawn for point in (*run.training, *run.validation)]
    values = _finite(getattr(point, quantity) for point in points)
    axes.set_xlim(0, 1.02 * max(_finite(_place(point, x) for point in points), default=1.0))
    axes.set_ylim(_accuracy_limits(values) if quantity == "accuracy" else _loss_limits(values))
    axes.set_xlabel(X_LABELS[x])
    axes.set_ylabel(Y_LABELS[quantity])
    axes.grid(color=GRID, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8, color=GREY, labelcolor=INK)
    if x == "epochs":
        axes.xaxis.set_major_locator(MaxNLocator(nbins="auto", steps=[1, 2, 5, 10], integer=True))
    if quantity == "accuracy":
        axes.yaxis.set_major_formatter(lambda accuracy, _: f"{100 * accuracy:.6g}")
    for number, run in enumerate(drawn):
        stagger = number / len(drawn)
        _curve(axes, run, run.training, quantity, x, stagger)
        _curve(axes, run, run.validation, quantity, x, stagger)
    _best_epochs(axes, drawn, quantity, x)


def _accuracy_limits(accuracies: Sequence[float]) -> tuple[float, float]:
    """Returns limits around the accuracies, at least ten percentage points apart."""
    high = max(accuracies, default=1.0)
    low = max(0.0, min([*accuracies, high - 0.1]))
    high = max(high, low + 0.1)
    margin = 0.05 * (high - low)
    return low - margin, high + margin


def _loss_limits(losses: Sequence[float]) -> tuple[float, float]:
    """Returns limits from just below zero, so that a line at zero isn't clipped."""
    high = max([loss for loss in losses if loss > 0], default=1.0)
    return -0.03 * high, 1.05 * high


def _curve(
    axes: Axes, run: _Run, points: Sequence[Point], quantity: Quantity, x: Over, stagger: float
) -> None:
    """Draws a run's training or validation curve; `stagger` keeps the runs' markers apart."""
    if not points:
        return
    is_training = points is run.training
    step = math.ceil(len(points) / MARKED_POINTS)
    axes.plot(
        [_place(point, x) for point in points],
        [getattr(point, quantity) for point in points],
        markevery=(int(stagger * step), step),
        zorder=2 if is_training else 3,
        **_line_style(run, is_training),
    )


def _line_style(run: _Run, is_training: bool) -> dict[str, Any]:
    """Returns a dashed line with hollow markers for training, a solid one for validation."""
    return {
        "color": run.colour,
        "marker": run.marker,
        "markersize": 4.5,
        "markeredgewidth": 0.8,
        "linestyle": (0, (4, 2)) if is_training else "-",
        "linewidth": 1.0 if is_training else 1.6,
        "markerfacecolor": "white" if is_training else run.colour,
    }


def _best_epochs(axes: Axes, drawn: Sequence[_Run], quantity: Quantity, x: Over) -> None:
    """Draws a star on each best epoch and its value beside the panel, clear of the curves."""
    low, high = axes.get_ylim()
    best = [(run, run.best) for run in drawn if run.best]
    heights = _spread([(getattr(point, quantity) - low) / (high - low) for _, point in best])
    for (run, point), height in zip(best, heights, strict=True):
        star = (_place(point, x), getattr(point, quantity))
        axes.plot(*star, zorder=5, **_star(run.colour))
        axes.annotate(
            _value(point, quantity),
            star,
            xytext=(1.02, height),
            textcoords="axes fraction",
            verticalalignment="center",
            fontsize=8,
            annotation_clip=False,
            zorder=4,
            arrowprops={
                "arrowstyle": "-",
                "color": run.colour,
                "linewidth": 0.8,
                "linestyle": ":",
                "relpos": (0, 0.5),  # from the middle of the value's left side
                "shrinkA": 1,
                "shrinkB": 4,
            },
        )


def _value(point: Point, quantity: Quantity) -> str:
    if quantity == "accuracy":
        return f"{100 * point.accuracy:.1f} %, epoch {point.epochs:.0f}"
    return f"{point.loss:.3f}"


def _star(colour: str) -> dict[str, Any]:
    return {
        "color": colour,
        "marker": "*",
        "markersize": 11,
        "markeredgecolor": INK,
        "markeredgewidth": 0.7,
        "linestyle": "none",
    }


def _spread(wanted: Sequence[float]) -> np.ndarray:
    """Returns heights from 0 to 1 near the wanted ones, in their order, with gaps between them."""
    order = np.argsort(wanted, kind="stable")
    gaps = LABEL_GAP * np.arange(len(wanted))
    free = np.asarray(wanted)[order] - gaps  # without the gaps, the heights need only not decrease
    pushed_up, pushed_down = np.maximum.accumulate(free), np.minimum.accumulate(free[::-1])[::-1]
    highest = 1 - LABEL_GAP * max(0, len(wanted) - 1)
    heights = np.empty(len(wanted))
    heights[order] = np.clip((pushed_up + pushed_down) / 2, 0, highest) + gaps
    return heights


# Legends


def _legend_of_runs(figure: Figure, drawn: Sequence[_Run]) -> int:
    """Draws the runs' legend above the panels, as wide as fits; returns its number of rows."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    handles = [Line2D([], [], **_line_style(run, is_training=not run.validation)) for run in drawn]
    for columns in range(min(len(drawn), MAX_COLUMNS), 0, -1):
        legend = _legend(
            figure, handles, [run.name for run in drawn], "outside upper left", columns
        )
        if columns == 1 or legend.get_window_extent(renderer).width < figure.bbox.width:
            break
        legend.remove()
    return math.ceil(len(drawn) / columns)


def _legend_of_lines(figure: Figure, drawn: Sequence[_Run]) -> None:
    """Draws the legend of dashed line, solid line and star below the panels."""
    kinds = {"training": Line2D([], [], color=GREY, linestyle=(0, (4, 2)), linewidth=1.0)}
    if any(run.validation for run in drawn):
        kinds["validation"] = Line2D([], [], color=GREY, linewidth=1.6)
    if any(run.best for run in drawn):
        kinds["best epoch: highest validation accuracy"] = Line2D([], [], **_star("white"))
    _legend(figure, list(kinds.values()), list(kinds), "outside lower center", len(kinds))


def _legend(
    figure: Figure, handles: list[Line2D], names: list[str], place: Outside, columns: int
) -> Legend:
    """Adds a legend outside the panels, where it covers nothing."""
    # matplotlib skips labels with a leading underscore, so the names are set afterwards.
    legend = figure.legend(
        handles,
        [str(number) for number in range(len(names))],
        loc=place,
        ncols=columns,
        frameon=False,
        fontsize=9,
        handlelength=2.6,
        borderaxespad=0.2,
    )
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set_text(name)
    return legend
