"""The page's JavaScript: a script is a `.js` file beside the module that gives it to gradio.

A component's `js_on_load` is the body of a function; an event's `js` is one arrow function.
"""

from pathlib import Path


def script(module: str, name: str) -> str:
    """The text of a script beside a module, whose `__file__` is given."""
    return Path(module).with_name(name).read_text(encoding="utf-8")
