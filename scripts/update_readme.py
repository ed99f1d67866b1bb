"""Writes the measured figures from the reports into the README, between its two markers.

    python scripts/update_readme.py [--check]

With --check nothing is written, and the exit code is 1 if the README and the reports disagree.
"""

import argparse
import statistics
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from imgrec.approaches import scratch as network
from imgrec.evaluation import comparison
from imgrec.files.paths import MODELS, REPORTS, ROOT
from imgrec.models import store

README = ROOT / "README.md"
SIGNS = {"energy": "an energy", "maximum_probability": "a greatest probability"}
START, END = "<!-- figures -->\n", "<!-- /figures -->"


def percent(value: float, digits: int = 1) -> str:
    """A share as `79.1 %`."""
    return f"{100 * value:.{digits}f} %"


def figures() -> str:
    """The section's text, from the reports alone."""
    dogs = store.read_json(REPORTS / "dogs.json")
    return "\n".join(
        [
            *scratch_table(),
            "",
            scratch(store.read_json(REPORTS / "cifar10.json")),
            "",
            *race(),
            *seeds(),
            *ablation(),
            elsewhere(store.read_json(REPORTS / "outside.json")),
            "",
            unfamiliar(store.read_json(REPORTS / "unfamiliar.json")),
            "",
            imagenet(store.read_json(REPORTS / "imagenet.json")),
            "",
            f"**Is there a dog?** The same {dogs['n']} photos for all, {dogs['dogs']} of them",
            "dogs; the transfer head was trained on 64 others. (EfficientNet-Lite0 stands in for",
            "VGG16. It, and VGG16 below the head, may have met some of these photos in training.)",
            "",
            *dog_table(dogs),
            "",
            "**Heads**, trained on 64 photos and judged on the other 936, mean ± deviation of five",
            "draws; and trained on all 1000 photos, in ten folds. *Mammals* counts only dogs and",
            "other mammals, the hard part.",
            "",
            *head_table(store.read_json(REPORTS / "heads.json")["heads"]),
            "",
            smaller_figures(),
            "",
            answering(),
            "",
            explaining(),
            "",
            evaluating(),
            "",
            teaching(),
        ]
    )


def scratch_table() -> list[str]:
    """What the shipped scratch networks reached, a row each."""
    rows = [
        "**From scratch**, on CIFAR-10’s test images; the first one is the page’s own.",
        "",
        "| network | parameters | epochs | trained in | right | looking six times |",
        "|---|---|---|---|---|---|",
    ]
    for name in (network.DEFAULT, network.CLASSIC):
        report = store.read_json(MODELS / name / "report.json")
        history = store.read_json(MODELS / name / "history.json")
        views, machine = report.get("test_accuracy_views"), report["environment"]
        rows.append(
            f"| `{name}`, seed {report['seed']} | {report['parameters']:,} | "
            f"{len(history['loss'])} | {minutes(report['seconds'])}, "
            f"{comparison.machine(machine)} | "
            f"**{percent(report['test_accuracy'], 2)}** | "
            f"{percent(views, 2) if views else 'not measured'} |"
        )
    return rows


def scratch(measured: dict[str, Any]) -> str:
    """What the network takes for what, and how far its probabilities can be believed."""
    return (
        f"What the {measured['model']} takes for what most often: {confusions(measured)}. Its "
        f"calibration error is {percent(measured['ece'])} as it is and "
        f"{percent(measured['calibrated']['ece'])} with temperature scaling, fitted to the "
        "validation split."
    )


def race() -> list[str]:
    """How long the two networks take to train, side by side, where that was measured."""
    report = optional("training")
    if report is None:
        return []
    fast, classic, bfloat16 = (report[n] for n in ("fast", "classic", "classic_bfloat16"))
    machine = comparison.machine(report["environment"])
    return [
        f"**Side by side**, an epoch of one and then of the other on {machine}, `fast` takes "
        f"{minutes(fast['seconds'])} for its {fast['epochs']} epochs and `classic` "
        f"{minutes(classic['seconds'])} for its {classic['epochs']}, in float32: "
        f"**{report['ratio']:.2f} times as long**, or {report['ratio_bfloat16']:.2f} times beside "
        f"`classic` in bfloat16, by {bfloat16['epochs_timed']} epochs of it. In this run they are "
        f"right on {percent(fast['test_accuracy'], 2)} "
        f"({percent(fast['test_accuracy_views'], 2)} looking "
        f"six times) and {percent(classic['test_accuracy'], 2)} of the test images."
        f"{in_float32(optional('training_float32'))}",
        "",
    ]


def in_float32(report: dict[str, Any] | None) -> str:
    """How long both networks take on a processor that gains nothing by bfloat16, if measured."""
    if report is None:
        return ""
    short = report["short"]
    once, six = (percent(short[name], 2) for name in ("test_accuracy", "test_accuracy_views"))
    return (
        f" Where bfloat16 is no gain, as on {comparison.machine(report['environment'])}, "
        f"`fast` takes {report['ratio']:.2f} times as long as `classic`, by "
        f"{short['epochs']} epochs of it and "
        f"{report['classic']['epochs_timed']} of `classic`. Trained there for only "
        f"{short['epochs']} epochs, it takes {report['ratio_short']:.2f} times as long and is "
        f"right on {once} ({six} looking six times)."
    )


