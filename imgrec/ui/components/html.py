"""Pieces of HTML shared by several tabs: panels, tables, bars, pictures."""

import base64
import io
from collections.abc import Iterable, Sequence
from html import escape

from PIL import Image

from imgrec.approaches.verdict import ClassProbability
from imgrec.images.decode import within
from imgrec.ui.components.formatting import percent


def to_png_data_uri(image: Image.Image, max_side: int | None = None) -> str:
    """Returns the picture as `data:image/png;base64,…`, reduced to sides of at most `max_side`."""
    buffer = io.BytesIO()
    (within(image, max_side) if max_side else image).save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


LONG_CELL = 24  # characters; a longer text may be broken


def bars(classes: Iterable[ClassProbability]) -> str:
    """Renders each class with its probability, as text and as a bar."""
    return "".join(
        f'<div class="bar"><span>{escape(entry.label)}</span>'
        f"<span>{percent(entry.probability)}</span>{track(entry.probability)}</div>"
        for entry in classes
    )


def track(probability: float) -> str:
    return f'<i class="track"><i style="width:{100 * probability:.2f}%"></i></i>'


def panel(title: str, text: str, kind: str = "") -> str:
    """Renders a panel with a heading and a sentence."""
    return f'<section class="panel {kind}"><h3>{escape(title)}</h3><p>{escape(text)}</p></section>'


def failed(reason: object) -> str:
    """Renders an error, or its message, as a panel."""
    return panel("That did not work", str(reason), "error")


def table(
    headings: Sequence[str], rows: Iterable[Sequence[object]], total: Sequence[object] = ()
) -> str:
    """Renders a table; numbers are right-aligned, and it scrolls by itself on a narrow screen."""
    head = "".join(f"<th scope=col>{escape(heading)}</th>" for heading in headings)
    body = "".join(f"<tr>{_cells(row)}</tr>" for row in rows)
    foot = f"<tfoot><tr>{_cells(total)}</tr></tfoot>" if total else ""
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody>{foot}</table></div>"
    )


def _cells(row: Sequence[object]) -> str:
    return "".join(_cell(cell) for cell in row)


def _cell(cell: object) -> str:
    if isinstance(cell, int):
        return f'<td class="number">{cell:,}</td>'
    if isinstance(cell, tuple):  # a number, with its formula below
        number, formula = cell
        return f'<td class="number">{number:,}<small>{escape(formula)}</small></td>'
    text = escape(str(cell))
    return f"<td>{text}</td>" if len(text) < LONG_CELL else f'<td class="text">{text}</td>'


def bar(title: str, done: int, total: int, text: str) -> str:
    share = 100 * done / total if total else 0
    return (
        f'<div class="bar" role="progressbar" aria-label="{title}" aria-valuenow="{share:.0f}" '
        f'aria-valuemin="0" aria-valuemax="100"><span>{title}</span><span>{text}</span>'
        f'<i class="track"><i style="width:{share:.1f}%"></i></i></div>'
    )
