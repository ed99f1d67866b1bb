"""The three approaches to recognising a picture, and the question on which they meet."""

from collections.abc import Sequence

from PIL import Image

from imgrec.approaches import pretrained, scratch, transfer, vgg16
from imgrec.approaches.verdict import Verdict

MODULES = {"scratch": scratch, "pretrained": pretrained, "transfer": transfer}
NAMES = tuple(MODULES)


def predict(
    images: Sequence[Image.Image], approach: str = "all", top_k: int = 5, use_tta: bool = False
) -> list[tuple[Verdict, ...]]:
    """Returns each RGB picture's verdict by one approach, or by all in the order of `NAMES`.

    With `use_tta`, the scratch network uses test-time augmentation, as in `scratch.predict`.
    """
    if approach == "all":
        return compare(images, top_k, use_tta=use_tta)
    if approach == "scratch":
        return [(verdict,) for verdict in scratch.predict(images, top_k, use_tta=use_tta)]
    return [(verdict,) for verdict in MODULES[approach].predict(images, top_k)]


def compare(
    images: Sequence[Image.Image],
    top_k: int = 5,
    weights: str = scratch.DEFAULT,
    head: str = transfer.DEFAULT,
    use_tta: bool = False,
) -> list[tuple[Verdict, ...]]:
    """Returns each RGB picture's verdicts by all three approaches, in the order of `NAMES`.

    `weights` and `head` name the trained scratch network and the trained head; `use_tta` is as in
    `scratch.predict`. VGG16's convolutional base runs once for the two approaches that build on it.
    """
    passed = vgg16.run(images)
    return list(
        zip(
            scratch.predict(images, top_k, weights, use_tta),
            pretrained.predict(images, top_k, passed),
            transfer.predict(images, top_k, passed, head),
            strict=True,
        )
    )


def warm_up() -> None:
    """Loads TensorFlow and every network, so that the first visitor doesn't wait for it.

    Raises ModelError if a network can't be loaded.
    """
    compare([Image.new("RGB", (vgg16.SIZE, vgg16.SIZE))])
