"""Labels from the names of files and folders: classes, dogs, WordNet ids."""

import functools
import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple

from imgrec.data import labels
from imgrec.errors import DataError
from imgrec.files.display_names import displayable_path

Scheme = Literal["cifar10", "imagenet", "dogs"]  # which of a label's fields must be known
Parts = tuple[str, ...]  # a path within a set: its folders, then the file's name

# Skipped wherever they are, as is every name that begins with a dot.
JUNK = ("__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir")
# Skipped if unlabelled: files that are often beside pictures but aren't pictures.
NO_PICTURES = (
    *(".txt", ".md", ".rst", ".html", ".htm", ".pdf", ".doc", ".docx", ".log", ".ini", ".db"),
    *(".csv", ".tsv", ".json", ".jsonl", ".xml", ".yaml", ".yml", ".xls", ".xlsx", ".mat"),
    *(".py", ".ipynb", ".sh", ".npy", ".npz", ".pkl", ".h5", ".keras"),
    *(".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar"),
)

# Known words in folder names: lower case, one space between words, no plural s.
CIFAR10_WORDS = {
    **{name: index for index, name in enumerate(labels.CIFAR10)},
    **{"plane": 0, "aeroplane": 0, "car": 1},
}
DOG_WORD = "dog"
NOT_DOG_WORDS = ("not dog", "not a dog", "no dog", "non dog", "notdog", "nodog", "other")
WORDNET_ID = re.compile(r"(?<![a-z0-9])n\d{8}(?!\d)", re.ASCII | re.IGNORECASE)

HOW_TO_LABEL: dict[Scheme | None, str] = {
    "cifar10": f"Put the pictures into a folder for each class ({', '.join(labels.CIFAR10)}), or "
    "give an .npz file with x and y.",
    "imagenet": "Begin the names of the photos, or of their folders, with a WordNet id "
    "(n02085620_Chihuahua.jpg), or give a CSV file with the columns file,label.",
    "dogs": "Put the photos into two folders, one of them named dog; or begin the names of the "
    "photos, or of their folders, with a WordNet id (n02085620_Chihuahua.jpg); or give a CSV file "
    "with the columns file,label.",
    None: "Put the pictures into folders whose names say it: dog and not_dog, or CIFAR-10’s "
    f"classes ({', '.join(labels.CIFAR10)}), or WordNet ids (n02085620).",
}


class Label(NamedTuple):
    """What is known about a picture's content; None where unknown."""

    dog: bool | None = None
    cifar10: int | None = None  # class index, 0 to 9
    imagenet: int | None = None  # class index, 0 to 999


class FoundFile(NamedTuple):
    """A file that may be a picture, and a function that reads its bytes (raises ImageError)."""

    parts: Parts
    read: Callable[[], bytes]


Search = Callable[[], Iterator[FoundFile]]  # sorted by parts
Labeller = Callable[[Parts], Label | None]  # None: the path carries no label


def cifar10_label(index: int) -> Label:
    """Returns everything that a CIFAR-10 class index, 0 to 9, implies."""
    return Label(dog=index == labels.CIFAR10_DOG, cifar10=index)


def imagenet_label(index: int) -> Label:
    """Returns everything that an ImageNet class index, 0 to 999, implies."""
    dog = index in range(1000)[labels.IMAGENET_DOGS]
    return Label(dog=dog, cifar10=labels.cifar10_of(index), imagenet=index)


# Labels from names


def labeller(name: str, search: Search, scheme: Scheme | None) -> Labeller:
    """Returns the function that reads a label from a file's path in this set, by the scheme."""
    if scheme == "imagenet":
        return _by_wordnet_id
    outer = _outer_folders(search)
    if scheme == "cifar10":
        depth = next(
            (i for i, folder in enumerate(outer) if _label_of_cifar10_word(folder)), len(outer)
        )
        return functools.partial(_by_class_folder, name, depth)
    return functools.partial(_by_folders, len(outer), _negative_folder(name, search, len(outer)))


def _by_class_folder(name: str, depth: int, parts: Parts) -> Label | None:
    """Labels by the folder at that depth. Raises DataError if it names no CIFAR-10 class."""
    if len(parts) <= depth + 1:
        return None
    label = _label_of_cifar10_word(parts[depth])
    if label is None and may_be_picture(parts):
        raise DataError(
            f"The folder {displayable_path(parts[depth])} in {name} is not one of CIFAR-10’s "
            f"classes. {HOW_TO_LABEL['cifar10']}"
        )
    return label and _combined(label, _by_wordnet_id(parts))


