"""The pictures of a project: preparation, identity, views for VGG16 and pooled features."""

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

STORED_SIDE = 1024  # pixels; larger pictures are reduced, since the network sees 224 of 256
STORED_QUALITY = 90  # JPEG quality of a reduced picture
THUMBNAIL_SIDE = 112  # pixels, of the longer side
BATCH = 8  # views per forward pass, so that other visitors' passes can interleave
PASSES = 2  # concurrent, over all visitors; each needs some 300 MB for its layers' outputs

# Files with these magic bytes are stored unchanged; all others become a PNG of the same pixels.
HEADERS = 4096  # bytes that such a file may have in addition to three per pixel
STORED_UNCHANGED = ((b"\xff\xd8\xff", "jpg"), (b"\x89PNG\r\n\x1a\n", "png"), (b"RIFF", "webp"))

# Augmentation adds to a picture's view its mirror image and the four corners of the central square.
# A corner has this share of the square's side, as the view in the centre does (Krizhevsky et al.
# 2012, section 4.1, take the same five crops).
CORNER = 7 / 8
VIEWS = 6  # per picture with augmentation

_passing = threading.BoundedSemaphore(PASSES)


class Prepared(NamedTuple):
    """A picture ready to be added to a project."""

    id: str  # see `picture_id`
    content: bytes  # of the file to store
    extension: str
    thumbnail: bytes  # a WebP within THUMBNAIL_SIDE


def picture_id(image: Image.Image) -> str:
    """Returns the hexadecimal SHA-256 of an RGB picture's size and pixels."""
    digest = hashlib.sha256(b"%d %d " % image.size)
    digest.update(image.tobytes())
    return digest.hexdigest()


def prepare(source: decode.Source, name: str) -> Prepared:
    """Prepares a picture for storage; error messages refer to it as `name`.

    A picture larger than STORED_SIDE is reduced to a JPEG of that size. The id is computed from the
    reduced pixels: it is the same for all files with the same pixels, and stays the same when the
    stored file is read back. Raises ImageError if the source holds no picture.
    """
    if isinstance(source, str | os.PathLike):
        source = decode.read_file(source, name)
    image = decode.open_image(source, name)
    if max(image.size) > STORED_SIDE:
        image.thumbnail((STORED_SIDE, STORED_SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0)
        source = _encoded(image, "JPEG", quality=STORED_QUALITY, subsampling=0)
        image = decode.open_image(source, name)  # the JPEG's pixels differ slightly
    content, extension = _stored_bytes(source, image)
    return Prepared(picture_id(image), content, extension, _thumbnail(image))


def _stored_bytes(source: decode.Source, image: Image.Image) -> tuple[bytes, str]:
    """Returns the bytes to store for an opened picture, and their file extension.

    The bytes stay unchanged if the file is small enough to hold little but the picture.
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
    """Returns the first `count` 224×224 views for VGG16: centre, mirrored, four corners."""
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
    """Returns the pooled features of views (see `vgg16.view`) from the shipped base.

    They are float32 (n, 512), the input of a head. Blocks while PASSES passes are in progress.
    """
    from imgrec.networks.heads import PowerPooling

    inputs = vgg16.preprocess(np.stack([np.asarray(view) for view in views]))
    with _passing:
        features = vgg16.base().run(inputs)[0]
    return np.asarray(PowerPooling()(features))
