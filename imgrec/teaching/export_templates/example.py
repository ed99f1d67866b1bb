"""What is in a picture? Run: python example.py photo.jpg"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

HERE = Path(__file__).resolve().parent
LABELS = (HERE / "labels.txt").read_text(encoding="utf-8").splitlines()

from ask import ask


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