def _by_folders(depth: int, opposite: str | None, parts: Parts) -> Label | None:
    """Labels by the last folder from that depth on whose name is a known word, and by WordNet ids.

    `opposite` is the folder beside the one named dog, if these are the only two.
    """
    folders = parts[depth:-1]
    said = next(filter(None, map(_label_of_word, reversed(folders))), None)
    if opposite and folders and (folders[0] == opposite or _normalised(folders[0]) == DOG_WORD):
        said = Label(dog=folders[0] != opposite)
    return _combined(said, _by_wordnet_id(parts))


def _combined(word: Label | None, wordnet: Label | None) -> Label | None:
    """Merges the labels of a folder's word and a WordNet id; the word wins if they conflict."""
    if word is None or wordnet is None:
        return word or wordnet
    if word.dog != wordnet.dog:
        return word
    if word.cifar10 is None or wordnet.cifar10 is None:
        return wordnet if word.cifar10 is None else wordnet._replace(cifar10=word.cifar10)
    return wordnet if word.cifar10 == wordnet.cifar10 else word


def _by_wordnet_id(parts: Parts) -> Label | None:
    """Labels by the last name with the WordNet id of an ImageNet class, the file's own first."""
    for part in reversed(parts):
        for wordnet_id in WORDNET_ID.findall(part):
            index = labels.imagenet_indices().get(wordnet_id.lower())
            if index is not None:
                return imagenet_label(index)
    return None


def _label_of_word(folder: str) -> Label | None:
    """Returns the label that a folder's name gives by itself, if it is a known word."""
    return (
        Label(dog=False) if _normalised(folder) in NOT_DOG_WORDS else _label_of_cifar10_word(folder)
    )


def _label_of_cifar10_word(folder: str) -> Label | None:
    index = CIFAR10_WORDS.get(_normalised(folder))
    return None if index is None else cifar10_label(index)


def _normalised(folder: str) -> str:
    """Returns a folder's name in lower case, with one space between words, without a plural s."""
    return re.sub(r"[\W_]+", " ", folder.casefold()).strip().removesuffix("s")


def _outer_folders(search: Search) -> Parts:
    """Returns the folders that enclose all pictures, except one that holds all of them directly."""
    folders: Parts | None = None
    deeper = False
    for parts, _ in filter(lambda found: may_be_picture(found.parts), search()):
        here = parts[:-1]
        if folders is None:
            folders = here
        deeper = deeper or here != folders
        folders = _common_prefix(folders, here)
        if not folders:
            break
    return (folders or ()) if deeper else (folders or ())[:-1]


def _common_prefix(first: Parts, second: Parts) -> Parts:
    """Returns the parts that both begin with."""
    pairs = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False))
    return tuple(part for part, _ in pairs)


def _negative_folder(name: str, search: Search, depth: int) -> str | None:
    """Returns the folder that means "not a dog": the only one beside the one named dog.

    None if the names need no such inference. Raises DataError if there are several folders beside
    it and one of them carries no label.
    """
    folders, silent = set(), set()
    for parts, _ in search():
        if len(parts) > depth + 1 and may_be_picture(parts):
            folders.add(parts[depth])
            if _by_folders(depth, None, parts) is None:
                silent.add(parts[depth])
    others = [folder for folder in folders if _normalised(folder) != DOG_WORD]
    if len(others) == len(folders):  # none is named dog
        return None
    if (
        len(others) == 1
        and not _label_of_cifar10_word(others[0])
        and not _by_wordnet_id((others[0],))
    ):
        return others[0]
    if silent:
        raise DataError(
            f"Beside the folder dog, there are several in {name}, and these don’t say whether "
            f"there are dogs in them: {first_names(sorted(silent))}. Leave one, or call "
            "them not_dog."
        )
    return None


def may_be_picture(parts: Parts) -> bool:
    return not parts[-1].lower().endswith(NO_PICTURES)


def is_junk(name: str) -> bool:
    return name.startswith(".") or name.casefold() in JUNK


def first_names(names: Iterable[str], limit: int = 8) -> str:
    """Joins the first of the names for a message."""
    first = [displayable_path(name) for name in itertools.islice(names, limit + 1)]
    return ", ".join([*first[:limit], "…"] if len(first) > limit else first)
