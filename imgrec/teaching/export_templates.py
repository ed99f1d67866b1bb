"""What lies beside an exported network: how to use it, and a short example that runs as it is."""

from string import Template

from imgrec.environment import environment
from imgrec.teaching.classifier import TaughtHead

INTO = {
    "keras": "float32 or uint8 (n, 224, 224, 3):",
    "tflite": "float32 (1, 224, 224, 3), one picture at a time:",
    "saved_model": "float32 or uint8 (n, 224, 224, 3):",
}

# Which function gives probabilities, (n, classes), from float32 (n, 224, 224, 3), in each form.
ASKING = {
    "keras": """\
import keras

model = keras.models.load_model(HERE / "model.keras")


def ask(inputs):
    return np.asarray(model(inputs))
""",
    "tflite": """\
try:  # ai-edge-litert is the interpreter alone, and small
    from ai_edge_litert.interpreter import Interpreter
except ImportError:
    import tensorflow as tf

    Interpreter = tf.lite.Interpreter

interpreter = Interpreter(str(HERE / "model.tflite"))
interpreter.allocate_tensors()


def ask(inputs):  # one picture at a time
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], inputs)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
""",
    "saved_model": """\
import tensorflow as tf

model = tf.saved_model.load(str(HERE / "model"))


def ask(inputs):
    return model.serve(tf.constant(inputs)).numpy()
""",
}

EXAMPLE = Template('''\
"""What is in a picture? Run: python example.py photo.jpg"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

HERE = Path(__file__).resolve().parent
LABELS = (HERE / "labels.txt").read_text(encoding="utf-8").splitlines()

$asking

def view(file):
    """The middle of the picture as the network wants it: float32 (1, 224, 224, 3), 0 to 255."""
    picture = ImageOps.exif_transpose(Image.open(file)).convert("RGBA")
    rgb = Image.new("RGB", picture.size, "white")
    rgb.paste(picture, mask=picture)
    scale = 2048 / max(rgb.size)
    if scale < 1:  # as the page does first
        size = [max(1, round(scale * side)) for side in rgb.size]
        rgb = rgb.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    box = [0.0] * 4  # 224 of 256 pixels, where the shorter side is 256
    for axis, side in enumerate(rgb.size):
        resized = 256 * side // min(rgb.size)
        start = round((resized - 224) / 2)
        box[axis], box[axis + 2] = start * side / resized, (start + 224) * side / resized
    rgb = rgb.resize((224, 224), Image.Resampling.BICUBIC, box)
    return np.asarray(rgb, "float32")[None]


if __name__ == "__main__":
    for file in sys.argv[1:]:
        probabilities = ask(view(file))[0]
        for index in np.argsort(-probabilities):
            print(f"{LABELS[index]}: {100 * probabilities[index]:.1f} %")
''')

README = Template("""\
A classifier of pictures, taught with imgrec: $names

Try it       pip install tensorflow pillow
             python example.py photo.jpg
The model    $file, with everything in it: preprocessing, VGG16’s convolutions, what was taught
Goes in      $into
             pictures as RGB from 0 to 255; example.py shows how to cut them
Comes out    float32 (n, $classes): a probability for each line of labels.txt; they add up to 1
How good     Right on pictures that it had not seen: $honest
Checked      Loaded again, it said what the page says: on $compared pictures, the probabilities
             differed by $difference at most
Left out     “None of these”: for that the page compares a picture with yours, which are not
             in the model
Made with    $versions: these, or newer ones, read it
Licence      VGG16’s convolutions are under CC BY 4.0, see LICENSE-VGG16.txt: name the source if
             you pass this on; what you taught is yours
""")


def example(kind: str) -> str:
    """The program that asks an export of that kind about pictures."""
    return EXAMPLE.substitute(asking=ASKING[kind])


def readme(kind: str, file: str, head: TaughtHead, compared: int, difference: float) -> str:
    """How to use an export, and how far to believe it, for a person."""
    made = environment()
    return README.substitute(
        names=", ".join(head.class_names),
        file=file,
        classes=len(head.class_names),
        into=INTO[kind],
        honest=head.cross_validation.in_words,
        compared=compared,
        difference=f"{difference:.7f}",
        versions=f"Keras {made['keras']}, TensorFlow {made['tensorflow']}",
    )
