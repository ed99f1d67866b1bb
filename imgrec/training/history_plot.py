"""Training curves as a figure for print: accuracy and loss, side by side."""

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from imgrec.errors import ImgrecError, ModelError
from imgrec.files import atomic
from imgrec.models import registry
from imgrec.models.curves import thinned, training_curve, validation_curve
from imgrec.models.run_log import Point

Over = Literal["epochs", "minutes"]

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

SIZE = (8.4, 3.7)  # inches, without the legend below
MAX_NAME_LENGTH = 60  # characters; a longer name would be wider than the figure
MARKED_POINTS = 6  # per curve: more would hide it
SMOOTH_POINTS = 60  # of a training curve, unless it has more epochs: more would show noise
PNG_DPI = 200

TRAINING: dict[str, Any] = {"linestyle": "--", "linewidth": 1.0, "markerfacecolor": "white"}
VALIDATION: dict[str, Any] = {"linestyle": "-", "linewidth": 1.6}
BEST: dict[str, Any] = {
    "linestyle": "none",
    "marker": "*",
    "markersize": 11,
    "markeredgecolor": "#222222",
    "markeredgewidth": 0.7,
}
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same on every machine
    "font.size": 9,
    "text.usetex": False,
    "text.parse_math": False,  # a `$` in a run's name is a `$`
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.5,
    "lines.markersize": 4.5,
    "lines.markeredgewidth": 0.8,
    "legend.frameon": False,
}
# Text stays text and ids come from the content, so that equal figures are equal files.
SAVING: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "imgrec", "pdf.fonttype": 42}
METADATA: dict[str, dict[str, None]] = {  # omits the time of writing
    ".png": {},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}


def curves(entries: Sequence[registry.Entry], x: Over = "epochs") -> Figure:
    """Plots accuracy and loss of one to eight runs, over epochs or minutes of training.

    Training is dashed, validation solid. Each run has its own colour and marker, and a star on the
    first epoch with its highest validation accuracy, if it was validated; the legend has that
    epoch's values. Raises ModelError if there are too few or too many runs, a run has no whole
    epoch, or its training time is unknown.
    """
    if not 1 <= len(entries) <= MAX_RUNS:
        raise ModelError(f"A figure shows one to {MAX_RUNS} runs, not {len(entries)}.")
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=SIZE)
        accuracy, loss = figure.subplots(1, 2)
        looks = zip(entries, COLOURS, MARKERS, strict=False)
        runs = [
            _plot_run(accuracy, loss, entry, x, {"color": colour, "marker": marker})
            for entry, colour, marker in looks
        ]
        accuracy.set(xlabel=X_LABELS[x], ylabel="accuracy (%)", xlim=(0, None))
        accuracy.set_ylim(max(0, accuracy.get_ylim()[0]), min(1, accuracy.get_ylim()[1]))
        accuracy.yaxis.set_major_formatter(PercentFormatter(1, symbol=None))
        loss.set(xlabel=X_LABELS[x], ylabel="loss (cross-entropy)", xlim=(0, None), ylim=(0, None))
        if x == "epochs":
            for axes in (accuracy, loss):
                axes.xaxis.set_major_locator(MaxNLocator(steps=[1, 2, 5, 10], integer=True))
        _legends(figure, loss, runs)
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
        figure.savefig(
            content,
            format=suffix[1:],
            dpi=PNG_DPI,
            metadata=METADATA[suffix],
            bbox_inches="tight",  # as tall and wide as the legend needs
        )
    try:
        atomic.write(file, content.getvalue())
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ImgrecError(f"{file} can't be written ({reason}); choose another place.") from error


def _plot_run(
    accuracy: Axes, loss: Axes, entry: registry.Entry, x: Over, look: dict[str, Any]
) -> tuple[Line2D, str]:
    """Draws a run's curves and the star on its best epoch; returns its line and legend text."""
    name = _displayable_name(entry.name)
    training, validation = _points(entry, name, x)
    judged = [p for p in validation if math.isfinite(p.accuracy) and math.isfinite(p.loss)]
    best = max(judged, key=lambda point: point.accuracy, default=None)
    for axes, quantity in ((accuracy, "accuracy"), (loss, "loss")):
        for points, style in ((training, TRAINING), (validation, VALIDATION)):
            if points:
                line = axes.plot(
                    [_place(point, x) for point in points],
                    [getattr(point, quantity) for point in points],
                    markevery=math.ceil(len(points) / MARKED_POINTS),
                    clip_on=False,
                    **look,
                    **style,
                )[0]
        if best:
            star = {**look, **BEST, "clip_on": False, "zorder": 5}
            axes.plot(_place(best, x), getattr(best, quantity), **star)
    if best is None:
        return line, name
    reached = f"{100 * best.accuracy:.1f} %, loss {best.loss:.3f}, epoch {best.epochs:.0f}"
    return line, f"{name}: {reached}"


def _points(entry: registry.Entry, name: str, x: Over) -> tuple[list[Point], list[Point]]:
    """Returns a run's training curve, smoothed, and its validation curve. Raises ModelError."""
    try:
        training, validation = training_curve(entry), validation_curve(entry)
    except (ArithmeticError, TypeError, ValueError) as error:
        raise ModelError(f"The history of {name} is damaged; choose another run.") from error
    if entry.epochs == 0:
        raise ModelError(f"{name} has no whole epoch yet; train it first or choose another run.")
    if x == "minutes" and not any(0 < point.seconds < math.inf for point in training):
        raise ModelError(f"Nothing tells how long {name} was trained; draw it over epochs.")
    return thinned(training, max(entry.epochs, SMOOTH_POINTS)), validation


def _displayable_name(name: str) -> str:
    """Returns the name on one line, cut if long, with unprintable characters replaced."""
    signs = [sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in name]
    return "".join(signs if len(signs) <= MAX_NAME_LENGTH else [*signs[: MAX_NAME_LENGTH - 1], "…"])


def _place(point: Point, x: Over) -> float:
    return point.seconds / 60 if x == "minutes" else point.epochs


def _legends(figure: Figure, axes: Axes, runs: Sequence[tuple[Line2D, str]]) -> None:
    """Draws the legend of the runs below the panels, that of the lines where the panel has room."""
    kinds = [
        Line2D([], [], color="#555555", label="training", **TRAINING),
        Line2D([], [], color="#555555", label="validation", **VALIDATION),
        Line2D([], [], color="white", label="highest validation accuracy", **BEST),
    ]
    validated = any(line.get_marker() == BEST["marker"] for line in axes.lines)
    axes.legend(handles=kinds if validated else kinds[:1], loc="best")
    below = figure.legend(
        [line for line, _ in runs],
        [""] * len(runs),
        loc="upper left",
        bbox_to_anchor=(figure.subplotpars.left, -0.02),
        borderaxespad=0,
        handlelength=2.6,
    )
    # Afterwards: matplotlib skips labels with a leading underscore.
    for text, (_, label) in zip(below.get_texts(), runs, strict=True):
        text.set_text(label)
