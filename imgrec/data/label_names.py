"""What the names of files and folders say about pictures: classes, dogs, WordNet ids."""

import functools
import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple

from imgrec.data import labels
from imgrec.errors import DataError
from imgrec.files.display_names import displayable_path

Scheme = Literal["cifar10", "imagenet", "dogs"]  # which of a label's fields must be known
Parts = tuple[str, ...]  # a path within a set: its folders, and the file's name

# Passed over wherever it lies, as is everything whose name begins with a dot.
JUNK = ("__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir")
# Passed over where nothing says what is in it: files that lie beside pictures and aren't any.
NO_PICTURES = (
    *(".txt", ".md", ".rst", ".html", ".htm", ".pdf", ".doc", ".docx", ".log", ".ini", ".db"),
    *(".csv", ".tsv", ".json", ".jsonl", ".xml", ".yaml", ".yml", ".xls", ".xlsx", ".mat"),
    *(".py", ".ipynb", ".sh", ".npy", ".npz", ".pkl", ".h5", ".keras"),
    *(".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar"),
)

# What a folder's name may say, in small letters, with one space between words, without a plural s.
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
    """What is known to be in a picture; None where it is not known."""

    dog: bool | None = None
    cifar10: int | None = None  # class index, 0 to 9
    imagenet: int | None = None  # class index, 0 to 999


class FoundFile(NamedTuple):
    """A file that may be a picture, and how to get its bytes (raises ImageError)."""

    parts: Parts
    read: Callable[[], bytes]


Search = Callable[[], Iterator[FoundFile]]  # sorted by parts
Labeller = Callable[[Parts], Label | None]  # None: nothing says what is in the picture


def cifar10_label(index: int) -> Label:
    """All that a CIFAR-10 class index, 0 to 9, tells."""
    return Label(dog=index == labels.CIFAR10_DOG, cifar10=index)


def imagenet_label(index: int) -> Label:
    """All that an ImageNet class index, 0 to 999, tells."""
    dog = index in range(1000)[labels.IMAGENET_DOGS]
    return Label(dog=dog, cifar10=labels.cifar10_of(index), imagenet=index)


# What names say


def labeller(name: str, search: Search, scheme: Scheme | None) -> Labeller:
    """How the scheme reads a label from a file's path in this set."""
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
    """By the folder at that depth, which must be a class of CIFAR-10. Raises DataError."""
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
    """By the last folder from that depth on whose name says something, and by WordNet ids.

    `opposite` is the folder beside the one named dog, where these are the only two.
    """
    folders = parts[depth:-1]
    said = next(filter(None, map(_label_of_word, reversed(folders))), None)
    if opposite and folders and (folders[0] == opposite or _normalised(folders[0]) == DOG_WORD):
        said = Label(dog=folders[0] != opposite)
    return _combined(said, _by_wordnet_id(parts))


def _combined(word: Label | None, wordnet: Label | None) -> Label | None:
    """What a folder's word and a WordNet id tell together; the word decides where they differ."""
    if word is None or wordnet is None:
        return word or wordnet
    if word.dog != wordnet.dog:
        return word
    if word.cifar10 is None or wordnet.cifar10 is None:
        return wordnet if word.cifar10 is None else wordnet._replace(cifar10=word.cifar10)
    return wordnet if word.cifar10 == wordnet.cifar10 else word


def _by_wordnet_id(parts: Parts) -> Label | None:
    """By the last name that holds the WordNet id of an ImageNet class, the file's own first."""
    for part in reversed(parts):
        for wordnet_id in WORDNET_ID.findall(part):
            index = labels.imagenet_indices().get(wordnet_id.lower())
            if index is not None:
                return imagenet_label(index)
    return None


def _label_of_word(folder: str) -> Label | None:
    """What a folder's name says by itself, if it is a word that is known here."""
    return (
        Label(dog=False) if _normalised(folder) in NOT_DOG_WORDS else _label_of_cifar10_word(folder)
    )


def _label_of_cifar10_word(folder: str) -> Label | None:
    index = CIFAR10_WORDS.get(_normalised(folder))
    return None if index is None else cifar10_label(index)


def _normalised(folder: str) -> str:
    """A folder's name in small letters, with one space between words, without a plural s."""
    return re.sub(r"[\W_]+", " ", folder.casefold()).strip().removesuffix("s")


def _outer_folders(search: Search) -> Parts:
    """The folders around all pictures, without the one in which all of them lie."""
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
    """With what both begin."""
    pairs = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False))
    return tuple(part for part, _ in pairs)


def _negative_folder(name: str, search: Search, depth: int) -> str | None:
    """The folder that means "not a dog": the only one beside the one named dog.

    None where the names speak for themselves. Raises DataError if there are several beside it, one
    of which says nothing.
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
    """The first of the names, for a message."""
    first = [displayable_path(name) for name in itertools.islice(names, limit + 1)]
    return ", ".join([*first[:limit], "…"] if len(first) > limit else first)
