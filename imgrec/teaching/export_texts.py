"""The README and the runnable example that accompany an exported network."""

from pathlib import Path
from string import Template

from imgrec.environment import environment
from imgrec.teaching.classifier import TaughtHead

INTO = {
    "keras": "float32 or uint8 (n, 224, 224, 3):",
    "tflite": "float32 (1, 224, 224, 3), one picture at a time:",
    "saved_model": "float32 or uint8 (n, 224, 224, 3):",
}

TEMPLATES = Path(__file__).with_name("export_templates")
# An export replaces this line of example.py with the text of `ask_<kind>.py`, which loads the model
# and defines `ask`: float32 (n, 224, 224, 3) to probabilities (n, classes).
ASK = "from ask import ask\n"


def example(kind: str) -> str:
    """Returns a program that classifies pictures with an export of that kind."""
    return _text("example.py").replace(ASK, _text(f"ask_{kind}.py"))


def readme(kind: str, file: str, head: TaughtHead, compared: int, difference: float) -> str:
    """Returns the README of an export: usage, accuracy and licence."""
    made = environment()
    return Template(_text("README.txt")).substitute(
        names=", ".join(head.class_names),
        file=file,
        classes=len(head.class_names),
        into=INTO[kind],
        honest=head.cross_validation.in_words,
        compared=compared,
        difference=f"{difference:.7f}",
        versions=f"Keras {made['keras']}, TensorFlow {made['tensorflow']}",
    )


def _text(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")
