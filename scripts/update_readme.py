"""Writes the measured figures from the reports into README.md and docs/results.md.

    python scripts/update_readme.py [--check]

The texts are templates in scripts/templates. scripts/figures.py reads the figures from
assets/reports and from the reports beside the models in assets/models; the section of a missing
report is omitted. With --check, nothing is written, and the exit code is 1 if a file disagrees with
the reports.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

SCRIPTS = Path(__file__).resolve().parent
sys.path.insert(0, str(SCRIPTS.parent))

from imgrec.files.paths import ROOT
from scripts import figures
from scripts.figures import Spread

README, RESULTS = ROOT / "README.md", ROOT / "docs" / "results.md"
START, END = "<!-- figures -->\n", "<!-- /figures -->"
TEMPLATES = SCRIPTS / "templates"


def percent(share: float, digits: int = 1) -> str:
    """Formats a share as `79.1%`."""
    return f"{100 * share:.{digits}f}%"


def points(difference: float) -> str:
    """Formats a difference of shares in percentage points as `−0.8`."""
    return f"{100 * difference:+.1f}".replace("-", "−")


def with_interval(figures: Any, name: str = "accuracy") -> str:
    """Formats a figure of that name and its interval as `79.1% (78.0% to 80.2%)`."""
    low, high = percent(figures.low), percent(figures.high)
    return f"{percent(getattr(figures, name))} ({low} to {high})"


def plus_minus(spread: Spread, digits: int = 1) -> str:
    """Formats mean and standard deviation as `93.7 ± 0.1%`."""
    return f"{100 * spread.mean:.{digits}f} ± {percent(spread.deviation, digits)}"


def minutes(seconds: float) -> str:
    """Formats a time as `11 minutes`."""
    return f"{seconds / 60:.0f} minutes"


def thousands(number: float) -> str:
    """Formats a number as `12,500`."""
    return f"{number:,.0f}"


def decimals(number: float, digits: int = 2) -> str:
    """Formats a number with that many decimals."""
    return f"{number:.{digits}f}"


FILTERS = (percent, points, with_interval, plus_minus, minutes, thousands, decimals)
ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(TEMPLATES),
    autoescape=False,  # Markdown
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
ENVIRONMENT.filters |= {each.__name__: each for each in FILTERS}


def rendered(template: str, measured: Mapping[str, object]) -> str:
    """Renders a template in scripts/templates; an undefined name is an error."""
    return ENVIRONMENT.get_template(template).render(measured)


def updated(readme: str, measured: Mapping[str, object]) -> str:
    """Returns the README with the section between the markers replaced."""
    before, rest = readme.split(START)
    _, after = rest.split(END)
    return f"{before}{START}{rendered('readme_figures.md.jinja', measured)}{END}{after}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only compare")
    options = parser.parse_args()
    measured = figures.measured()
    texts = {
        README: updated(README.read_text(encoding="utf-8"), measured),
        RESULTS: rendered("results.md.jinja", measured),
    }
    stale = [
        file
        for file, text in texts.items()
        if not file.exists() or file.read_text(encoding="utf-8") != text
    ]
    if options.check and stale:
        names = " and ".join(file.relative_to(ROOT).as_posix() for file in stale)
        print(f"{names} and the reports disagree; run scripts/update_readme.py.", file=sys.stderr)
        return 1
    for file in stale:
        file.write_text(texts[file], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
