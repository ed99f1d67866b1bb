"""Jinja2 templates: a tab's HTML is in `.jinja` files beside its modules, and escaped by itself.

Every template finds the pieces of `imgrec.ui.components.html` (`panel`, `progress`, `table`, …) by
their names, and the formats of `imgrec.ui.components.formatting` as filters, as in
`{{ 0.93 | percent }}`.
"""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from imgrec.ui.components import formatting, html


def render(module: str, name: str, /, **values: Any) -> Markup:
    """Renders a template beside a module, given the module's `__file__`.

    Values are escaped unless they are Markup. Raises jinja2.UndefinedError if one is missing.
    """
    return Markup(_environment(Path(module).parent).get_template(name).render(values))


@cache
def _environment(folder: Path) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update({piece.__name__: piece for piece in html.PIECES})
    environment.filters.update({form.__name__: form for form in formatting.FORMATS})
    return environment
