"""The data tab: CIFAR-10 and the scratch network's predictions on it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import gradio as gr
from markupsafe import Markup

from imgrec.approaches import scratch
from imgrec.data import cifar10, cifar10_statistics, labels
from imgrec.errors import DataError, ImgrecError
from imgrec.evaluation import cifar10_predictions
from imgrec.ui.components import html as shared_html
from imgrec.ui.components.cifar10_download import fetch_layout, fetch_panel, start_fetching
from imgrec.ui.components.errors import as_gradio_error, errors_as_html
from imgrec.ui.components.html import to_png_data_uri
from imgrec.ui.components.html_buttons import pressable, pressed
from imgrec.ui.components.listeners import COMPARE, INTO_VIEW, LATEST, PREDICTING, QUIET
from imgrec.ui.components.model_choosers import refresh_scratch_chooser, scratch_chooser
from imgrec.ui.data import html as data_html
from imgrec.ui.data import texts
from imgrec.ui.data.html import Place

POLL_SECONDS = 0.5
MAX_DRAWN = 100  # images per answer of the endpoint
SEED_COUNT = 2**32
MAX_SHOWN = 40  # images per cell of the confusion matrix
MAX_MISTAKES = 20  # most confident mistakes on display
PROGRESS = gr.Progress()
WAITING = shared_html.panel(*texts.WAITING, "looking")
NO_CELL = shared_html.panel(*texts.NO_CELL)


class Enlarged(NamedTuple):
    """The parts that display the pressed image."""

    shown: gr.HTML
    send: gr.Button
    place: gr.State


@as_gradio_error
def dataset_sample(
    split: str = "test", label: str = "", n: float = 10, seed: float = 0
) -> dict[str, Any]:
    """Draws random images of CIFAR-10, without repetition, with their labels.

    `split` is "test" or "train" (once CIFAR-10 is downloaded), `label` a class such as "frog",
    or "" for any, `n` at most 100; the same `seed` draws the same images. Returns `{"source":
    "sample" or "full", "split", "seed", "images": [{"index", "label", "class", "one_hot", "png"}]}`
    with `png` as a data URI; fewer images if the split has fewer.
    """
    if label and label not in labels.CIFAR10:
        raise DataError(f"There is no class {label!r}; choose one of {', '.join(labels.CIFAR10)}.")
    count = _checked_integer("n", n, 1, MAX_DRAWN)
    seed = _checked_integer("seed", seed, 0, SEED_COUNT - 1)
    data = cifar10_statistics.current_set()
    chosen = labels.CIFAR10.index(label) if label else None
    indices = cifar10_statistics.draw(data.split(split), chosen, count, seed)
    places = [Place(data.source, split, int(index)) for index in indices]
    return {
        "source": data.source,
        "split": split,
        "seed": seed,
        "images": [
            {
                "index": place.number,
                "label": place.label,
                "class": place.class_name,
                "one_hot": cifar10_statistics.one_hot(place.label),
                "png": to_png_data_uri(place.image),
            }
            for place in places
        ],
    }


def _checked_integer(name: str, value: Any, low: int, high: int) -> int:
    """Returns the value as an integer in the range. Raises DataError if it is not one."""
    usable = isinstance(value, int | float) and not isinstance(value, bool)
    if not usable or not low <= value <= high or value != int(value):
        raise DataError(f"{name}: choose a whole number from {low} to {high}.")
    return int(value)


def build_data(tab: gr.Tab, tabs: gr.Tabs, shared: gr.Image) -> None:
    """Builds the tab; an image can be sent to `shared`, the picture of the first tab."""
    heading, fetching = gr.HTML(), fetch_layout()
    source = gr.State("")  # of the displayed images
    with gr.Tabs() as parts:
        with gr.Tab(texts.IMAGES, id="images", render_children=True):
            _build_images(source, tabs, shared)
        with gr.Tab(texts.PIXELS, render_children=True) as pixels:
            _build_pixels(pixels)
        with gr.Tab(texts.MISTAKES, render_children=True) as mistakes:
            weights = _build_mistakes(mistakes, tabs, shared)
    _connect_fetching(tab, source, parts, [heading, *fetching])
    tab.select(refresh_scratch_chooser, weights, weights, **QUIET)
    gr.api(dataset_sample)


def _connect_fetching(
    tab: gr.Tab, source: gr.State, parts: gr.Tabs, shown: Sequence[gr.components.Component]
) -> None:
    """Lets the tab report which images it displays, download the full set, and switch to it."""
    timer = gr.Timer(POLL_SECONDS, active=False)
    outputs = [source, parts, timer, *shown]
    gr.on([tab.select, timer.tick], refresh_source, source, outputs, **LATEST)
    _, _, _, fetch, stop = shown
    fetch.click(start_fetching, None, None, **QUIET).then(refresh_source, source, outputs, **QUIET)  # type: ignore[attr-defined]
    stop.click(cifar10.cifar10_download.cancel, None, None, **QUIET)  # type: ignore[attr-defined]


def refresh_source(before: str) -> list[Any]:
    """Updates the source, heading and download offer; `before` is the previous source.

    When the full set has arrived, the tab leaves results on the sample and displays the new images.
    """
    data = cifar10_statistics.current_set()
    return [
        data.source,
        gr.Tabs(selected="images") if before not in ("", data.source) else gr.skip(),
        gr.Timer(active=cifar10.cifar10_download.status.running),
        data_html.heading(data),
        *fetch_panel(data.source == "full"),
    ]


# Images


def _build_images(source: gr.State, tabs: gr.Tabs, shared: gr.Image) -> None:
    with gr.Row(equal_height=False, elem_classes="beside"):
        with gr.Column(scale=3, min_width=320):
            with gr.Row(equal_height=False, elem_classes="actions"):
                split = gr.Radio(
                    [(title, key) for key, title in texts.SPLIT_CHOICES.items()],
                    value="test",
                    show_label=False,
                    visible=False,
                    min_width=240,
                    scale=2,
                )
                again = gr.Button(texts.RESHUFFLE, variant="primary", min_width=110)
            note = gr.HTML()
            tiles = pressable()
        enlarged = _enlarged_part()
    with gr.Row(equal_height=False):
        with gr.Column(min_width=320):
            counts = gr.HTML()
        with gr.Column(min_width=320):
            made = gr.HTML()
    seed = gr.State(0)
    drawing: dict[str, Any] = {"inputs": [split, seed], "outputs": [note, tiles], **LATEST}
    source.change(about, None, [split, counts, made], **LATEST).then(draw, **drawing)
    split.input(draw, **drawing)
    again.click(lambda seed: seed + 1, seed, seed, **QUIET).then(draw, **drawing)
    _connect_enlarged([tiles], enlarged, gr.State(scratch.DEFAULT), tabs, shared)


def about() -> tuple[gr.Radio, str, str]:
    """Updates the choice of a split, the counts, and how the images were made."""
    data = cifar10_statistics.current_set()
    full = data.source == "full"
    return gr.Radio(value="test", visible=full), data_html.counts(data), data_html.made(data)


def draw(split: str, seed: int) -> tuple[str, str]:
    """Renders a note, and ten images of each class."""
    try:
        tiles = data_html.tiles(cifar10_statistics.current_set(), split, seed)
    except ImgrecError as error:
        return shared_html.failed(error), ""
    note = texts.DRAWN.format(number=seed + 1)
    return Markup('<p class="offer">{}</p>').format(note), tiles


# One image


def _enlarged_part() -> Enlarged:
    with gr.Column(scale=2, min_width=300, elem_classes="one-image"):
        shown = gr.HTML(shared_html.panel(*texts.NOTHING_ENLARGED))
        send = gr.Button(texts.SEND_TO_COMPARE, visible=False)
    return Enlarged(shown, send, gr.State(""))


def _connect_enlarged(
    buttons: Sequence[gr.HTML],
    enlarged: Enlarged,
    weights: gr.Dropdown | gr.State,
    tabs: gr.Tabs,
    shared: gr.Image,
) -> None:
    """Connects pressed images to the enlarged view, and its button to the first tab."""
    presses = [html.select for html in buttons]
    gr.on(presses, enlarge, weights, enlarged, **PREDICTING).then(None, js=INTO_VIEW)
    enlarged.send.click(send, enlarged.place, [shared, tabs, enlarged.shown], **QUIET)


def enlarge(name: str, event: gr.EventData) -> tuple[str, gr.Button, str]:
    """Renders the pressed image enlarged, with the named scratch network's prediction."""
    try:
        place = Place.of(pressed(event))
        (verdict,) = scratch.predict([place.image], cifar10_statistics.CLASSES, str(name))
    except ImgrecError as error:
        return shared_html.failed(error), gr.Button(visible=False), ""
    return data_html.enlarged(place, verdict), gr.Button(visible=True), str(place)


