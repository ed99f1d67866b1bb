"""Names that anyone may have chosen, made fit to be shown."""

import re
import unicodedata


def displayable_path(name: str) -> str:
    """A name fit to be shown: on one line, without stray surrogates."""
    return "".join(
        "?" if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") else character
        for character in name
    )


NAME_LENGTH = 40  # characters of a class's name


def displayable_name(name: str) -> str:
    """A file's name fit to be shown: without its folders, on one line, not endless."""
    name = one_line(re.split(r"[/\\]", str(name))[-1][: 4 * NAME_LENGTH]) or "a picture"
    return name if len(name) <= NAME_LENGTH else f"{name[: NAME_LENGTH - 1]}…"


def one_line(text: str) -> str:
    """Without characters that don't show or turn the text around; joiners within emoji stay."""
    text = unicodedata.normalize("NFC", text)
    shown = (each if each.isprintable() or each in "\u200c\u200d" else " " for each in text)
    return " ".join("".join(shown).split()).strip(" \u200c\u200d")
