"""How the lessons on the visitor's picture listen: at once, and only while they are looked at."""

from typing import Any

# A lesson's listeners: the first input is a picture (see `imgrec.ui.components.picture`).
LIVE: dict[str, Any] = {
    "preprocess": False,
    "api_visibility": "private",
    "show_progress": "hidden",
    "trigger_mode": "always_last",
    "concurrency_id": "predict",
}


def if_seen(name: str) -> str:
    """A script for a listener: while the element of that id is hidden, it sends no picture.

    So nothing is computed for nobody; choosing the lesson's tab answers for what is there then.
    """
    return f"""(picture, ...rest) =>
  [document.querySelector('#{name}')?.offsetParent ? picture : null, ...rest]"""
