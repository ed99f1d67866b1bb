"""Creates assets/models/vgg16_base: the convolutional base of VGG16 in half precision.

    python scripts/convert_vgg16_base.py [FILE] [--photos DIR]

FILE is Keras's vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5; without it, Keras downloads it.
The weights are those of the Visual Geometry Group, University of Oxford (CC BY 4.0), converted by
Keras. With --photos, the report says how much the rounding changes the features of those photos.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import keras
import numpy as np
from tqdm import tqdm

from imgrec.approaches import vgg16
from imgrec.files import atomic
from imgrec.files.paths import MODELS
from imgrec.images.decode import open_image
from imgrec.models import store
from imgrec.networks import imagenet
from imgrec.networks.inference import BATCH
from imgrec.networks.weights import get_weights, set_weights

FOLDER = MODELS / "vgg16_base"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", help="the official weights without top")
    parser.add_argument("--photos", type=Path, help="a folder of photos to measure the rounding on")
    options = parser.parse_args()

    official = keras.applications.VGG16(
        include_top=False, weights=options.file or "imagenet", input_shape=(224, 224, 3)
    )
    full = get_weights(official)
    half = {path: weight.astype("float16") for path, weight in full.items()}
    report = {
        "source": "keras.applications.VGG16, weights without top",
        "licence": "CC BY 4.0, Visual Geometry Group, University of Oxford",
        "float32_sha256": atomic.sha256(b"".join(full[path].tobytes() for path in sorted(full))),
    }
    if options.photos:
        report |= compare(official, half, sorted(options.photos.iterdir()))
    config = {"network": "vgg16_base", "classes": []}
    store.save(FOLDER, config=config, weights=half, history={}, report=report)
    print(atomic.read_json(FOLDER / "report.json"))


def compare(official: keras.Model, half: dict[str, np.ndarray], files: list[Path]) -> dict:
    """Computes each photo's cosine between features with full and with rounded weights."""
    rounded = imagenet.vgg16_base()
    set_weights(rounded, half)
    cosines: list[float] = []
    for start in tqdm(range(0, len(files), BATCH)):
        views = [vgg16.view(open_image(file)) for file in files[start : start + BATCH]]
        batch = vgg16.preprocess(np.stack([np.asarray(view) for view in views]))
        one, other = (
            model.predict_on_batch(batch).reshape(len(batch), -1).astype("float64")
            for model in (official, rounded)
        )
        norms = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
        cosines += ((one * other).sum(axis=1) / norms).tolist()
    return {
        "rounding": {
            "photos": len(cosines),
            "least_cosine": round(min(cosines), 8),
            "mean_cosine": round(float(np.mean(cosines)), 8),
        }
    }


if __name__ == "__main__":
    main()
