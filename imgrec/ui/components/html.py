"""Pieces of HTML shared by several tabs: panels, tables, bars, pictures. All escape their text."""

import base64
import io
from collections.abc import Iterable, Sequence

from markupsafe import Markup
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


def bars(classes: Iterable[ClassProbability]) -> Markup:
    """Renders each class with its probability, as text and as a bar."""
    bar = Markup('<div class="bar"><span>{}</span><span>{}</span>{}</div>')
    return Markup().join(
        bar.format(entry.label, percent(entry.probability), track(entry.probability))
        for entry in classes
    )


def track(share: float) -> Markup:
    """Renders a bar that is filled to a share from 0 to 1."""
    return Markup('<i class="track"><i style="width:{:.2f}%"></i></i>').format(100 * share)


def panel(title: str, text: str, kind: str = "") -> Markup:
    """Renders a panel with a heading and a sentence."""
    section = Markup('<section class="panel {}"><h3>{}</h3><p>{}</p></section>')
    return section.format(kind, title, text)


def failed(reason: object) -> Markup:
    """Renders an error, or its message, as a panel."""
    return panel("That did not work", str(reason), "error")


def table(
    headings: Sequence[str], rows: Iterable[Sequence[object]], total: Sequence[object] = ()
) -> Markup:
    """Renders a table; numbers are right-aligned, and it scrolls by itself on a narrow screen."""
    head = Markup().join(Markup("<th scope=col>{}</th>").format(heading) for heading in headings)
    body = Markup().join(Markup("<tr>{}</tr>").format(_cells(row)) for row in rows)
    foot = Markup("<tfoot><tr>{}</tr></tfoot>").format(_cells(total)) if total else ""
    return Markup(
        '<div class="scroll"><table><thead><tr>{}</tr></thead><tbody>{}</tbody>{}</table></div>'
    ).format(head, body, foot)


def _cells(row: Sequence[object]) -> Markup:
    return Markup().join(map(_cell, row))


def _cell(cell: object) -> Markup:
    if isinstance(cell, int):
        return Markup('<td class="number">{:,}</td>').format(cell)
    if isinstance(cell, tuple):  # a number, with its formula below
        return Markup('<td class="number">{:,}<small>{}</small></td>').format(*cell)
    text = str(cell)
    long = Markup("") if len(text) < LONG_CELL else Markup(' class="text"')
    return Markup("<td{}>{}</td>").format(long, text)


def progress(title: str, done: float, total: float, text: str) -> Markup:
    """Renders a progress bar with its title and, in words, how far it is."""
    share = min(1.0, done / total) if total else 0.0
    return Markup(
        '<div class="bar" role="progressbar" aria-label="{}" aria-valuenow="{:.0f}" '
        'aria-valuemin="0" aria-valuemax="100"><span>{}</span><span>{}</span>{}</div>'
    ).format(title, 100 * share, title, text, track(share))


PIECES = (to_png_data_uri, bars, track, panel, failed, table, progress)  # for the templates
