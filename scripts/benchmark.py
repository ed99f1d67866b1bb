"""Measures the page, evaluation and training, each beside what it is compared with, on one machine.

    python scripts/benchmark.py startup          # beside an empty gradio page
    python scripts/benchmark.py while_training   # answers while a training runs, beside alone
    python scripts/benchmark.py explaining       # explanations, beside a comparison
    python scripts/benchmark.py answering        # fast, with one look and six, beside classic
    python scripts/benchmark.py evaluating --photos DIR    # beside the bare forward passes
    python scripts/benchmark.py teaching --photos DIR      # beside every epoch through the base
    python scripts/benchmark.py teaching_memory  # full projects of many visitors, beside none
    python scripts/benchmark.py training [--runs DIR]      # fast beside classic, an hour or so
    python scripts/benchmark.py training_float32 [--runs DIR]    # the same, where bfloat16 is slow

`startup` starts `demo.py` and an empty `launch()` in turn, each in a fresh process, and takes the
time until the page answers over HTTP. `while_training` asks the running page to compare a picture,
over and over, before and while it trains the scratch network. `explaining` asks it in turn for a
comparison and for what explains it. `answering` asks no page: it takes in turn the time of the
scratch networks for one picture. Nor does `evaluating`: it evaluates up to 1,000 photos that are
named by their WordNet id, with all three networks and with the pre-trained one alone, and in turn
only runs the networks on the same batches, prepared before. `teaching` teaches the head of
`dog or not` from 64 such photos, on features as the page does, and in turn with all of VGG16's
base before it in every epoch; both are measured on all the others. `teaching_memory` asks no page
either: it fills as many projects as there are rounds with as many pictures as go in, each with
augmented copies, and counts bytes; noise stands in for VGG16's features, which would take hours and
be as large. `training` trains the scratch networks by their own recipes, an epoch of one and an
epoch of the other in turn, so that a busy moment of the machine meets both; each one's time is
that of its own epochs, with their validation, and its first takes the set-up along. Three epochs of
`classic` in bfloat16 lie between them. One that was killed goes on, with the same --runs, after the
last whole epoch. `training_float32` is for a processor that gains nothing by bfloat16: in float32,
it trains `fast` for five epochs, a whole training, times three of `classic` between them, and
reckons with as many as their recipes have. Each writes its report to assets/reports; the ratio of
the medians, or of the times, is what compares between machines.
"""

import argparse
import contextlib
import ctypes
import dataclasses
import gc
import io
import itertools
import mmap
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import httpx
import numpy as np
from gradio_client import Client, handle_file
from PIL import Image
from tqdm import tqdm

from imgrec import approaches
from imgrec.approaches import pretrained, scratch, transfer, vgg16
from imgrec.data import cifar10, labelled_images
from imgrec.data.cifar10 import Cifar10
from imgrec.errors import ImgrecError
from imgrec.evaluation import evaluate
from imgrec.files.paths import IMAGES, REPORTS, ROOT
from imgrec.images.decode import open_image
from imgrec.metrics.classification import wilson
from imgrec.models import store
from imgrec.networks.inference import BATCH
from imgrec.teaching import classifier, pictures
from imgrec.teaching.project import MOST_PICTURES, Project, Settings, projects
from imgrec.training.recipes import HEAD_RECIPES, USUAL, Recipe

EMPTY = "import gradio as gr\nwith gr.Blocks() as d: pass\nd.launch(server_port={port}, quiet=True)"
TIMEOUT = 120  # seconds
PHOTOS = 1000  # at most so many are evaluated
PICTURE = IMAGES / "examples" / "cifar10_dog.png"
# What explains a comparison, by the name in the report: the endpoint, and what follows the picture.
EXPLANATIONS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "why_scratch": ("/explain", ("scratch",)),
    "why_pretrained": ("/explain", ("pretrained",)),
    "why_transfer": ("/explain", ("transfer",)),
    "layers_scratch": ("/feature_maps", ("scratch",)),
    "layers_vgg16": ("/feature_maps", ("vgg16", "block1_conv1")),
}
# Who trains beside whom; of `classic` in bfloat16 only the time is wanted: a few epochs tell it.
RACE = {
    "classic": USUAL["classic"],
    "fast": USUAL["fast"],
    "classic_bfloat16": dataclasses.replace(USUAL["classic"], mixed_precision=True, epochs=3),
}
RACE_IN_FLOAT32 = {
    name: dataclasses.replace(USUAL[name], mixed_precision=False, epochs=epochs)
    for name, epochs in {"classic": 3, "fast": 5}.items()
}


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def seconds_to_answer(command: list[str], port: int) -> float:
    """Starts the command, waits until its page answers, and ends it."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for(f"http://127.0.0.1:{port}", process)
        return time.perf_counter() - started
    finally:
        process.terminate()
        process.wait()


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    """Returns when the page answers. Raises TimeoutError if it doesn't, or its process ended."""
    started = time.perf_counter()
    while time.perf_counter() - started < TIMEOUT and process.poll() is None:
        try:
            httpx.get(url, timeout=TIMEOUT).raise_for_status()
            return
        except httpx.HTTPError:
            time.sleep(0.02)
    raise TimeoutError(f"{url} does not answer.")


