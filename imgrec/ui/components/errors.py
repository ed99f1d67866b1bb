"""How the package's errors reach a visitor: a sentence where the answer would be, no traceback."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import gradio as gr

from imgrec.errors import ImgrecError
from imgrec.ui.components import html
from imgrec.ui.components.listeners import PREDICTING

P = ParamSpec("P")
T = TypeVar("T")


def as_gradio_error(handler: Callable[P, T]) -> Callable[P, T]:
    """Wraps the handler so that the package's errors are raised as gradio's.

    A program that calls the endpoint gets the sentence as the error's message. On the page gradio
    would display it as HTML in a corner; `listen` and `error_html` put it where the answer goes.
    """

    @wraps(handler)
    def reporting(*arguments: P.args, **named: P.kwargs) -> T:
        try:
            return handler(*arguments, **named)
        except ImgrecError as error:
            raise gr.Error(str(error), visible=False, print_exception=False) from error

    return reporting


def listen(
    triggers: Sequence[Any],
    handler: Callable[..., tuple[Any, ...]],
    inputs: Sequence[gr.components.Component],
    outputs: Sequence[gr.components.Component],
    failed: Callable[[str], tuple[Any, ...]],
    name: str,
) -> None:
    """Connects an `as_gradio_error` handler to triggers on the page, and offers it as `/name`.

    The first input is a picture, so nothing is preprocessed (see `imgrec.ui.components.picture`).
    If the handler fails, a program gets the error; on the page the outputs get `failed(panel)`,
    where `panel` is the reason as HTML.
    """

    def answer(*arguments: Any) -> tuple[Any, ...]:
        try:
            return handler(*arguments)
        except gr.Error as error:
            return failed(html.failed(error.message))

    gr.on(triggers, answer, inputs, outputs, **{**PREDICTING, "show_progress": "minimal"})
    gr.Button(visible=False).click(
        handler, inputs, outputs, preprocess=False, concurrency_id="predict", api_name=name
    )


def errors_as_html(handler: Callable[..., str]) -> Callable[..., str]:
    """Wraps a handler that returns HTML so that the package's errors become a panel."""

    @wraps(handler)
    def saying(*arguments: Any) -> str:
        try:
            return handler(*arguments)
        except ImgrecError as error:
            return html.failed(error)

    return saying


def error_html(handler: Callable[..., Any], *arguments: Any) -> str:
    """Returns the error that the handler raises for these arguments as a panel; empty if none."""
    try:
        handler(*arguments)
    except gr.Error as error:
        return html.failed(error.message)
    return ""
