"""The texts of the results tab; those of its panels are in the `.jinja` files beside this one."""

from imgrec.evaluation.comparison import ROUNDS
from imgrec.evaluation.figures import Group
from imgrec.ui.components.formatting import percent, share, unbroken

# The parts of the tab
TABLE, HOW_SURE, DISPUTED, YOUR_TEST = "Table", "How sure", "Disputed", "Your test"

# Table
SUMMARY_TITLE = "Somewhat, more, most accurate"
RANKS = ("somewhat accurate", "more accurate", "most accurate")
SHEET_LABEL = "The three approaches side by side"
COST = "What it takes"
OWN_TASK = "What it was made for"
DOG_QUESTION = "Is there a dog?"
TASKS = {
    "scratch": "the right one of ten kinds",
    "pretrained": "the right one of 1000 kinds",
    "transfer": "dog or no dog",
}
MEASURED_WITH = "measured with {model}"
LEARNT_FROM = "Learnt from"
IMAGES = "{images:,} images"
TRAINING_TOOK = "Training took"
AFTER_VGG16 = "after VGG16’s {before}"
LEARNT_HERE = "{learnt:,} of them learnt here"
VGG16 = "VGG16: {value}"  # beside what the stand-in has
PARAMETERS = ("Parameters", "the numbers that training sets")
ON_DISK = "On disk"
ONE_PICTURE_TAKES = ("One picture takes", "on this machine")
UNTIMED = "not measured yet"
NOT_PUBLISHED = "not published"
ITS_PAPER = "says its paper"
MILLISECONDS = "{median} ms"
FASTEST_TO_SLOWEST = "{fastest} to {slowest} ms"
RIGHT_ANSWERS = ("Right answers", "below: the 95 % interval")
DOGS_FOUND = "Dogs found"
OTHERS_TAKEN = "Others taken for dogs"
DOGS_ABOVE = (
    "Dogs above others",
    "how often a dog gets the higher probability of two pictures (ROC AUC)",
)
INTERVAL = "{low:.1f} to {high:.1f} %"
TASK_OF = "{task}, of {pictures}"
AMONG_FIRST_FIVE = "{top5} among the first five"
MEASURE_TIME = "Measure the time here"
MEASURING = f"Measuring: {ROUNDS} rounds …"
TIMED = (
    f"The median of {ROUNDS} rounds with the first example, in which the three took turns; below "
    "it the fastest and the slowest."
)


def dogs_among(photos: int, dogs: int) -> str:
    """Heads the answers to the dog question."""
    return f"{DOG_QUESTION} {photos:,} photos, {dogs:,} of them with a dog"


# How sure
CALIBRATION_INTRO = """
### How far can they be believed?

A network doesn’t only answer, it says how sure it is. It can be believed if, of all pictures of
which it says 90 %, it is right on nine in ten. Each diagram shows for whole groups of answers what
the network says, and how many of them are right. On the dashed line it means what it says; below
it, it is surer than it should be; above it, it could be surer.

*Calibrating* mends that: what the network computes just before its answer is divided by one number,
its *temperature*, which is found on pictures that it did not learn from. How sure it is changes;
what it takes for most probable does not.
"""
TEN_KINDS_TITLE = "From scratch: which of ten kinds?"
DOG_TITLE = "{approach}: is there a dog?"
RIGHT, DOGS = "right", "dogs"  # what a diagram's probability predicts


def calibration(
    ece: float, calibrated: float | None, surest: int, said: float, true: float, right: str
) -> str:
    """Describes the calibration error, raw and calibrated, and the surest answers' accuracy."""
    after = "" if calibrated is None else f"; calibrated, by {100 * calibrated:.1f}"
    answers = f"{surest:,} surest answers say" if surest > 1 else "surest answer says"
    average = " on average" if surest > 1 else ""
    return unbroken(
        f"What it says is off by {100 * ece:.1f} percentage points on average{after}. "
        f"Its {answers} {percent(said)}{average}; {share(true)} of them are {right}."
    )


GROUPS: dict[Group, str] = {
    "cifar10": "CIFAR-10 test images, such as it learnt from",
    "ten_kinds": "photos of its ten kinds",
    "unclear": "photos of what is near these, such as wolves and buses",
    "other": "photos of other things",
}
SCORES = {
    "energy": "the energy of all ten results",
    "maximum_logit": "the greatest of the ten results",
    "maximum_probability": "the greatest probability",
}
FLAG_SCORE = "{score}, the sign’s own measure"

# Disputed
WHAT_THEY_DISAGREE_ON = "### What they disagree on"
OUTLIER = {True: "alone is right", False: "alone is wrong", None: "says what no other says"}
THEY_AGREE = ("They agree", "On all of the {pictures} they agree.")
ONE_PICTURE = ("One picture", "Press a picture to see what each network says.")
SEND_TO_COMPARE = "Send to Compare"
NO_LABEL = "No label tells"
DOG_LABELS = {True: "a dog", False: "not a dog", None: ""}

# Your test
HEADING = "Drop a zip or a folder of labelled pictures here"
NOTE = (
    "At most {most:,} pictures; a zip, or a picture, may have {mebibytes} MiB. Nothing is shared "
    "with others."
)
WHICH_NETWORKS = "Which trained networks answer"
STOP = "Stop"
STOPPED = ("Stopped", "The test was stopped; drop the pictures again to start anew.")
YOUR_PICTURES = "Your pictures"
WAITING = "{pictures}: it begins as soon as its turn comes."
FIRST_PICTURES = "The networks look at the first pictures."
PROGRESS = "{done:,} of {pictures}, about {left} left"
