"""Writes the measured figures from the reports into the README, between its two markers.

    python scripts/update_readme.py [--check]

With --check nothing is written, and the exit code is 1 if the README and the reports disagree.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from imgrec import runs
from imgrec.paths import MODELS, REPORTS, ROOT

README = ROOT / "README.md"
START, END = "<!-- figures -->\n", "<!-- /figures -->"


def percent(value: float, digits: int = 1) -> str:
    """A share as `79.1 %`."""
    return f"{100 * value:.{digits}f} %"


def figures() -> str:
    """The section's text, from the reports alone."""
    dogs = runs.read_json(REPORTS / "dogs.json")
    return "\n".join(
        [
            scratch(),
            "",
            f"**Is there a dog?** The same {dogs['n']} photos for all, {dogs['dogs']} of them",
            "dogs; the transfer head was trained on 64 others. (EfficientNet-Lite0 stands in for",
            "VGG16, and may have met some of these photos in its own training.)",
            "",
            *dog_table(dogs),
            "",
            "**Heads**, trained on 64 photos and judged on the other 936, mean ± deviation of five",
            "draws; and trained on all 1000 photos, in ten folds. *Mammals* counts only dogs and",
            "other mammals, the hard part.",
            "",
            *head_table(runs.read_json(REPORTS / "heads.json")["heads"]),
            "",
            smaller_figures(),
            "",
            explaining(),
        ]
    )


def scratch() -> str:
    """What the shipped scratch network reached."""
    report = runs.read_json(MODELS / "classic" / "report.json")
    history = runs.read_json(MODELS / "classic" / "history.json")
    return (
        f"**From scratch**: `classic`, {report['parameters']:,} parameters, "
        f"{len(history['loss'])} epochs, seed {report['seed']}: "
        f"**{percent(report['test_accuracy'], 2)}** of the {report['test_images']:,} CIFAR-10 test "
        f"images, loss {report['test_loss']:.4f}; on the training images, with dropout, "
        f"{percent(history['accuracy'][-1])} and {history['loss'][-1]:.4f}."
    )


def dog_table(dogs: dict[str, Any]) -> list[str]:
    """A row an approach."""
    rows = ["| approach | accuracy (95 %) | dogs found | others mistaken | balanced | ROC AUC |"]
    rows.append("|---|---|---|---|---|---|")
    for name, f in dogs["approaches"].items():
        rows.append(
            f"| {name}: {f['model']} | {percent(f['accuracy'])} "
            f"({percent(f['low'])} to {percent(f['high'])}) | {percent(f['recall'])} | "
            f"{percent(1 - f['specificity'])} | {percent(f['balanced_accuracy'])} | "
            f"{f['auc']:.3f} |"
        )
    share = percent(1 - dogs["dogs"] / dogs["n"])
    return [
        *rows,
        "",
        f"Always saying *no dog* is right on {share}: see the other columns.",
    ]


def head_table(heads: dict[str, Any]) -> list[str]:
    """A row a head."""
    rows = ["| head | 64 photos | balanced | mammals | all photos (95 %) | balanced |"]
    rows.append("|---|---|---|---|---|---|")
    for name, measured in heads.items():
        draws, folds = measured["draws"], measured["all_photos"]
        spread = [
            f"{percent(draws[key]['mean'])} ± {100 * draws[key]['deviation']:.1f}"
            for key in ("accuracy", "balanced_accuracy", "mammals_accuracy")
        ]
        rows.append(
            f"| {name} | {' | '.join(spread)} | {percent(folds['accuracy'])} "
            f"({percent(folds['low'])} to {percent(folds['high'])}) | "
            f"{percent(folds['balanced_accuracy'])} |"
        )
    return rows


def smaller_figures() -> str:
    """Rounding and start-up, and the machine."""
    rounding = runs.read_json(MODELS / "vgg16_base" / "report.json")["rounding"]
    startup = runs.read_json(REPORTS / "startup.json")
    training = runs.read_json(REPORTS / "while_training.json")
    machine, later = startup["environment"], training["environment"]
    return (
        f"**Half precision** changes VGG16's features by a cosine of at least "
        f"{rounding['least_cosine']:.6f} over {rounding['photos']} photos. **The page answers** in "
        f"{startup['ratio']:.2f} times the time that an empty gradio page takes. Measured on "
        f"{machine['cores']} cores of an {machine['processor']} with Python {machine['python']}, "
        f"TensorFlow {machine['tensorflow']} and Keras {machine['keras']}. **While it trains** the "
        f"scratch network, the page takes {training['ratio']:.2f} times as long for a comparison "
        f"({later['cores']} cores of an {later['processor']})."
    )


def explaining() -> str:
    """How long the page takes to explain, beside a comparison."""
    report = runs.read_json(REPORTS / "explaining.json")
    machine = report["environment"]
    ratio = {name: f"{value:.2f}" for name, value in report["ratio"].items()}
    return (
        f"**Explaining**, in units of a comparison of the same picture by all three: *Why?* takes "
        f"{ratio['why_scratch']} for the scratch network, {ratio['why_pretrained']} for "
        f"EfficientNet-Lite0 and {ratio['why_transfer']} for the transfer head; a layer’s feature "
        f"maps {ratio['layers_scratch']} for the scratch network and {ratio['layers_vgg16']} for "
        f"VGG16 ({machine['cores']} cores of an {machine['processor']})."
    )


def updated(readme: str) -> str:
    """The README with the section written anew."""
    before, rest = readme.split(START)
    _, after = rest.split(END)
    return f"{before}{START}{figures()}\n{END}{after}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only compare")
    options = parser.parse_args()
    readme = README.read_text(encoding="utf-8")
    if updated(readme) == readme:
        return 0
    if options.check:
        print("README.md and the reports disagree; run scripts/update_readme.py.", file=sys.stderr)
        return 1
    README.write_text(updated(readme), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
