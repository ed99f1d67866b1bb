"""The options and scripts that the listeners of several tabs share."""

from typing import Any

from imgrec.ui.scripts import script

COMPARE = "compare"  # the tab's id: other tabs may send a picture there

# The options of the page's own listeners, which no program calls: without gradio's spinner.
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
# In the queue, where gradio reports changed states, one after the other. Without preprocessing:
# gradio would refuse a choice that another page has just removed.
IN_TURN: dict[str, Any] = {**PRIVATE, "preprocess": False}
# In the queue, but any number at a time.
QUIET: dict[str, Any] = {**IN_TURN, "concurrency_limit": None}
EACH: dict[str, Any] = {**QUIET, "trigger_mode": "multiple"}  # of several presses in a row
LATEST: dict[str, Any] = {**QUIET, "trigger_mode": "always_last"}
# At once, not in the queue.
INSTANT: dict[str, Any] = {**PRIVATE, "queue": False}
AT_ONCE: dict[str, Any] = {**INSTANT, "preprocess": False}
# Those that run a network take turns; the last input of several is always answered.
PREDICTING: dict[str, Any] = {
    **IN_TURN,
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