def seeds() -> list[str]:
    """How far chance moves the accuracy of the fast network, where that was measured."""
    report = optional("seeds")
    if report is None:
        return []
    one, six = (
        f"{100 * spread['mean']:.2f} ± {100 * spread['deviation']:.2f} %"
        for spread in (report["test_accuracy"], report["test_accuracy_views"])
    )
    numbers = ", ".join(str(each["seed"]) for each in report["seeds"])
    return [
        f"**Chance**: over the seeds {numbers}, `fast` is right on {one} of the test images, and "
        f"on {six} when it looks six times (mean ± standard deviation).",
        "",
    ]


def ablation() -> list[str]:
    """What each ingredient of the fast recipe gives, where that was measured."""
    report = optional("ablation")
    if report is None:
        return []
    whole, *others = report["rows"]
    rows = [
        f"**What each ingredient gives**, by short trainings: {report['epochs']} epochs of "
        f"{report['images']:,} images in batches of {report['batch_size']}, one of each; half a "
        "percentage point may be chance.",
        "",
        "| `fast` without | in its place | right | difference |",
        "|---|---|---|---|",
    ]
    for row in (whole, *sorted(others, key=lambda row: row["test_accuracy"])):
        difference = f"{100 * (row['test_accuracy'] - whole['test_accuracy']):+.1f}"
        rows.append(
            f"| {row['without'] or 'nothing'} | {row['instead'] or 'the whole recipe'} | "
            f"{percent(row['test_accuracy'])} | "
            f"{difference.replace('-', '−') if row['without'] else ''} |"
        )
    longer = report["times_as_long"]
    return [
        *rows,
        "",
        f"Two more save time alone: without bfloat16 a step takes {longer['float32']:.2f} times as "
        "long, with Keras’s own batch normalisation in place of TensorFlow’s single operation "
        f"{longer['keras_normalization']:.2f} times.",
        "",
    ]


def elsewhere(report: dict[str, Any]) -> str:
    """How right both are on photos that come from elsewhere, with their intervals."""
    fast, classic = (report["networks"][name] for name in (network.DEFAULT, network.CLASSIC))

    def right(figures: dict[str, Any]) -> str:
        interval = f"{percent(figures['low'], 0)} to {percent(figures['high'], 0)}"
        return f"{percent(figures['accuracy'])} ({interval})"

    return (
        f"**Photos from elsewhere**: of {report['n']} ImageNet photos that clearly show one of the "
        f"ten kinds, shrunk as the page does, `fast` recognises **{right(fast['one'])}**, looking "
        f"six times {right(fast['several'])}; `classic` {right(classic['one'])}."
    )


def optional(name: str) -> dict[str, Any] | None:
    """A report, if it is there."""
    file = REPORTS / f"{name}.json"
    return store.read_json(file) if file.exists() else None


def minutes(seconds: float) -> str:
    """A time as `11 minutes`."""
    return f"{seconds / 60:.0f} minutes"


def confusions(measured: dict[str, Any]) -> str:
    """The three most frequent mistakes."""
    return ", ".join(
        f"{entry['class']} for {entry['taken_for']} ({entry['count']})"
        for entry in measured["confusions"][:3]
    )


def unfamiliar(measured: dict[str, Any]) -> str:
    """How well the scratch network's sign tells what it was not trained on."""
    groups, areas = measured["groups"], measured["auroc"]
    other, own, test = groups["other"], groups["ten_kinds"], groups["cifar10"]
    return (
        f"**Unlike anything it was trained on**: the sign of the {measured['model']}, "
        f"{SIGNS[measured['score']]} below that of {percent(1 - measured['accepted'], 0)} of the "
        f"validation images, flags {percent(other['flagged'])} of {other['n']} ImageNet sample "
        f"photos of other things, "
        f"{percent(own['flagged'])} of {own['n']} of the ten kinds that the network knows and "
        f"{percent(test['flagged'])} of the CIFAR-10 test images. The ROC AUC between these and "
        f"the other things is {areas[measured['score']]:.3f} (energy {areas['energy']:.3f}, "
        f"greatest logit {areas['maximum_logit']:.3f}, greatest probability "
        f"{areas['maximum_probability']:.3f}): a small network often does not know what it doesn’t "
        "know."
    )


def imagenet(measured: dict[str, Any]) -> str:
    """What the pre-trained network reached on its own task."""
    return (
        f"**Pre-trained**: {measured['model']} names {percent(measured['top1'])} "
        f"({percent(measured['low'])} to {percent(measured['high'])}) of {measured['n']} ImageNet "
        f"sample photos, one of each class, and {percent(measured['top5'])} with five tries; it "
        "may have met some of them in its own training."
    )