def startup(rounds: int) -> dict[str, Any]:
    """Seconds until each page answers, in turn, and the ratio of the medians."""
    demo: list[float] = []
    empty: list[float] = []
    for _ in tqdm(range(rounds)):
        port = free_port()
        code = EMPTY.format(port=port)
        empty.append(seconds_to_answer([sys.executable, "-c", code], port))
        port = free_port()
        demo.append(seconds_to_answer([sys.executable, "demo.py", "--port", str(port)], port))
    return {
        "demo_seconds": [round(value, 2) for value in demo],
        "empty_seconds": [round(value, 2) for value in empty],
        "ratio": round(statistics.median(demo) / statistics.median(empty), 3),
    }


def while_training(rounds: int) -> dict[str, Any]:
    """Seconds of an answer with nothing else going on and beside a training, and their ratio."""
    cifar10.load_cifar10()  # the page only trains on what is here
    with running_demo() as client:
        seconds_of_answers(client, rounds)  # meanwhile the page loads what it may need later
        alone = seconds_of_answers(client, rounds)
        run = client.predict({"network": scratch.DEFAULT}, "", api_name="/train_scratch")
        while client.predict(run, api_name="/train_status")["step"] < 2:
            time.sleep(0.5)
        beside = seconds_of_answers(client, rounds)
    return {
        "alone_seconds": alone,
        "while_training_seconds": beside,
        "ratio": round(statistics.median(beside) / statistics.median(alone), 2),
    }


def explaining(rounds: int) -> dict[str, Any]:
    """Median seconds of a comparison and of what explains it, in turn, and the ratios to it."""
    calls = {"compare": ("/compare", ()), **EXPLANATIONS}
    times: dict[str, list[float]] = {name: [] for name in calls}
    with running_demo() as client:
        for _ in tqdm(range(rounds + 1)):
            for name, (endpoint, more) in calls.items():
                times[name].append(seconds_of_answer(client, endpoint, *more))
    medians = {name: statistics.median(each[1:]) for name, each in times.items()}
    return {
        "seconds": {name: round(value, 3) for name, value in medians.items()},
        "ratio": {name: round(medians[name] / medians["compare"], 2) for name in EXPLANATIONS},
    }


