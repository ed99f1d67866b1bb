"""Plots the accuracy and loss of one to eight runs, for print.

    python scripts/plot_history.py classic -o curves.png
    python scripts/plot_history.py runs/mine runs/other --x minutes -o curves.svg

A RUN is a name, as in the page's table of runs, or the path of a run's directory. The output
is a .png with 200 dpi, an .svg or a .pdf.
"""

import argparse
import contextlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from imgrec.errors import ImgrecError, ModelError
from imgrec.files.paths import MODELS, runs_dir
from imgrec.models import registry
from imgrec.training import history_plot


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", metavar="RUN", help="a run's name or directory")
    parser.add_argument("-o", "--output", type=Path, required=True, help="a .png, .svg or .pdf")
    parser.add_argument(
        "--x", default="epochs", choices=history_plot.X_LABELS, help="default: epochs"
    )
    parser.add_argument("--runs-dir", type=Path, default=runs_dir())
    return parser.parse_args()


def entry_of(run: str, runs_folder: Path) -> registry.Entry:
    """Returns the shipped model or run of that name, or at that path. Raises ModelError."""
    if Path(run).name == run:
        for parent in (MODELS, runs_folder):
            with contextlib.suppress(ModelError):
                return registry.load_entry(parent / run)
    return registry.load_entry(Path(run))


def main() -> int:
    options = parse_arguments()
    try:
        entries = [entry_of(run, options.runs_dir) for run in options.runs]
        history_plot.save(history_plot.curves(entries, options.x), options.output)
    except ImgrecError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"wrote {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
