"""Made-up reports, with short numbers, and the keys of an answer."""

from itertools import accumulate

MACHINE = {"processor": "<b>Abacus</b>", "cores": 2}


def network(accuracies, seconds: float, test: float, **more):
    """A network's part of the report: each epoch took so many seconds."""
    elapsed = list(accumulate([seconds] * len(accuracies)))
    return {
        "epochs": len(accuracies),
        "seconds": elapsed[-1],
        "elapsed": elapsed,
        "val_accuracy": list(accuracies),
        "test_accuracy": test,
        "parameters": 1234,
        **more,
    }


TRAINING = {
    "fast": network([0.5, 0.75, 0.935], 120, 0.931, test_accuracy_views=0.942),
    "classic": network([0.42, 0.6, 0.7, 0.745, 0.74], 300, 0.733),
    "classic_bfloat16": {"epochs_timed": 3, "seconds_for_5": 720},
    "ratio": 0.24,
    "ratio_bfloat16": 0.5,
    "environment": MACHINE,
}
ABLATION = {
    "epochs": 5,
    "images": 12_500,
    "batch_size": 500,
    "rows": [
        {"without": None, "instead": None, "test_accuracy": 0.9},
        {"without": "a", "instead": "b", "test_accuracy": 0.904},
        {"without": "c", "instead": "d", "test_accuracy": 0.85},
    ],
    "times_as_long": {"float32": 2.25, "keras_normalization": 1.5},
}
SEEDS = {
    "seeds": [{"seed": 1}, {"seed": 2}, {"seed": 3}],
    "test_accuracy": {"mean": 0.93517, "deviation": 0.00114},
    "test_accuracy_views": {"mean": 0.94061, "deviation": 0.00093},
}

VERDICT_KEYS = [
    *("approach", "model", "stand_in", "classes", "dog", "dog_calibrated", "unfamiliar"),
    *("looks", "milliseconds"),
]
CLASS_KEYS = ["label", "probability", "calibrated"]
