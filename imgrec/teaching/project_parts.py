"""The values that a project is made of, and the rule for a class's name."""

from dataclasses import dataclass, field
from typing import NamedTuple

from imgrec.errors import TeachError
from imgrec.files.display_names import NAME_LENGTH, one_line


@dataclass(frozen=True)
class Picture:
    """A picture of a project: `id` by its pixels, so that it is known again in another file."""

    id: str
    name: str  # of the file that it came from, fit to be shown


@dataclass(frozen=True)
class TaughtClass:
    """A class to be taught."""

    name: str
    pictures: tuple[Picture, ...] = ()
    key: int = 0  # stays when the class is renamed or others go; never used twice in a project

    def ids(self) -> tuple[str, ...]:
        """The ids of its pictures."""
        return tuple(picture.id for picture in self.pictures)


@dataclass(frozen=True)
class Settings:
    """How a project is taught."""

    augment: bool = False  # whether mirrored and cropped copies of each picture are taught too
    seed: int = 1


class Snapshot(NamedTuple):
    """What a head is trained on; names don't count."""

    pictures: tuple[tuple[int, tuple[str, ...]], ...]  # key and ids of each class
    settings: Settings


@dataclass(frozen=True)
class Added:
    """What became of pictures that were given to a class."""

    added: list[Picture] = field(default_factory=list)
    duplicates: list[tuple[str, str]] = field(default_factory=list)  # name; what it is here already
    elsewhere: list[tuple[str, str]] = field(default_factory=list)  # added too; also in that class
    refused: list[tuple[str, str]] = field(default_factory=list)  # name; why, in a sentence


class Size(NamedTuple):
    """What a project takes, in bytes."""

    memory: int  # of features, thumbnails and the head
    disk: int  # of everything in its folder


def class_name(name: str) -> str:
    """A class's name fit to be shown: on one line, no more spaces than it needs.

    Raises TeachError if nothing is left, or it is longer than NAME_LENGTH.
    """
    if not isinstance(name, str):
        raise TeachError("A class’s name must be a text.")
    name = one_line(name[: 4 * NAME_LENGTH])
    if not name:
        raise TeachError("A class needs a name; write one.")
    if len(name) > NAME_LENGTH:
        raise TeachError(f"A class’s name has {NAME_LENGTH} characters at most; shorten it.")
    return name