def answering(rounds: int) -> dict[str, Any]:
    """Median milliseconds of one picture through the scratch networks, in turn, and ratios."""
    image = open_image(PICTURE)
    ways = {
        "classic": (scratch.CLASSIC, False),
        "fast": (scratch.DEFAULT, False),
        "fast_views": (scratch.DEFAULT, True),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in tqdm(range(rounds + 1)):
        for name, (weights, averaged) in ways.items():
            (verdict,) = scratch.predict([image], name=weights, averaged=averaged)
            times[name].append(verdict.milliseconds)
    medians = {name: statistics.median(each[1:]) for name, each in times.items()}
    return {
        "milliseconds": {name: round(value, 2) for name, value in medians.items()},
        "ratio": {
            "fast": round(medians["fast"] / medians["classic"], 2),
            "fast_views": round(medians["fast_views"] / medians["fast"], 2),
        },
    }


@contextlib.contextmanager
def running_demo() -> Iterator[Client]:
    """A client of a demo that runs in a process of its own, with no runs yet."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, "demo.py", "--port", str(port), "--runs-dir", folder],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for(f"http://127.0.0.1:{port}", process)
            yield Client(f"http://127.0.0.1:{port}", verbose=False)
        finally:
            process.terminate()
            process.wait()


def seconds_of_answers(client: Client, rounds: int) -> list[float]:
    """The time of each of `rounds` comparisons of one picture, over HTTP, after a first one."""
    times = [round(seconds_of_answer(client, "/compare"), 3) for _ in tqdm(range(rounds + 1))]
    return times[1:]


def seconds_of_answer(client: Client, endpoint: str, *more: Any) -> float:
    """The time that the endpoint takes for one picture, over HTTP."""
    started = time.perf_counter()
    client.predict(handle_file(str(PICTURE)), *more, api_name=endpoint)
    return time.perf_counter() - started


def evaluating(rounds: int, photos: Path) -> dict[str, Any]:
    """Seconds of an evaluation and of its bare forward passes, in turn, and their ratios."""
    whole_set = labelled_images.open_set(photos, "imagenet")
    first = list(itertools.islice(whole_set.items(), PHOTOS))
    some = dataclasses.replace(whole_set, count=len(first), items=lambda: iter(first))
    report: dict[str, Any] = {"photos": len(first)}
    for name, chosen in {"dogs": approaches.NAMES, "imagenet": ("pretrained",)}.items():
        whole: list[float] = []
        bare: list[float] = []
        for _ in tqdm(range(rounds), name):
            started = time.perf_counter()
            evaluate.measure(some, chosen)
            whole.append(time.perf_counter() - started)
            bare.append(seconds_of_forward_passes(first, chosen))
        report[name] = {
            "evaluation_seconds": [round(value, 2) for value in whole],
            "forward_seconds": [round(value, 2) for value in bare],
            "ratio": round(statistics.median(whole) / statistics.median(bare), 3),
        }
    return report


def seconds_of_forward_passes(photos: list[labelled_images.Item], chosen: Sequence[str]) -> float:
    """The time that the networks alone take, a batch at a time; what prepares it is not counted."""
    seconds = 0.0
    for start in range(0, len(photos), BATCH):
        pictures = [open_image(photo.read()) for photo in photos[start : start + BATCH]]
        small = scratch.preprocess(viewed(scratch, pictures))
        large = viewed(vgg16, pictures)
        for_vgg16, for_stand_in = vgg16.preprocess(large), pretrained.preprocess_stand_in(large)
        started = time.perf_counter()
        if "scratch" in chosen:
            scratch.load(scratch.DEFAULT).run(small)
        if "transfer" in chosen:
            transfer.load(transfer.DEFAULT).run(vgg16.base().run(for_vgg16)[0])
        if "pretrained" in chosen:
            pretrained.load_stand_in().run(for_stand_in)
        seconds += time.perf_counter() - started
    return seconds


def viewed(approach: ModuleType, pictures: Sequence[Image.Image]) -> np.ndarray:
    """The pictures as the approach sees them: uint8 (n, side, side, 3)."""
    return np.stack([np.asarray(approach.view(picture)) for picture in pictures])


def teaching(rounds: int, photos: Path) -> dict[str, Any]:
    """Seconds of a training on cached features and through the frozen base, in turn, their ratio.

    The former are of the head and of all those that judge it; the latter of the head alone, with
    as many epochs and as large a batch. Nothing is warmed up.
    """
    files, classes = cifar10.imagenet_files(photos)
    dogs = cifar10.is_dog(classes).astype(int)
    drawn = cifar10.draw_dog_photos(classes, seed=1)
    views = [vgg16.view(open_image(file)) for file in tqdm(files, "photos")]
    started = time.perf_counter()
    features = pooled([view for view, chosen in zip(views, drawn, strict=True) if chosen])
    extraction = time.perf_counter() - started
    apart = pooled([view for view, chosen in zip(views, drawn, strict=True) if not chosen])
    inputs = vgg16.preprocess(np.stack([np.asarray(views[i]) for i in np.flatnonzero(drawn)]))
    count = len(features)
    examples = classifier.Examples(features, dogs[drawn], np.arange(count), np.zeros(count, bool))
    cached: list[float] = []
    through_base: list[float] = []
    for _ in range(rounds):
        head = classifier.teach(examples, ("not a dog", "dog"))
        cached.append(head.seconds)
        kernel, bias, seconds = taught_through_base(inputs, dogs[drawn])
        through_base.append(seconds)
    slow, fast = statistics.median(through_base), statistics.median(cached)
    return {
        "photos": count,
        "epochs": HEAD_RECIPES["pooled"].epochs,
        "batch_size": count,
        "extraction_seconds": round(extraction, 2),
        "cached_seconds": [round(value, 3) for value in cached],
        "heads_trained_on_cached": 1 + head.honest.folds * head.honest.repeats,
        "through_base_seconds": [round(value, 1) for value in through_base],
        "ratio": round(slow / fast, 1),
        "ratio_with_extraction": round(slow / (fast + extraction), 1),
        "honest": {name: getattr(head.honest, name) for name in ("accuracy", "low", "high")},
        "kept_apart": {
            "cached": accuracy(apart @ head.kernel + head.bias, dogs[~drawn]),
            "through_base": accuracy(apart @ kernel + bias, dogs[~drawn]),
        },
    }


def pooled(views: Sequence[Image.Image]) -> np.ndarray:
    """The pooled features of VGG16's views, float32 (n, 512), a batch at a time."""
    starts = range(0, len(views), pictures.BATCH)
    batches = [views[start : start + pictures.BATCH] for start in starts]
    return np.concatenate([pictures.pooled(batch) for batch in tqdm(batches, "features")])


def taught_through_base(
    inputs: np.ndarray, right: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """Trains the same head with the frozen base before it, in every epoch; kernel, bias, seconds.

    Inputs are float32 (n, 224, 224, 3), as `vgg16.preprocess` gives them, right classes (n,); as
    many of each. The features of the base stay what they are, so the head alone is judged.
    """
    import keras

    from imgrec.networks import cifar10 as networks

    recipe = HEAD_RECIPES["pooled"]
    base = vgg16.base().model
    base.trainable = False
    head = networks.pooled_head(l2=recipe.l2, classes=2)
    for weight in head.weights:  # so does the head on cached features begin
        weight.assign(np.zeros(weight.shape))
    model = keras.Sequential([base, head])
    adam = keras.optimizers.Adam(recipe.learning_rate)
    model.compile(adam, "sparse_categorical_crossentropy")
    started = time.perf_counter()
    model.fit(inputs, right, batch_size=len(inputs), epochs=recipe.epochs, verbose=2)
    seconds = time.perf_counter() - started
    kernel, bias = (np.asarray(weight) for weight in head.weights)
    return kernel, bias, seconds


def accuracy(logits: np.ndarray, right: np.ndarray) -> dict[str, Any]:
    """How often the most probable of (n, classes) is right, with its interval."""
    count = int((logits.argmax(axis=1) == right).sum())
    low, high = wilson(count, len(right))
    return {"n": len(right), "accuracy": count / len(right), "low": low, "high": high}


def teaching_memory(rounds: int) -> dict[str, Any]:
    """Bytes of full projects, of the process with and without them, and of looking at pictures.

    The projects are filled twice, to tell what stays from what grows.
    """
    full = filled(noise((1024, 768)))
    pictures_kept, (memory, disk) = full.count, full.size()
    full.close()
    small = list(itertools.islice(noise((160, 120)), MOST_PICTURES + 1))
    report: dict[str, Any] = {
        "sessions": rounds,
        "largest": {"pictures": pictures_kept, "memory_bytes": memory, "disk_bytes": disk},
        "resident_bytes_before": in_use(),
    }
    for which in ("first", "second"):
        names = tqdm(range(rounds), f"{which} sessions")
        tokens = [projects.create(filled(iter(small))) for _ in names]
        sizes = [projects.get(token).size() for token in tokens]
        counts = [projects.get(token).count for token in tokens]
        report[which] = {
            "pictures_each": min(counts),
            "memory_bytes_each": max(size.memory for size in sizes),
            "resident_bytes": in_use(),
        }
        for token in tokens:
            projects.remove(token)
        report[which]["resident_bytes_after"] = in_use()
    return {**report, "looking": looking(rounds)}


def noise(size: tuple[int, int]) -> Iterator[bytes]:
    """JPEGs without end, each of other pixels."""
    random = np.random.default_rng(1)
    while True:
        coarse = random.integers(0, 256, (size[1] // 8, size[0] // 8, 3), np.uint8)
        picture = np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC), int)
        grain = random.normal(0, 12, picture.shape)
        buffer = io.BytesIO()
        Image.fromarray((picture + grain).clip(0, 255).astype(np.uint8)).save(buffer, "JPEG")
        yield buffer.getvalue()


def filled(jpegs: Iterator[bytes]) -> Project:
    """A project that takes no more pictures, with stand-ins for its features and their copies'."""
    project = Project()
    index = project.add_class("full")
    project.configure(Settings(augment=True))
    while not project.add(index, [("noise.jpg", next(jpegs))]).refused:
        pass
    random = np.random.default_rng(1)
    with mock.patch(
        "imgrec.teaching.project.pooled", lambda views: random.random((len(views), 512), "float32")
    ):
        project.extract()
    return project


def looking(visitors: int) -> dict[str, Any]:
    """Bytes of the process while so many visitors have VGG16 look at pictures, beyond those before.

    A first look is not counted: it loads the network.
    """
    jpegs = noise((320, 240))
    pictures.pooled([vgg16.view(open_image(next(jpegs)))])
    before, most = in_use(), 0
    looked = [Project() for _ in range(visitors)]
    for project in looked:
        given = [(f"{n}.jpg", next(jpegs)) for n in range(pictures.BATCH)]
        project.add(project.add_class(), given)
    with ThreadPoolExecutor(visitors) as pool:
        ends = [pool.submit(project.extract) for project in looked]
        while not all(end.done() for end in ends):
            most = max(most, resident())
            time.sleep(0.01)
        for end in ends:
            end.result()
    for project in looked:
        project.close()
    return {"visitors": visitors, "passes_at_once": pictures.PASSES, "more_bytes": most - before}


def in_use() -> int:
    """Bytes of this process in the machine's memory, after what it has freed went back."""
    gc.collect()
    with contextlib.suppress(AttributeError):  # of glibc alone
        ctypes.CDLL(None).malloc_trim(0)
    return resident()


def resident() -> int:
    """Bytes of this process in the machine's memory, by Linux."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * mmap.PAGESIZE


def training(folder: Path, data: Cifar10, recipes: Mapping[str, Recipe] = RACE) -> dict[str, Any]:
    """Seconds and accuracies of the networks, trained side by side into the folder, and ratios."""
    sittings, laps = shown_race(recipes, data, folder)
    classic, fast = (trained(folder / name, laps[name]) for name in ("classic", "fast"))
    few, epochs = laps["classic_bfloat16"], recipes["classic"].epochs
    bfloat16 = reckoned(few, epochs)
    return {
        "classic": classic,
        "fast": fast,
        "classic_bfloat16": {
            "epochs_timed": len(few),
            f"seconds_for_{epochs}": round(bfloat16, 1),
        },
        "ratio": round(fast["seconds"] / classic["seconds"], 3),
        "ratio_bfloat16": round(fast["seconds"] / bfloat16, 3),
        "sittings": sittings,
        "data_sha256": data.sha256(),
    }


def training_float32(
    folder: Path, data: Cifar10, recipes: Mapping[str, Recipe] = RACE_IN_FLOAT32
) -> dict[str, Any]:
    """Seconds of the recipes in float32, reckoned from a few epochs side by side, and ratios.

    `short` is the training of `fast` in a few epochs.
    """
    sittings, laps = shown_race(recipes, data, folder)
    whole = {name: reckoned(laps[name], USUAL[name].epochs) for name in recipes}
    short = trained(folder / "fast", laps["fast"])
    return {
        **{
            name: {
                "epochs": USUAL[name].epochs,
                "epochs_timed": len(laps[name]),
                "seconds": round(seconds, 1),
            }
            for name, seconds in whole.items()
        },
        "short": short,
        "ratio": round(whole["fast"] / whole["classic"], 3),
        "ratio_short": round(short["seconds"] / whole["classic"], 3),
        "sittings": sittings,
        "data_sha256": data.sha256(),
    }


def reckoned(few: Sequence[float], epochs: int) -> float:
    """Seconds of so many epochs, where the first of a few took the set-up along."""
    return few[0] + (epochs - 1) * statistics.mean(few[1:])


Laps = dict[str, list[float]]  # seconds of each epoch, by name


def shown_race(recipes: Mapping[str, Recipe], data: Cifar10, folder: Path) -> tuple[int, Laps]:
    """The `race` with a bar and a line an epoch."""
    total = sum(recipe.epochs for recipe in recipes.values())
    with tqdm(total=total, unit="epoch") as bar:

        def show(name: str, laps: Laps) -> None:
            bar.update(sum(len(each) for each in laps.values()) - bar.n)
            bar.write(f"{name}, epoch {len(laps[name])}: {laps[name][-1]:.1f} s")

        return race(recipes, data, folder, show)


def race(
    recipes: Mapping[str, Recipe],
    data: Cifar10,
    folder: Path,
    on_epoch: Callable[[str, Laps], None] = lambda name, laps: None,
) -> tuple[int, Laps]:
    """Trains all the recipes to their ends, an epoch in turn, each into a run of the folder.

    Whoever has done the smallest share of its epochs is next. Returns how many sittings it took,
    for each one after the first pays for its set-up again, and the seconds of the epochs.
    """
    from imgrec.training.scratch import epoch_by_epoch  # loads TensorFlow

    notes = folder / "laps.json"
    before = store.read_json(notes) if notes.exists() else {}
    sittings: int = before.get("sittings", 0) + 1
    laps: Laps = {name: before.get(name, []) for name in recipes}
    for name in recipes:  # it may have been killed between an epoch and its note
        laps[name] += told(folder / name, "seconds")[len(laps[name]) :]
    trainings = {
        name: epoch_by_epoch(recipe, data, folder / name)
        for name, recipe in recipes.items()
        if not (folder / name / "report.json").exists()
    }
    while trainings:
        name = min(trainings, key=lambda name: len(laps[name]) / recipes[name].epochs)
        started = time.perf_counter()
        if next(trainings[name], None) is None:
            del trainings[name]
            continue
        laps[name].append(round(time.perf_counter() - started, 3))
        store.write_json(notes, {"sittings": sittings, **laps})
        on_epoch(name, laps)
    return sittings, laps


def told(run: Path, curve: str) -> list[float]:
    """A curve of a run's history, as far as it has come."""
    file = run / "history.json"
    return store.read_json(file)[curve] if file.exists() else []


def trained(run: Path, laps: Sequence[float]) -> dict[str, Any]:
    """What a finished run reached, and when."""
    report = store.read_json(run / "report.json")
    figures = ("test_accuracy", "test_accuracy_views", "parameters")
    return {
        "epochs": report["epochs"],
        "seconds": round(sum(laps), 1),
        **{name: report[name] for name in figures if name in report},
        "val_accuracy": told(run, "val_accuracy"),
        "elapsed": [round(seconds, 1) for seconds in itertools.accumulate(laps)],
    }


MEASURES: dict[str, tuple[Callable[..., dict[str, Any]], int]] = {
    "startup": (startup, 5),
    "while_training": (while_training, 20),
    "explaining": (explaining, 10),
    "answering": (answering, 200),
    "evaluating": (evaluating, 3),
    "teaching": (teaching, 1),
    "teaching_memory": (teaching_memory, 20),
}
TRAININGS = {"training": training, "training_float32": training_float32}
WITH_PHOTOS = ("evaluating", "teaching")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=[*MEASURES, *TRAININGS])
    parser.add_argument("--rounds", type=int, help="measurements of each kind")
    parser.add_argument("--json", type=Path, help="default: the report in assets/reports")
    parser.add_argument("--photos", type=Path, help="named by their WordNet id")
    parser.add_argument("--runs", type=Path, help="where the trainings are kept, to go on with")
    options = parser.parse_args()
    command = f"scripts/benchmark.py {options.what}"
    try:
        if options.what in TRAININGS:
            folder = options.runs or Path(tempfile.mkdtemp(prefix="imgrec-training-"))
            print(f"The runs are in {folder}.", file=sys.stderr)
            report = TRAININGS[options.what](folder, cifar10.load_cifar10())
        else:
            measure, usual = MEASURES[options.what]
            rounds = options.rounds or usual
            command += f" --rounds {rounds}"
            more = [options.photos] if options.what in WITH_PHOTOS else []
            if None in more:
                parser.error(f"{options.what} wants --photos DIR")
            command += " --photos DIR" * len(more)
            report = measure(rounds, *more)
    except ImgrecError as error:
        sys.exit(str(error))
    store.write_json(
        options.json or REPORTS / f"{options.what}.json",
        {**report, "command": command, "environment": store.environment()},
    )
    print(report)


if __name__ == "__main__":
    main()
