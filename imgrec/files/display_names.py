"""Untrusted names, made fit for display."""

import re
import unicodedata


def displayable_path(name: str) -> str:
    """Returns a name fit for display: on one line, without stray surrogates."""
    return "".join(
        "?" if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") else character
        for character in name
    )


NAME_LENGTH = 40  # characters; the limit for a class's name


def displayable_name(name: str) -> str:
    """Returns a file's name fit for display: without folders, on one line, of limited length."""
    name = one_line(re.split(r"[/\\]", str(name))[-1][: 4 * NAME_LENGTH]) or "a picture"
    return name if len(name) <= NAME_LENGTH else f"{name[: NAME_LENGTH - 1]}…"


def one_line(text: str) -> str:
    """Removes characters that are invisible or reverse the text; joiners within emoji stay."""
    text = unicodedata.normalize("NFC", text)
    shown = (each if each.isprintable() or each in "\u200c\u200d" else " " for each in text)
    return " ".join("".join(shown).split()).strip(" \u200c\u200d")
