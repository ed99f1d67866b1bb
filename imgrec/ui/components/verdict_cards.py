"""Verdicts as HTML: cards, the dog question, the layer table, and the cards' skeleton."""

from collections.abc import Iterable, Sequence

from markupsafe import Markup

from imgrec.approaches.verdict import Verdict
from imgrec.evaluation.reports import DogRates
from imgrec.networks.layer_table import Layer
from imgrec.ui.components import html
from imgrec.ui.components.formatting import shape
from imgrec.ui.components.templates import render
from imgrec.ui.components.texts import LAYER_HEADINGS, TITLES, UNFAMILIAR

THUMBNAIL_SIDE = 112  # pixels; a 32×32 view stays 32×32 and is enlarged by the browser


def cards(verdicts: Iterable[Verdict], top: int, calibrated: bool = True) -> Markup:
    """Renders the verdicts side by side, each with its `top` classes."""
    each = Markup().join(card(verdict, top, calibrated) for verdict in verdicts)
    return Markup('<div class="cards">{}</div>').format(each)


def card(verdict: Verdict, top: int, calibrated: bool = True) -> Markup:
    """Renders one verdict: network, notice, the view it saw, classes, time, *Why?*

    The probabilities are the calibrated ones if requested and available, else the raw ones; small
    print has the winner's other one. The notice labels a stand-in or flags an unfamiliar picture.
    """
    return render(
        __file__,
        "verdict_card.jinja",
        verdict=verdict,
        shown=verdict.calibrated() if calibrated else verdict,
        top=top,
        calibrated=calibrated,
        title=TITLES[verdict.approach],
        unfamiliar=UNFAMILIAR,
        thumbnail_side=THUMBNAIL_SIDE,
    )


def question(verdicts: Sequence[Verdict], report: DogRates) -> Markup:
    """Renders all three answers to *Is there a dog in it?*, and how reliable each network is.

    A probability of one half or more means yes. The report may lack a network.
    """
    return render(
        __file__,
        "dog_question.jinja",
        verdicts=verdicts,
        yes=[verdict for verdict in verdicts if verdict.dog >= 0.5],
        no=[verdict for verdict in verdicts if verdict.dog < 0.5],
        measured=[verdict for verdict in verdicts if verdict.model in report.recall],
        report=report,
        titles=TITLES,
    )


def skeleton() -> Markup:
    """Renders three empty cards while the networks load."""
    return render(__file__, "skeleton.jinja", titles=TITLES)


def layers(rows: Sequence[Layer]) -> Markup:
    """Renders a network's layers: output shapes, parameters with formula, work, and totals."""
    cells = [
        (
            row.name,
            row.kind,
            shape(row.output_shape),
            (row.parameters, row.formula.partition(" = ")[0]),
            row.multiply_accumulates,
        )
        for row in rows
    ]
    parameters = sum(row.parameters for row in rows)
    total = ("total", "", "", parameters, sum(row.multiply_accumulates for row in rows))
    return html.table(LAYER_HEADINGS, cells, total)