def send(place: str) -> tuple[Any, Any, Any]:
    """Sends the 32×32 image to the first tab and selects it; or renders the reason why it can't."""
    try:
        return Place.of(place).image, gr.Tabs(selected=COMPARE), gr.skip()
    except ImgrecError as error:
        return gr.skip(), gr.skip(), shared_html.failed(error)


# Pixels


def _build_pixels(tab: gr.Tab) -> None:
    scale = gr.Radio(
        [(title[0].upper() + title[1:], key) for key, (title, _) in texts.SCALES.items()],
        value=cifar10_statistics.SCALES[0],
        label=texts.PIXEL_VALUES,
    )
    numbers, means = gr.HTML(), gr.HTML()
    tab.select(pixels, scale, numbers, **LATEST).then(
        lambda: data_html.means(cifar10_statistics.current_set()), None, means, **LATEST
    )
    scale.input(pixels, scale, numbers, **LATEST)


@errors_as_html
def pixels(scale: str) -> str:
    """Renders the pixel statistics on one of the scales."""
    return data_html.pixels(cifar10_statistics.current_set(), scale)


# Mistakes


def _build_mistakes(tab: gr.Tab, tabs: gr.Tabs, shared: gr.Image) -> gr.Dropdown:
    """Builds the part and returns its dropdown of networks."""
    weights = scratch_chooser()
    measured = gr.State(("", ""))  # source of the images and name of the network
    with gr.Row(equal_height=False, elem_classes="beside"):
        with gr.Column(scale=3, min_width=320):
            matrix = pressable(WAITING)
            cell = pressable(NO_CELL)
            surest = pressable()
        enlarged = _enlarged_part()
    gr.on(
        [tab.select, weights.change],
        measure,
        [weights, measured],
        [measured, matrix, cell, surest],
        **{**PREDICTING, "concurrency_id": "confusion", "show_progress": "full"},
        show_progress_on=matrix,
    )
    matrix.select(show_cell, measured, cell, **LATEST)
    _connect_enlarged([cell, surest], enlarged, weights, tabs, shared)
    return weights


