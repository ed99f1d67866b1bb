"""The page's JavaScript: each script is a `.js` file beside the module that passes it to gradio.

A component's `js_on_load` is a function's body; an event's `js` is one arrow function.
"""

from pathlib import Path


def script(module: str, name: str) -> str:
    """Returns the text of a script beside a module, given the module's `__file__`."""
    return Path(module).with_name(name).read_text(encoding="utf-8")
