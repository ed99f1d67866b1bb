"""The lesson that follows a picture through a network, layer by layer."""

from typing import Any, NamedTuple

import gradio as gr
import numpy as np
from markupsafe import Markup

from imgrec.approaches import scratch, vgg16
from imgrec.errors import ImgrecError
from imgrec.explaining import feature_maps as activations
from imgrec.explaining.feature_maps import Activation, LayeredNetwork
from imgrec.ui.components.errors import as_gradio_error
from imgrec.ui.components.html import failed
from imgrec.ui.components.html_buttons import pressable, pressed
from imgrec.ui.components.listeners import PREDICTING, if_seen
from imgrec.ui.components.model_choosers import refresh_scratch_chooser, scratch_chooser
from imgrec.ui.components.picture import Source, open_source
from imgrec.ui.lessons import feature_map_html, layers_html, texts

NO_CHANNEL = -1  # the endpoint returns no single map


class View(NamedTuple):
    """The contents of the lesson's parts below the layer buttons."""

    facts: str
    large: str
    maps: gr.Column  # the gallery with its controls: visible if the layer has maps
    channel: int | None
    gallery: str


def _only(facts: str, large: str = "") -> View:
    return View(facts, large, gr.Column(visible=False), None, "")


@as_gradio_error
def feature_maps(
    source: Source,
    network: str = "scratch",
    layer: str = "",
    channel: float = NO_CHANNEL,
    weights: str = scratch.DEFAULT,
) -> tuple[dict[str, Any], str]:
    """Returns a layer's activations for one picture.

    `network` is "scratch" or "vgg16", `weights` names the trained scratch network, `layer` the
    layer, empty for the first convolution; `channel` selects one feature map, -1 none. Returns
    `{"file", "network", "layer", "kind", "shape", "parameters", "formula", "multiply_accumulates",
    "zeros", "channels": [{"channel", "mean", "max"}], "map", "vector", "classes": [{"label",
    "probability"}]}`, then the layer as HTML. `zeros` is the share of values that are 0; `map`
    holds the rows of the selected feature map, or is null; `vector` holds the values of a layer
    without maps, or is null; `classes` is filled if the layer outputs class probabilities.
    """
    if source is None:
        return {}, feature_map_html.EMPTY
    image, name = open_source(source)
    layered = activations.load(network, weights)
    found = activations.activation(layered, layer or activations.first_convolution(layered), image)
    chosen = None if channel == NO_CHANNEL else activations.channel_of(found, channel)
    html = layers_html.facts(layered, found) + _large(found, chosen)
    return {"file": name, "network": network} | _as_json(found, chosen), html


def _as_json(found: Activation, channel: int | None) -> dict[str, Any]:
    row, values = found.row, found.values
    maps = np.moveaxis(values, -1, 0) if found.is_map else ()  # (channels, h, w)
    return {
        "layer": row.name,
        "kind": row.kind,
        "shape": row.output_shape,
        "parameters": row.parameters,
        "formula": row.formula,
        "multiply_accumulates": row.multiply_accumulates,
        "zeros": found.zeros,
        "channels": [
            {"channel": number, "mean": float(each.mean()), "max": float(each.max())}
            for number, each in enumerate(maps)
        ],
        "map": values[..., channel].tolist() if found.is_map and channel is not None else None,
        "vector": None if found.is_map else values.tolist(),
        "classes": [vars(entry) for entry in found.classes],
    }


def _large(found: Activation, channel: int | None) -> str:
    """Renders one feature map, or the whole vector, beside the picture; empty if no channel."""
    if not found.is_map:
        return layers_html.vector(found)
    return "" if channel is None else layers_html.enlarged(found, channel)


def _found(
    source: Source, network: str, weights: str, layer: str
) -> tuple[LayeredNetwork, Activation]:
    if source is None:
        raise ImgrecError("There is no picture; drop one, paste one, or choose an example.")
    layered = activations.load(network, weights)
    return layered, activations.activation(layered, layer, open_source(source)[0])


def _show_layer(
    source: Source, network: str, weights: str, layer: str, channel: object, order: str
) -> View:
    """Returns the selected layer and its maps; without a channel, the strongest map is enlarged."""
    if source is None:
        return _only(feature_map_html.EMPTY)
    try:
        layered, found = _found(source, network, weights, layer)
        facts = layers_html.facts(layered, found)
        if not found.is_map:
            return _only(facts, _large(found, None))
        if channel is None:
            channel = activations.strongest(found.values)[0]
        chosen = activations.channel_of(found, channel)
    except ImgrecError as error:
        return _only(failed(error))
    tiles = layers_html.gallery(found, chosen, order == texts.BY_NUMBER)
    return View(facts, _large(found, chosen), gr.Column(visible=True), chosen, tiles)


