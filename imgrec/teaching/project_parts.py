"""The value types of a project, and the validation of what comes from outside."""

from dataclasses import dataclass, field
from typing import Annotated, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Strict

from imgrec.errors import TeachError
from imgrec.files.display_names import NAME_LENGTH, one_line


@dataclass(frozen=True)
class Picture:
    """A picture of a project; `id` is a hash of its pixels, whichever file they come from."""

    id: str
    name: str  # of the original file, sanitised for display


@dataclass(frozen=True)
class TaughtClass:
    """A class of a project."""

    name: str
    pictures: tuple[Picture, ...] = ()
    key: int = 0  # stable when classes are renamed or removed; never reused in a project

    def ids(self) -> tuple[str, ...]:
        """Returns the ids of its pictures."""
        return tuple(picture.id for picture in self.pictures)


@dataclass(frozen=True)
class Settings:
    """The training settings of a project."""

    augment: bool = False  # whether to train on mirrored and cropped copies of each picture too
    seed: int = 1


class Snapshot(NamedTuple):
    """The training input of a head, without the names, which don't affect training."""

    pictures: tuple[tuple[int, tuple[str, ...]], ...]  # key and ids of each class
    settings: Settings


@dataclass(frozen=True)
class Added:
    """The outcome of adding pictures to a class."""

    added: list[Picture] = field(default_factory=list)
    duplicates: list[tuple[str, str]] = field(default_factory=list)  # name; its name here
    elsewhere: list[tuple[str, str]] = field(default_factory=list)  # added; also in that class
    refused: list[tuple[str, str]] = field(default_factory=list)  # name; reason, a sentence


class Size(NamedTuple):
    """The memory and disk usage of a project, in bytes."""

    memory: int  # of features, thumbnails and the head
    disk: int  # of everything in its folder


class FromFile(BaseModel):
    """An object in a project's JSON: no other keys, no conversion of types, finite numbers."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


T = TypeVar("T")
Array = Annotated[tuple[T, ...], Strict(False)]  # JSON has lists only; items are strict


def class_name(name: str) -> str:
    """Returns the class name on one line, with redundant spaces removed.

    Raises TeachError if the result is empty or longer than NAME_LENGTH characters.
    """
    if not isinstance(name, str):
        raise TeachError("A class’s name must be a text.")
    name = one_line(name[: 4 * NAME_LENGTH])
    if not name:
        raise TeachError("A class needs a name; write one.")
    if len(name) > NAME_LENGTH:
        raise TeachError(f"A class’s name has {NAME_LENGTH} characters at most; shorten it.")
    return name
