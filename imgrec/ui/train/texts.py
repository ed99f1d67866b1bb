"""The texts of the training tab; those of its panels are in the `.jinja` files beside this one."""

from typing import Any

from imgrec.training.recipes import DEFAULT_RECIPES

WHAT_LEARNS = "What learns"
KINDS = {"scratch": "The scratch network", "transfer": "The transfer head"}

# Labels of the settings, and what is explained below them, by their names in `Recipe`.
Setting = dict[str, Any]
RECIPE: Setting = {"label": "Recipe", "info": "Fills in the settings below."}
MORE_SETTINGS = "More settings"
RUN_NAME = "Name of the run"
SCRATCH: dict[str, Setting] = {
    "network": {"label": "Network", "info": "Fills in its own recipe."},
    "epochs": {"label": "Epochs"},
    "limit": {"label": "Training images"},
    "optimizer": {
        "label": "Optimizer",
        "info": "Muon turns all filters of a layer equally fast.",
    },
    "learning_rate": {
        "label": "Learning rate",
        "info": f"Muon wants about {DEFAULT_RECIPES['fast'].learning_rate:g}, "
        f"Adam about {DEFAULT_RECIPES['classic'].learning_rate:g}.",
    },
    "schedule": {
        "label": "Learning rate schedule",
        "info": "Linear: it falls evenly to 0 at the end.",
    },
    "batch_size": {"label": "Batch size", "info": "Images that it learns from in one step."},
    "dropout": {"label": "Dropout"},
    "label_smoothing": {"label": "Label smoothing"},
    "whitening": {"label": "Whitening: the first layer is set from the images, not learnt"},
    "augmentation": {"label": "Augmentation: the images are a little different in each epoch"},
    "flip": {"label": "Mirrored in an epoch"},
    "shift": {"label": "Shifted by up to (pixels)"},
    "cutout": {"label": "Covered square (pixels)"},
    "patience": {"label": "Early stopping: patience (0: never)"},
    "restore_best": {"label": "Keep the weights of the best epoch, not of the last"},
    "mixed_precision": {"label": "Mixed precision (bfloat16)"},
    "seed": {"label": "Seed"},
}
FLIPS = {"random": "Any half", "alternating": "One half, then the other"}
SCRATCH_RUN_NAME = "network and time"  # what a run is called without another name

HEADS = {"pooled": "Pooled features, one neuron", "flatten": "All features, dense layers"}
PHOTOS = "Photos"
HEAD: dict[str, Setting] = {
    "head": {"label": "Head"},
    "epochs": {"label": "Epochs"},
    "learning_rate": {"label": "Learning rate"},
    "hidden": {"label": "Hidden neurons"},
    "l2": {"label": "Weight decay (L2)"},
    "apart": {"label": "Share kept apart for validation"},
    "seed": {"label": "Seed"},
}
HEAD_RUN_NAME = "head and time"

TRAINING_IS_OFF = (
    "Training the scratch network is off on this public page; whoever runs it can allow it with "
    "--allow-training. The head can be trained: it takes some seconds."
)


def epochs_limit(epochs: int) -> str:
    return f"Visitors may train {epochs}."


def estimated(duration: str) -> str:
    return f"About {duration} on this machine, from a few timed steps."


# The buttons of a training, and what is displayed of it.
START, PAUSE, CONTINUE, STOP, FINISH = "Start", "Pause", "Go on", "Stop", "Finish here"
START_HEAD = "Train the head"
NO_RUN_YET = ("Training", "Looking for runs.")
STATES = {
    "starting": "is starting",
    "training": "is learning",
    "paused": "is paused",
    "stopping": "is stopping",
    "measuring": "is being measured",
    "finished": "has finished",
    "stopped": "was stopped",
    "interrupted": "was interrupted",
    "failed": "failed",
}
CURVES_OF, OVER = "Curves of", "Over"
LOG = "Log"

# The table of runs, and the buttons for the selected one.
RUNS = "### Runs"
HEADINGS = ("Run", "Network", "Recipe", "When", "Epochs", "Time", "Validation", "Test", "State")
HEAD_NETWORK = "{} head"  # in the column Network
SHIPS = "ships"  # in the column State
UNKNOWN_RECIPE, DEFAULT_RECIPE = "unknown", "as it comes"
COUNTED_SETTINGS = {"epochs": "epoch", "limit": "image", "hidden": "hidden neuron"}
SETTINGS = {"l2": "weight decay", "apart": "kept apart"}  # whose words are not their names
RUN = "Run"
USE, RESUME, RENAME, DOWNLOAD, DELETE = "Use it", "Resume", "Rename", "Download", "Delete"
NEW_NAME, RENAME_NOW = "New name", "Rename it"
DELETE_NOW, KEEP = "Delete it for good", "Keep it"
CHOSEN = "Chosen"


def used(run: str, approach: str) -> str:
    return f"Compare and {approach} answer with {run} now."


# What is refused.
NO_DOWNLOADS = "Downloads are off on this server."
NO_MANAGING = "On a public page runs can't be renamed or deleted."
