"""Verdicts as HTML: cards, the dog question, tables, and the states around them.

Everything that comes from outside this file is escaped here.
"""

from collections.abc import Iterable, Sequence
from html import escape

from imgrec.approaches.verdict import Verdict
from imgrec.evaluation.reports import DogReport
from imgrec.networks.layer_table import Layer
from imgrec.ui.components import html
from imgrec.ui.components.formatting import count, percent, shape
from imgrec.ui.components.html import to_png_data_uri

TITLES = {"scratch": "From scratch", "pretrained": "Pre-trained", "transfer": "Transfer"}
UNFAMILIAR = "Unlike anything it was trained on: perhaps none of its ten classes is right."
THUMBNAIL_SIDE = 112  # pixels; a 32×32 view stays 32×32 and is enlarged by the browser


def cards(verdicts: Iterable[Verdict], top: int, calibrated: bool = True) -> str:
    """Renders the verdicts side by side, each with its `top` classes."""
    each = "".join(card(verdict, top, calibrated) for verdict in verdicts)
    return f'<div class="cards">{each}</div>'


def card(verdict: Verdict, top: int, calibrated: bool = True) -> str:
    """Renders one verdict: network, notice, the view it saw, classes, time, *Why?*

    The probabilities are the calibrated ones if requested and available, else the raw ones.
    """
    shown = verdict.calibrated() if calibrated else verdict
    title = TITLES[verdict.approach]
    who = f"{verdict.model} · {verdict.trained_on} · {count(verdict.parameters)} parameters"
    thumbnail = to_png_data_uri(verdict.saw, THUMBNAIL_SIDE)
    width, height = verdict.saw.size
    looks = f", {verdict.views} looks" if verdict.views > 1 else ""
    winner = verdict.classes[0]
    return f"""
<article class="card {verdict.approach}" aria-label="{title}">
  <header><h3>{title}</h3><p class="who">{escape(who)}</p></header>
  <div>{notice(verdict)}</div>
  <div class="saw">
    <img src="{thumbnail}" alt="The picture as this network saw it">
    <div><p class="winner">{escape(winner.label)}</p>
    <p class="who">saw {width} × {height} pixels{looks}</p></div>
  </div>
  <div class="bars">{html.bars(shown.classes[:top])}{sureness(verdict, calibrated)}</div>
  <footer>
    <span>Dog: {percent(shown.dog)}</span><span>{verdict.milliseconds:.0f} ms</span>
    <button data-press="{verdict.approach}" aria-label="Why? {title}">Why?</button>
  </footer>
</article>"""


def notice(verdict: Verdict) -> str:
    """Renders the label of a stand-in, or the flag of an unfamiliar picture."""
    if verdict.stand_in:
        text = f"{verdict.model} stands in: VGG16’s own weights are not here yet"
    elif verdict.unfamiliar:
        text = UNFAMILIAR
    else:
        return ""
    return f'<p class="notice">{escape(text)}</p>'


def sureness(verdict: Verdict, calibrated: bool) -> str:
    """Renders, in small print, whether probabilities are calibrated, and the winner's other one.

    Empty for a pre-trained network, which is never calibrated here.
    """
    if verdict.approach == "pretrained":
        return ""
    winner = verdict.classes[0]
    if winner.calibrated is None:
        text = "As the network says it: this one was never calibrated."
    elif calibrated:
        text = f"Calibrated; the network itself says {percent(winner.probability)}."
    else:
        text = f"As the network says it; calibrated, {percent(winner.calibrated)}."
    return f'<p class="who">{text}</p>'


def question(verdicts: Sequence[Verdict], report: DogReport) -> str:
    """Renders all three answers to *Is there a dog in it?*, and how reliable each network is."""
    rows = "".join(
        f'<div class="answer {v.approach}"><span>{TITLES[v.approach]}</span>{html.track(v.dog)}'
        f"<span>{percent(v.dog)}</span></div>"
        for v in verdicts
    )
    return (
        f'<section class="panel question"><h3>Is there a dog in it?</h3>{rows}'
        f'<p class="verdict">{agreement(verdicts)} {trust(verdicts, report)}</p></section>'
    )


def agreement(verdicts: Sequence[Verdict]) -> str:
    """Describes whether the verdicts agree; a probability of one half or more means yes."""
    yes = [TITLES[v.approach] for v in verdicts if v.dog >= 0.5]
    no = [TITLES[v.approach] for v in verdicts if v.dog < 0.5]
    if not no:
        return "They agree: there is a dog."
    if not yes:
        return "They agree: there is no dog."
    return f"They disagree: {_listed(yes)} {_say(yes)} yes, {_listed(no)} {_say(no)} no."


def _listed(names: Sequence[str]) -> str:
    return f"<b>{'</b> and <b>'.join(names)}</b>"


def _say(names: Sequence[str]) -> str:
    return "says" if len(names) == 1 else "say"


def trust(verdicts: Sequence[Verdict], report: DogReport) -> str:
    """Describes how reliable each network is: its results on the report's photos."""
    figures = [
        f"<b>{TITLES[v.approach]}</b> finds {100 * report.recall[v.model]:.0f} % of the dogs and "
        f"takes {100 * report.false_positive_rate[v.model]:.0f} % of the rest for one"
        for v in verdicts
        if v.model in report.recall
    ]
    if not figures:
        return ""
    return f"Measured on {report.photos} photos, {report.dogs} of them dogs: {'; '.join(figures)}."


def skeleton() -> str:
    """Renders three empty cards while the networks load."""
    lines = "".join(
        f'<i class="line" style="width:{width}%"></i>' for width in (40, 70, 100, 90, 95)
    )
    shapes = "".join(f'<article class="card waiting {key}">{lines}</article>' for key in TITLES)
    return (
        f'<div class="cards" aria-busy="true" aria-label="The networks are loading">{shapes}</div>'
    )


def layers(rows: Sequence[Layer]) -> str:
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
    headings = ("Layer", "Kind", "Output shape", "Parameters", "Multiply–adds")
    return html.table(headings, cells, total)