def _show_network(
    source: Source, network: str, weights: str, layer: str, channel: object, order: str
) -> tuple[Any, ...]:
    """Returns a network's layer buttons and the layer, which stays selected if it exists there."""
    own_weights = gr.Column(visible=network == "scratch")
    try:
        layered = activations.load(network, weights)
    except ImgrecError as error:
        return own_weights, "", layer, *_only(failed(error))
    if layer not in [row.name for row in layered.rows]:
        layer, channel = activations.first_convolution(layered), None
    buttons = layers_html.layer_buttons(layered, layer)
    if network == "vgg16" and not vgg16.has_top():
        buttons += Markup('<p class="offer">{}</p>').format(texts.WITHOUT_TOP)
    return (
        own_weights,
        buttons,
        layer,
        *_show_layer(source, network, weights, layer, channel, order),
    )


def _enlarge(
    source: Source, network: str, weights: str, layer: str, channel: object, order: str
) -> tuple[str, Any]:
    """Returns one feature map, enlarged, and the gallery with that map selected."""
    try:
        _, found = _found(source, network, weights, layer)
        chosen = activations.channel_of(found, channel)
    except ImgrecError as error:
        return failed(error), gr.skip()
    return _large(found, chosen), layers_html.gallery(found, chosen, order == texts.BY_NUMBER)


def _select_layer(
    source: Source, network: str, weights: str, order: str, event: gr.EventData
) -> tuple[Any, ...]:
    """Returns the layer whose button was pressed, and its view."""
    try:
        layer = pressed(event)
    except ImgrecError as error:
        return gr.skip(), *_only(failed(error))
    return layer, *_show_layer(source, network, weights, layer, None, order)


def _pick(
    source: Source, network: str, weights: str, layer: str, event: gr.EventData
) -> tuple[Any, str]:
    """Returns the number of the pressed map, and that map; the gallery keeps the focus."""
    try:
        _, found = _found(source, network, weights, layer)
        number = pressed(event)
        chosen = activations.channel_of(
            found, int(number) if number.isdecimal() and len(number) < 6 else None
        )
    except ImgrecError as error:
        return gr.skip(), failed(error)
    return chosen, _large(found, chosen)


def build_layers(tab: gr.Tab, shown: gr.Image) -> None:
    """Builds the lesson, which updates whenever the picture `shown` changes."""
    with gr.Column(elem_id="street"):
        gr.Markdown(texts.LAYERS)
        with gr.Row():
            choices = [(title, key) for key, title in activations.TITLES.items()]
            network = gr.Radio(choices, value="scratch", label=texts.NETWORK)
            with gr.Column() as own_weights:
                weights = scratch_chooser()
        buttons = pressable()
        facts = gr.HTML()
        large = gr.HTML()
        with gr.Column(visible=False) as box:
            with gr.Row():
                order = gr.Radio(
                    [texts.BY_STRENGTH, texts.BY_NUMBER],
                    value=texts.BY_STRENGTH,
                    label=texts.FEATURE_MAPS,
                )
                channel = gr.Number(label=texts.CHANNEL, precision=0)
            gallery = pressable()
    layer = gr.State("")

    inputs = [shown, network, weights, layer, channel, order]
    view = [facts, large, box, channel, gallery]
    tab.select(refresh_scratch_chooser, weights, weights, **PREDICTING)
    arrivals = [tab.select, network.change, weights.change]
    gr.on(arrivals, _show_network, inputs, [own_weights, buttons, layer, *view], **PREDICTING)
    shown.change(_show_layer, inputs, view, js=if_seen("street"), **PREDICTING)
    order.change(_show_layer, inputs, view, **PREDICTING)
    buttons.select(_select_layer, [shown, network, weights, order], [layer, *view], **PREDICTING)
    channel.input(_enlarge, inputs, [large, gallery], **PREDICTING)
    gallery.select(_pick, inputs[:4], [channel, large], **PREDICTING)
    _offer(shown, network, weights)


def _offer(shown: gr.Image, network: gr.Radio, weights: gr.Dropdown) -> None:
    """Offers the endpoint; the page uses its own listeners, which send less."""
    layer = gr.Textbox("", label="Layer", visible=False)
    channel = gr.Number(NO_CHANNEL, label="Channel", visible=False)
    gr.on(
        [],
        feature_maps,
        [shown, network, layer, channel, weights],
        [gr.JSON(visible=False), gr.HTML(visible=False)],
        preprocess=False,
        api_name="feature_maps",
        concurrency_id="predict",
    )
