"""A picture that a visitor teaches: how it is kept, known again, and seen by VGG16."""

import hashlib
import io
import itertools
import os
import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from imgrec.approaches import vgg16
from imgrec.images import decode
from imgrec.images.crops import square_box

STORED_SIDE = 1024  # pixels; a larger picture is kept reduced, for the network sees 224 of 256
STORED_QUALITY = 90  # of the JPEG that it becomes
THUMBNAIL_SIDE = 112  # pixels at most
BATCH = 8  # views in one pass: other visitors' go between
PASSES = 2  # at once, over all visitors: one needs some 300 MB for what its layers give

# Kept as they come, by how they begin; everything else becomes a PNG of the same pixels.
HEADERS = 4096  # bytes that such a file may have beside three for each pixel
STORED_UNCHANGED = ((b"\xff\xd8\xff", "jpg"), (b"\x89PNG\r\n\x1a\n", "png"), (b"RIFF", "webp"))

# With augmentation, what is taught of a picture beside its view: the view mirrored, and the four
# corners of its central square, each with this share of the side: what the view has in its centre
# (Krizhevsky et al. 2012, section 4.1, takes the same five crops).
CORNER = 7 / 8
VIEWS = 6  # of a picture, with those

_passing = threading.BoundedSemaphore(PASSES)


class Prepared(NamedTuple):
    """A picture on its way into a project."""

    id: str  # see `picture_id`
    content: bytes  # of its file
    extension: str
    thumbnail: bytes  # a WebP within THUMBNAIL_SIDE


def picture_id(image: Image.Image) -> str:
    """The SHA-256 of an RGB picture's size and pixels, in hexadecimal."""
    digest = hashlib.sha256(b"%d %d " % image.size)
    digest.update(image.tobytes())
    return digest.hexdigest()


def prepare(source: decode.Source, name: str) -> Prepared:
    """The picture as it will be kept; messages call it `name`.

    One that is larger than STORED_SIDE becomes a JPEG of that size, and its id is by that: so it is
    the same for every file with the same pixels, and stays when the kept file comes back. Raises
    ImageError if there is no picture in the source.
    """
    if isinstance(source, str | os.PathLike):
        source = decode.read_file(source, name)
    image = decode.open_image(source, name)
    if max(image.size) > STORED_SIDE:
        image.thumbnail((STORED_SIDE, STORED_SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0)
        source = _encoded(image, "JPEG", quality=STORED_QUALITY, subsampling=0)
        image = decode.open_image(source, name)  # whose pixels differ a little
    content, extension = _stored_bytes(source, image)
    return Prepared(picture_id(image), content, extension, _thumbnail(image))


def _stored_bytes(source: decode.Source, image: Image.Image) -> tuple[bytes, str]:
    """The bytes to keep of an opened picture, and their file's extension.

    They stay as they came where, by their number, they hold little beside the picture.
    """
    if isinstance(source, bytes) and len(source) <= 3 * image.width * image.height + HEADERS:
        for start, extension in STORED_UNCHANGED:
            if source.startswith(start):
                return source, extension
    return _encoded(image, "PNG"), "png"


def _thumbnail(image: Image.Image) -> bytes:
    small = image.copy()
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return _encoded(small, "WEBP", quality=80)


def _encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def views_of(image: Image.Image, count: int = VIEWS) -> list[Image.Image]:
    """The first of the picture's views for VGG16, 224×224: itself, mirrored, its four corners."""
    own = vgg16.view(image)
    if count == 1:
        return [own]
    mirrored = own.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    left, top, right, bottom = square_box(image.size)
    side = (right - left) * CORNER
    corners = itertools.product((top, bottom - side), (left, right - side))
    boxes = [(x, y, x + side, y + side) for y, x in corners]
    size = (vgg16.SIZE, vgg16.SIZE)
    crops = [image.resize(size, Image.Resampling.BICUBIC, box) for box in boxes]
    return [own, mirrored, *crops][:count]


def pooled_features(views: Sequence[Image.Image]) -> np.ndarray:
    """float32 (n, 512): what a head sees of VGG16's views (see `vgg16.view`), by the shipped base.

    Waits where PASSES are under way.
    """
    from imgrec.networks.heads import PowerPooling

    inputs = vgg16.preprocess(np.stack([np.asarray(view) for view in views]))
    with _passing:
        features = vgg16.base().run(inputs)[0]
    return np.asarray(PowerPooling()(features))
