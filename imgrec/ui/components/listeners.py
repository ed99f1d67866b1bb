"""Options and scripts that listeners share."""

from typing import Any

from imgrec.ui.scripts import script

# For a lesson's listeners, whose first input is a picture (see `imgrec.ui.components.picture`).
LIVE: dict[str, Any] = {
    "preprocess": False,
    "api_visibility": "private",
    "show_progress": "hidden",
    "trigger_mode": "always_last",
    "concurrency_id": "predict",
}

COMPARE = "compare"  # the tab's id: other tabs may send a picture there

# In the queue, since gradio reports changed states only from there, but without a limit.
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
    """Returns a listener's script that sends no picture while the element of that id is hidden.

    This avoids computing what nobody sees; selecting the lesson's tab updates it.
    """
    return f"({IF_SEEN})('{name}')"
