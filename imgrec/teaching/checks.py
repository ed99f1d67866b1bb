"""Checks for problems that prevent training on a project, or make its result poor."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from imgrec.teaching.project import MIN_CLASSES, MIN_PICTURES, Project
from imgrec.teaching.project_parts import TaughtClass

FEW_PICTURES = 5  # per class: fewer can be trained on, but hardly with a good result
GOOD_PICTURES = 20  # per class, the recommendation
UNBALANCED = 5  # ratio of the largest class to the smallest above which there is a warning


class Problem(NamedTuple):
    """A problem that prevents training, or makes its result poor."""

    sentence: str  # what is wrong, and what to do
    blocks: bool  # whether it prevents training


def problems(project: Project) -> list[Problem]:
    """Returns the project's problems, those that prevent training first."""
    classes = project.classes
    found = []
    if len(classes) < MIN_CLASSES:
        how_many = "is only one class" if classes else "are no classes yet"
        found.append(
            Problem(f"There {how_many}: add one for each thing to tell apart, two at least.", True)
        )
    for name in (each.name for each in classes if not each.pictures):
        found.append(Problem(f"{name} has no pictures yet: add some, or remove the class.", True))
    return found + _too_few_pictures(classes) + _unbalanced(classes) + _shared_pictures(classes)


def _too_few_pictures(classes: Sequence[TaughtClass]) -> list[Problem]:
    """Returns a problem for each class with some but few pictures; blocking ones first."""
    few = [each for each in classes if 0 < len(each.pictures) < FEW_PICTURES]
    found = [
        Problem(
            f"{each.name} has only {_pictures(len(each.pictures))}: add some until there are "
            f"{FEW_PICTURES}, better {GOOD_PICTURES}, as different as what it will meet.",
            len(each.pictures) < MIN_PICTURES,
        )
        for each in few
    ]
    return sorted(found, key=lambda problem: not problem.blocks)


def _unbalanced(classes: Sequence[TaughtClass]) -> list[Problem]:
    filled = sorted(
        (each for each in classes if each.pictures), key=lambda each: len(each.pictures)
    )
    if not filled or len(filled[-1].pictures) <= UNBALANCED * len(filled[0].pictures):
        return []
    least, most = filled[0], filled[-1]
    return [
        Problem(
            f"{most.name} has {_pictures(len(most.pictures))} and {least.name} only "
            f"{len(least.pictures)}: bring them closer together, or the rare one is taught badly.",
            False,
        )
    ]


def _shared_pictures(classes: Sequence[TaughtClass]) -> list[Problem]:
    """Returns a problem for each pair of classes that share pictures."""
    found = []
    for first, second in itertools.combinations(classes, 2):
        shared = [each.name for each in first.pictures if each.id in set(second.ids())]
        if shared:
            what = shared[0] if len(shared) == 1 else f"{len(shared)} pictures ({shared[0]}, …)"
            are = "is" if len(shared) == 1 else "are"
            sentence = f"{what} {are} in {first.name} and in {second.name}: remove one of the two."
            found.append(Problem(sentence, False))
    return found


def _pictures(count: int) -> str:
    return "1 picture" if count == 1 else f"{count} pictures"