def dog_table(dogs: dict[str, Any]) -> list[str]:
    """A row an approach."""
    rows = [
        "| approach | accuracy (95 %) | dogs found | others mistaken | balanced | ROC AUC | "
        "calibration error |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, f in dogs["approaches"].items():
        rows.append(
            f"| {name}: {f['model']} | {percent(f['accuracy'])} "
            f"({percent(f['low'])} to {percent(f['high'])}) | {percent(f['recall'])} | "
            f"{percent(1 - f['specificity'])} | {percent(f['balanced_accuracy'])} | "
            f"{f['auc']:.3f} | {calibration_errors(f)} |"
        )
    share = percent(1 - dogs["dogs"] / dogs["n"])
    return [
        *rows,
        "",
        f"Always saying *no dog* is right on {share}: see the other columns.",
    ]


def calibration_errors(figures: dict[str, Any]) -> str:
    """As the network says it, and calibrated where it is."""
    calibrated = figures["calibrated"]
    after = f", calibrated {percent(calibrated['ece'])}" if calibrated else ""
    return f"{percent(figures['ece'])}{after}"


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
    rounding = store.read_json(MODELS / "vgg16_base" / "report.json")["rounding"]
    startup = store.read_json(REPORTS / "startup.json")
    training = store.read_json(REPORTS / "while_training.json")
    environment, later = startup["environment"], training["environment"]
    return (
        f"**Half precision** changes VGG16's features by a cosine of at least "
        f"{rounding['least_cosine']:.6f} over {rounding['photos']} photos. **The page answers** in "
        f"{startup['ratio']:.2f} times the time that an empty gradio page takes. Measured on "
        f"{comparison.machine(environment)} with Python {environment['python']}, TensorFlow "
        f"{environment['tensorflow']} and Keras {environment['keras']}. **While it trains** the "
        f"scratch network, the page takes {training['ratio']:.2f} times as long for a comparison "
        f"({comparison.machine(later)})."
    )


def answering() -> str:
    """How long the scratch networks take for one picture."""
    report = store.read_json(REPORTS / "answering.json")
    machine = comparison.machine(report["environment"])
    took, ratio = report["milliseconds"], report["ratio"]
    return (
        f"**One picture** takes `fast` {took['fast']:.1f} ms, {ratio['fast']:.1f} times as long as "
        f"`classic`, and {ratio['fast_views']:.1f} times that with six looks (medians; "
        f"{machine})."
    )


def explaining() -> str:
    """How long the page takes to explain, beside a comparison."""
    report = store.read_json(REPORTS / "explaining.json")
    machine = comparison.machine(report["environment"])
    ratio = {name: f"{value:.2f}" for name, value in report["ratio"].items()}
    return (
        f"**Explaining**, in units of a comparison of the same picture by all three: *Why?* takes "
        f"{ratio['why_scratch']} for the scratch network, {ratio['why_pretrained']} for "
        f"EfficientNet-Lite0 and {ratio['why_transfer']} for the transfer head; a layer’s feature "
        f"maps {ratio['layers_scratch']} for the scratch network and {ratio['layers_vgg16']} for "
        f"VGG16 ({machine})."
    )


def evaluating() -> str:
    """How long an evaluation takes, beside the forward passes alone."""
    report = store.read_json(REPORTS / "evaluating.json")
    machine = comparison.machine(report["environment"])
    return (
        f"**Evaluating** {report['photos']} photos takes {report['dogs']['ratio']:.2f} times as "
        f"long as the forward passes alone with all three networks, and "
        f"{report['imagenet']['ratio']:.2f} times with EfficientNet-Lite0 alone "
        f"({machine})."
    )


def teaching() -> str:
    """What it takes to teach a head on cached features, and what a visitor's project takes."""
    report = store.read_json(REPORTS / "teaching.json")
    memory = store.read_json(REPORTS / "teaching_memory.json")
    machine = comparison.machine(report["environment"])
    apart, largest = report["kept_apart"], memory["largest"]
    return (
        f"**Teaching** {report['photos']} photos on cached features takes "
        f"{statistics.median(report['cached_seconds']):.1f} s, with the "
        f"{report['heads_trained_on_cached'] - 1} heads that measure it; the same head trained "
        f"through VGG16’s frozen base in every epoch takes {report['ratio']:,.0f} times as long "
        f"({report['ratio_with_extraction']:.0f} times, if extracting the features once is "
        f"counted), and is right on {percent(apart['through_base']['accuracy'])} of "
        f"{apart['cached']['n']} photos kept apart, the taught one on "
        f"{percent(apart['cached']['accuracy'])} ({machine}). "
        f"A project that takes no more pictures holds "
        f"{largest['pictures']} of them, with their copies' features "
        f"{largest['memory_bytes'] / 1e6:.0f} MB in memory and "
        f"{largest['disk_bytes'] / 1e6:.0f} MB on disk."
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