def measure(
    name: str, measured: tuple[str, str], progress: gr.Progress = PROGRESS
) -> tuple[Any, ...]:
    """Returns what was measured, the confusion matrix, an empty cell, and the surest mistakes."""
    data = cifar10_statistics.current_set()
    if tuple(measured) == (data.source, name):
        return (gr.skip(),) * 4
    try:
        found = cifar10_predictions.predictions(
            str(name),
            data,
            lambda done, total: progress(
                (done, total), desc=texts.PREDICTING, unit=texts.PREDICTING_UNIT
            ),
        )
    except ImgrecError as error:
        return ("", ""), shared_html.failed(error), "", ""
    wrong = cifar10_predictions.most_confident_mistakes(
        found, data.splits["test"].labels, MAX_MISTAKES
    )
    surest = data_html.predicted_images(*texts.MOST_CONFIDENT, data, wrong, found)
    return (data.source, name), data_html.matrix(name, data, found), NO_CELL, surest


def show_cell(measured: tuple[str, str], event: gr.EventData) -> str:
    """Renders the images that the pressed number counts."""
    source, name = measured
    try:
        label, guess = _cell(pressed(event))
        data = cifar10_statistics.load_set(source)
        found = cifar10_predictions.predictions(name, data)
    except ImgrecError as error:
        return shared_html.failed(error)
    inside = cifar10_predictions.confusion_cell(found, data.splits["test"].labels, label, guess)
    title = texts.CELL.format(
        label=labels.CIFAR10[label], prediction=labels.CIFAR10[guess], number=len(inside)
    )
    note = texts.SOME_OF_A_CELL if len(inside) > MAX_SHOWN else texts.ALL_OF_A_CELL
    return data_html.predicted_images(
        title.capitalize(), note.format(number=MAX_SHOWN), data, inside[:MAX_SHOWN], found
    )


def _cell(text: str) -> tuple[int, int]:
    """Parses row and column of the confusion matrix, as in `3/5`. Raises DataError if invalid."""
    label, _, guess = text.partition("/")
    digits = [str(digit) for digit in range(cifar10_statistics.CLASSES)]
    if label not in digits or guess not in digits:
        raise DataError("There is no such number; press one of the table.")
    return int(label), int(guess)
