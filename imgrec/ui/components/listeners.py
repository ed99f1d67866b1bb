"""How listeners listen: the options they share, and the scripts beside them."""

from typing import Any

from imgrec.ui.scripts import script

# A lesson's listeners: the first input is a picture (see `imgrec.ui.components.picture`).
LIVE: dict[str, Any] = {
    "preprocess": False,
    "api_visibility": "private",
    "show_progress": "hidden",
    "trigger_mode": "always_last",
    "concurrency_id": "predict",
}

COMPARE = "compare"  # the tab's id: a picture may be sent here from another tab

# In the queue, for gradio tells of a changed state only from there; but never waiting in it.
QUIET: dict[str, Any] = {
    "concurrency_limit": None,
    "show_progress": "hidden",
    "api_visibility": "private",
    "preprocess": False,
}
LATEST: dict[str, Any] = {**QUIET, "trigger_mode": "always_last"}
PREDICTING: dict[str, Any] = {**LATEST, "concurrency_limit": "default", "concurrency_id": "predict"}
INTO_VIEW = script(__file__, "into_view.js")
IF_SEEN = script(__file__, "if_seen.js")


def if_seen(name: str) -> str:
    """A script for a listener: while the element of that id is hidden, it sends no picture.

    So nothing is computed for nobody; choosing the lesson's tab answers for what is there then.
    """
    return f"({IF_SEEN})('{name}')"
