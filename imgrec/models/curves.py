"""The training curves of a trained model, thinned to as many points as a chart can display."""

from collections.abc import Sequence
from dataclasses import replace

from imgrec.models import run_log
from imgrec.models.registry import Entry
from imgrec.models.run_log import Point


def training_curve(entry: Entry) -> list[Point]:
    """Returns training loss and accuracy: many points if they were logged, else one per epoch."""
    watched = () if entry.shipped else run_log.watch(entry.folder).points
    return list(watched) or _epoch_curve(entry, "loss", "accuracy")


def validation_curve(entry: Entry) -> list[Point]:
    """Returns loss and accuracy on the validation split, a point per epoch; empty without one."""
    return _epoch_curve(entry, "val_loss", "val_accuracy")


def _epoch_curve(entry: Entry, loss: str, accuracy: str) -> list[Point]:
    losses, accuracies = entry.history.get(loss, []), entry.history.get(accuracy, [])
    total = entry.seconds or 0.0
    each = entry.history.get("seconds") or [total / max(1, entry.epochs)] * entry.epochs
    return [
        Point(number + 1, sum(each[: number + 1]), *pair)
        for number, pair in enumerate(zip(losses, accuracies, strict=False))
    ]


def thinned(points: Sequence[Point], max_points: int) -> list[Point]:
    """Returns at most `max_points` points: each the mean of a group, placed at its last point."""
    size = max(1, -(-len(points) // max_points))
    groups = [points[start : start + size] for start in range(0, len(points), size)]
    return [
        replace(
            group[-1],
            loss=sum(point.loss for point in group) / len(group),
            accuracy=sum(point.accuracy for point in group) / len(group),
        )
        for group in groups
    ]
