"""Trains a classifier on a project's pictures."""

from collections.abc import Callable, Sequence

import numpy as np

from imgrec.teaching.classifier import FEATURES, TaughtHead
from imgrec.teaching.cross_validation import Examples, teach
from imgrec.teaching.project import Project
from imgrec.teaching.project_parts import TaughtClass


def collect_examples(project: Project, classes: Sequence[TaughtClass] | None = None) -> Examples:
    """Collects a project's training data, by default of its current classes.

    Extracts missing features. A picture in two classes is one group. Raises TeachError if a picture
    is removed meanwhile.
    """
    ids: dict[str, int] = {}
    features, labels, group, copies = [np.zeros((0, FEATURES), "float32")], [], [], []
    for label, taught_class in enumerate(project.classes if classes is None else classes):
        for picture in taught_class.pictures:
            views = project.features(picture.id)
            features.append(views)
            labels += [label] * len(views)
            group += [ids.setdefault(picture.id, len(ids))] * len(views)
            copies += [view > 0 for view in range(len(views))]
    return Examples(
        np.concatenate(features),
        np.array(labels, int),
        np.array(group, int),
        np.array(copies, bool),
        tuple(ids),
    )


def teach_project(
    project: Project, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> TaughtHead:
    """Trains a head on the current project and stores it there. Same exceptions as `teach`."""
    with project.lock:  # so that both are of the same moment
        snapshot, classes = project.snapshot(), project.classes
    names = [taught_class.name for taught_class in classes]
    head = teach(collect_examples(project, classes), names, snapshot.settings.seed, on_progress)
    project.keep_head(head, snapshot)
    return head
