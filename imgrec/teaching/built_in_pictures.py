"""Built-in pictures, for a visitor who has none at hand."""

from imgrec.data import cifar10, labels
from imgrec.errors import TeachError
from imgrec.teaching.project import Project
from imgrec.teaching.project_parts import Added

BUILT_IN = labels.CIFAR10  # the classes, with ten pictures each


def add_built_in(project: Project, index: int, name: str) -> Added:
    """Adds the ten built-in pictures of `name` to a class. Raises TeachError."""
    if name not in BUILT_IN:
        raise TeachError(
            f"There are no built-in pictures of that; choose from {', '.join(BUILT_IN)}."
        )
    pixels, classes = cifar10.cifar10_sample()
    chosen = pixels[classes == BUILT_IN.index(name)]
    return project.add(index, [(f"{name} {n}", each) for n, each in enumerate(chosen, start=1)])
