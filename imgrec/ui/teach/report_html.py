"""The taught classifier's evaluation as HTML: accuracy, confusion matrix, mistakes."""

from collections.abc import Sequence
from html import escape

from imgrec.teaching.classifier import CrossValidation, EvaluatedPicture, TaughtHead
from imgrec.teaching.project import Project
from imgrec.ui.components.formatting import percent
from imgrec.ui.teach.html import image

MAX_CLASSES_BESIDE = 6  # classes whose matrix fits beside the pictures
SURE = 0.9  # a right answer is unsure below this probability
MAX_TILES = 9  # pictures displayed as wrong, and as least sure


def accuracy_panel(head: TaughtHead | None) -> str:
    """Renders the head's accuracy as one figure and a sentence."""
    if head is None:
        return ""
    found = head.cross_validation
    low, high = 100 * found.low, 100 * found.high
    largest = max(map(sum, found.confusion)) / sum(map(sum, found.confusion))
    caution = f"<p>{escape(found.caution)}</p>" if found.caution else ""
    return f"""
<section class="panel taught honest" role="status">
  <h4>Right on new pictures:</h4>
  <p class="figure">{escape(found.in_words)}</p>
  <i class="interval" aria-hidden="true"><i style="left:{low:.1f}%;width:{high - low:.1f}%"></i></i>
  <p>{_method(found)} Guessing would be right on {_share(largest)}.{_no_better(found, largest)}
  Taught in {max(head.seconds, 0.01):.2f} s.</p>{caution}
</section>"""


def _share(part: float) -> str:
    """Formats a share of counted pictures."""
    return f"{100 * part:.0f} %"


def _method(found: CrossValidation) -> str:
    """Describes how the accuracy was measured."""
    right = f"They were right on {_share(found.accuracy)}."
    if found.folds >= found.pictures:
        return f"Each picture was judged by a network that had learnt from all the others. {right}"
    times = "" if found.repeats == 1 else f", {found.repeats} times over with other parts"
    return (
        f"Each picture was judged by a network that had never seen it: the pictures were dealt "
        f"into {found.folds} parts, and each part judged by what the others taught{times}. {right}"
    )


def _no_better(found: CrossValidation, largest: float) -> str:
    if found.low > largest:
        return ""
    return " So this is <b>not surely better than guessing</b>: add more pictures."


def report(project: Project | None) -> str:
    """Renders the head's weaknesses: confusion matrix, mistakes, and least sure pictures."""
    head = project.head if project else None
    if project is None or head is None:
        return ""
    found, names = head.cross_validation, project.class_names
    wavering = [each for each in found.unsure if each.probability < SURE]
    wrong = _evaluated_pictures(
        project, found.wrong, "The surest first. Is each in the right class?"
    )
    unsure = _evaluated_pictures(project, wavering, "More pictures like these help.")
    beside = "beside-it" if len(names) <= MAX_CLASSES_BESIDE else "below-it"
    return f"""
<section class="panel taught mistakes"><h3>Where it goes wrong</h3>
  <p>Every picture here was judged by networks that had not learnt from it.</p>
  <div class="parts-of {beside}"><div>{_matrix(found, names)}</div>
  <div><h4>Wrong</h4>{wrong or "<p>Not one picture, all rounds taken together.</p>"}</div>
  <div><h4>Right, but unsure</h4>{unsure or f"<p>None below {100 * SURE:.0f} %.</p>"}</div></div>
</section>"""


def _matrix(found: CrossValidation, names: Sequence[str]) -> str:
    """Renders the confusion matrix."""
    head = "".join(f"<th scope=col><span>{escape(name)}</span></th>" for name in names)
    rows = "".join(
        f"<tr><th scope=row>{escape(name)}</th>"
        + "".join(
            _cell(count, sum(row), right == guess, f"{name} taken for {names[guess]}")
            for guess, count in enumerate(row)
        )
        + f"<td class=share>{_share(found.recall[right])}</td></tr>"
        for right, (name, row) in enumerate(zip(names, found.confusion, strict=True))
    )
    over = f", the mean of {found.repeats} rounds" if found.repeats > 1 else ""
    return (
        "<h4>What it takes for what</h4><p>A row for each class, a column for what its pictures "
        f"are taken for (a count{over}). In the framed cells it is right; the last column "
        'is how often.</p><div class="scrolling" tabindex="0" role="group" '
        'aria-label="What it takes for what"><div class="confusion own"><table><thead><tr><td></td>'
        f"{head}<th scope=col><span>right</span></th></tr></thead><tbody>{rows}</tbody></table>"
        "</div></div>"
    )


def _cell(count: float, of: float, right: bool, title: str) -> str:
    shade = 12 + 55 * count / max(of, 1) if count else 0
    kind = "right" if right else "miss"
    number = f"{count:.1f}".removesuffix(".0") if count else "·"
    return (
        f'<td class="{kind}" style="--shade:{shade:.0f}%" title="{escape(title)}: {number}">'
        f"{number}</td>"
    )


def _evaluated_pictures(project: Project, evaluated: Sequence[EvaluatedPicture], note: str) -> str:
    """Renders pictures with their predictions; pressing one opens its class."""
    if not evaluated:
        return ""
    keys = [each.key for each in project.classes]
    made = "".join(_tile(project, each, keys[each.right]) for each in evaluated[:MAX_TILES])
    count = len(evaluated)
    some = f" The first {MAX_TILES} of {count}." if count > MAX_TILES else ""
    return f'<p>{note}{some}</p><ul class="judged">{made}</ul>'


def _tile(project: Project, evaluated: EvaluatedPicture, key: int) -> str:
    names = project.class_names
    right, guessed = names[evaluated.right], names[evaluated.guessed]
    sure = percent(evaluated.probability)
    words = f"{right}: {sure}" if right == guessed else f"{right}, taken for {guessed}: {sure}"
    return (
        f'<li><button type="button" data-press="choose:{key}" data-picture="{evaluated.picture}" '
        f'title="Show it in {escape(right)}">{image(project, evaluated.picture)}'
        f"<small>{escape(words)}</small></button></li>"
    )
