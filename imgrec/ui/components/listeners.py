"""The options and scripts that the listeners of several tabs share."""

from typing import Any

from imgrec.ui.scripts import script

COMPARE = "compare"  # the tab's id: other tabs may send a picture there

# The options of the page's own listeners, which no program calls: without gradio's spinner.
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
# At once, not in the queue; gradio reports changed states only from there.
INSTANT: dict[str, Any] = {**PRIVATE, "queue": False}
# In the queue, but any number at a time. Inputs come as gradio sends them, pictures as paths.
QUIET: dict[str, Any] = {**PRIVATE, "concurrency_limit": None, "preprocess": False}
LATEST: dict[str, Any] = {**QUIET, "trigger_mode": "always_last"}
# Those that run a network take turns; the last input of several is always answered.
PREDICTING: dict[str, Any] = {
    **PRIVATE,
    "preprocess": False,
    "trigger_mode": "always_last",
    "concurrency_id": "predict",
}

INTO_VIEW = script(__file__, "into_view.js")
IF_SEEN = script(__file__, "if_seen.js")


def if_seen(name: str) -> str:
    """Returns a listener's script that sends no picture while the element of that id is hidden.

    This avoids computing what nobody sees; selecting the lesson's tab updates it.
    """
    return f"({IF_SEEN})('{name}')"
