"""The part of a picture that a network sees: a central crop, or the largest central square."""

from PIL import Image

Box = tuple[float, float, float, float]  # left, top, right, bottom, in a picture's pixels


def centre_crop(
    image: Image.Image, size: int, shorter: int, resample: Image.Resampling
) -> Image.Image:
    """Returns the central size×size pixels of the picture resized to the shorter side `shorter`.

    Same geometry as torchvision's `Resize(shorter)` and `CenterCrop(size)`; size <= shorter.
    Computes only the pixels that are kept, so that a long strip does not become a huge picture.
    """
    return image.resize((size, size), resample, box=centre_crop_box(image.size, size, shorter))


def centre_crop_box(of: tuple[int, int], size: int, shorter: int) -> Box:
    """Returns the box that `centre_crop` keeps of a picture of that width and height."""
    if size > shorter:
        raise ValueError(f"a {size}-pixel crop does not fit into {shorter} pixels")
    short = min(of)
    box = [0.0] * 4
    for axis, side in enumerate(of):
        resized = shorter * side // short
        start = round((resized - size) / 2)
        box[axis], box[axis + 2] = start * side / resized, (start + size) * side / resized
    return box[0], box[1], box[2], box[3]


def square(image: Image.Image, size: int, resample: Image.Resampling) -> Image.Image:
    """Returns the largest central square of the picture, resized to size×size.

    A size×size picture keeps its exact pixels.
    """
    return image.crop(square_box(image.size)).resize((size, size), resample)


def square_box(of: tuple[int, int]) -> tuple[int, int, int, int]:
    """Returns what `square` keeps of a picture of that width and height: a `Box` of integers."""
    width, height = of
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side
