"""Benchmarks the networks without the page: one picture, and the evaluation of many photos."""

import dataclasses
import itertools
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from imgrec import approaches
from imgrec.approaches import pretrained, scratch, transfer, vgg16
from imgrec.data import labelled_images
from imgrec.evaluation import evaluate
from imgrec.images.decode import open_image
from imgrec.networks.inference import BATCH
from scripts.benchmarks.page import PICTURE

PHOTOS = 1000  # maximum number to evaluate


def answering(rounds: int) -> dict[str, Any]:
    """Times the scratch networks on one picture, alternating; median milliseconds and ratios."""
    image = open_image(PICTURE)
    ways = {
        "classic": (scratch.CLASSIC, False),
        "fast": (scratch.DEFAULT, False),
        "fast_views": (scratch.DEFAULT, True),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in tqdm(range(rounds + 1)):
        for name, (weights, averaged) in ways.items():
            (verdict,) = scratch.predict([image], name=weights, use_tta=averaged)
            times[name].append(verdict.milliseconds)
    medians = {name: statistics.median(each[1:]) for name, each in times.items()}
    return {
        "milliseconds": {name: round(value, 2) for name, value in medians.items()},
        "ratio": {
            "fast": round(medians["fast"] / medians["classic"], 2),
            "fast_views": round(medians["fast_views"] / medians["fast"], 2),
        },
    }


def evaluating(rounds: int, photos: Path) -> dict[str, Any]:
    """Times an evaluation and its bare forward passes, alternating; seconds and ratios."""
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
    """Returns the seconds of the forward passes alone, batch by batch, without preprocessing."""
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
    """Returns the approach's views of the pictures, uint8 (n, side, side, 3)."""
    return np.stack([np.asarray(approach.view(picture)) for picture in pictures])
