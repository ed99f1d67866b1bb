"""What lies beside an exported network: how to use it, and a short example that runs as it is."""

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
# Where this line stands in example.py, an export gets the text of `ask_<kind>.py`: it loads the
# model, and defines `ask` from float32 (n, 224, 224, 3) to probabilities, (n, classes).
ASK = "from ask import ask\n"


def example(kind: str) -> str:
    """The program that asks an export of that kind about pictures."""
    return _text("example.py").replace(ASK, _text(f"ask_{kind}.py"))


def readme(kind: str, file: str, head: TaughtHead, compared: int, difference: float) -> str:
    """How to use an export, and how far to believe it, for a person."""
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
