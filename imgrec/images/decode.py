"""The only entry point for pictures: turns any input into an upright, bounded RGB image."""

import io
import math
import os
import re
import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pillow_heif
from PIL import ExifTags, Image, ImageOps, TiffImagePlugin, UnidentifiedImageError

from imgrec.errors import ImageError

MAX_BYTES = 20 * 2**20  # of the encoded file
MAX_PIXELS = 50_000_000  # larger ones are refused before decoding: 4 bytes a pixel, a copy or two
MAX_SIDE = 2048  # pixels; larger pictures are reduced, since no network here uses more detail

Source = str | os.PathLike[Any] | bytes | np.ndarray | Image.Image

# Formats that people keep pictures in, with decoders that are widely exposed to untrusted files.
# Pillow's other formats are not tried: EPS runs Ghostscript, PPM is read a byte at a time, and
# others recognise a file by next to nothing.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
USUAL_FORMATS = "JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC"

# Other kinds of file, by their first bytes; the first match names the kind.
OTHER_KINDS = (
    (rb"%PDF", "a PDF document"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "an EPS or PostScript drawing"),
    (rb"8BPS", "a Photoshop file"),
    (rb"\0\0\x01\0", "a Windows icon"),
    (rb"P[1-7Ff][\s#]", "a Netpbm picture (PPM, PGM, PBM or PAM)"),
    (rb"\xd7\xcd\xc6\x9a|\x01\0\0\0.{36} EMF", "a Windows metafile"),
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (rb"\0\0\0\x0cJXL |\xff\x0a", "a JPEG XL picture"),
    (rb".{4}ftyp|\x1a\x45\xdf\xa3", "a video"),
    (rb"PK\x03\x04", "a ZIP archive or an office document"),
    (rb"(\xef\xbb\xbf)?\s*<(!doctype )?html", "a web page"),
    (rb"(\xef\xbb\xbf)?\s*<(.*<)?svg\b", "an SVG drawing"),
)

SIXTEEN_TO_EIGHT_BITS = np.rint(np.arange(65536) / 257).astype(np.uint8)  # 65535 becomes 255

pillow_heif.register_heif_opener()

# One picture is decoded at a time: this bounds the memory that visitors can claim together, and
# `warnings.catch_warnings` is not thread-safe.
_decoding = threading.Lock()


def open_image(source: Source, name: str | None = None) -> Image.Image:
    """Returns the picture as a new RGB image: upright, sides from 1 to MAX_SIDE, no metadata.

    `source` is a file's path, a file's bytes, an array or a Pillow image (which is left unchanged).
    Messages call it `name` or, without one, by the file's own name. Arrays are (h, w), (h, w, 1),
    (h, w, 3) or (h, w, 4), of bool, uint8, uint16 or floats in [0, 1].

    Flattens transparency onto white. Takes the first frame of an animation. Scales 16-bit gray
    (Pillow's modes I;16 and I) by 1/257. Reads Pillow's mode F as 0 to 1, or as 0 to 255 if a value
    is greater than 1. Does not apply colour profiles. An 8-bit RGB picture within the bounds keeps
    its exact pixels.

    Raises ImageError, and nothing else, if the source holds no usable picture.
    """
    with _decoding, warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"(PIL|pillow_heif)\b")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        name = _display_name(source, name)
        if isinstance(source, Image.Image):
            return _normalised(source, name)
        if isinstance(source, np.ndarray):
            return _normalised(_from_array(source, name), name)
        return _normalised(_open_header(_read(source, name), name), name)


def read_file(path: str | os.PathLike[Any], name: str | None = None) -> bytes:
    """Returns the bytes of a picture's file: a regular one, not empty, at most MAX_BYTES.

    Raises ImageError, and nothing else; its message uses `name` or the file's own name.
    """
    return _read(path, _display_name(path, name))


def _display_name(source: Source, name: str | None) -> str:
    """Returns the source's name for messages: never its folder, since messages reach strangers."""
    if name:
        return _printable(name)
    if isinstance(source, np.ndarray):
        return "The array"
    if isinstance(source, str | os.PathLike):
        return _printable(Path(os.fsdecode(source)).name) or "The path"
    return "The picture"


def _read(source: str | os.PathLike[Any] | bytes, name: str) -> bytes:
    """Returns the bytes of the file. Raises ImageError."""
    if isinstance(source, bytes):
        _check_bytes(len(source), name)
        return source
    if not isinstance(source, str | os.PathLike):
        raise ImageError(
            f"There is no picture in this input of type {type(source).__name__}; "
            "choose a picture file."
        )
    path = Path(os.fsdecode(source))
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
            raise ImageError(f"{name} is {kind}; choose a picture file.")
        _check_bytes(status.st_size, name)
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ImageError(f"{name} does not exist; check the path.") from error
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        reason = getattr(error, "strerror", None) or "invalid path"
        raise ImageError(f"{name} cannot be read ({reason}); choose another file.") from error


def _printable(name: str, limit: int = 60) -> str:
    """Returns the name fit for a sentence: on one line, no stray surrogates, limited length."""
    shown = "".join(character if character.isprintable() else "?" for character in name)
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def _open_header(encoded: bytes, name: str) -> Image.Image:
    """Returns the picture with its header read and its pixels not yet decoded."""
    with _refusing_faults(name):
        try:
            image = Image.open(io.BytesIO(encoded), formats=FORMATS)
        except UnidentifiedImageError as error:
            raise ImageError(_why_unidentified(encoded, name)) from error
        if isinstance(image, TiffImagePlugin.TiffImageFile):
            _check_tiles(encoded, image, name)
        return image


def _why_unidentified(encoded: bytes, name: str) -> str:
    signatures = (Image.OPEN[format][1] for format in FORMATS)
    if any(accept and accept(encoded[:16]) is True for accept in signatures):
        return _damaged(name)
    for pattern, kind in OTHER_KINDS:
        if re.match(pattern, encoded[:1024], re.DOTALL | re.IGNORECASE):
            return f"{name} is {kind}, which cannot be used; export the picture as PNG or JPEG."
    return f"{name} is not a picture of a known format; use {USUAL_FORMATS}."


def _check_tiles(encoded: bytes, image: TiffImagePlugin.TiffImageFile, name: str) -> None:
    """Refuses a small TIFF with a huge tile, which would be decoded whole.

    Pillow reports the last of several tile sizes but libtiff uses the first, so there must be just
    one.
    """
    order: Literal["little", "big"] = "little" if encoded.startswith(b"II") else "big"
    word, counter, entry = (8, 8, 20) if 43 in encoded[2:4] else (4, 2, 12)  # 43: BigTIFF
    start = int.from_bytes(encoded[word : 2 * word], order)
    first = start + counter
    entries = int.from_bytes(encoded[start:first], order)
    directory = encoded[first : first + entries * entry]
    tags = [int.from_bytes(directory[i : i + 2], order) for i in range(0, len(directory), entry)]
    sides = (TiffImagePlugin.TILEWIDTH, TiffImagePlugin.TILELENGTH)
    if any(tags.count(side) != (side in image.tag_v2) for side in sides):
        raise ImageError(_damaged(name))
    width, length = (int(image.tag_v2.get(side, 1)) for side in sides)
    _check_pixels((width, length), name)


def _normalised(image: Image.Image, name: str) -> Image.Image:
    """Returns an upright RGB image within MAX_SIDE, from an opened image or one in memory."""
    with _refusing_faults(name):
        _check_pixels(image.size, name)
        _check_decoder(image, name)
        image.load()
        rgb = _rgb(image, name)
        # After loading: a PNG may state it at its end, and Pillow has rotated a TIFF by then.
        orientation = _orientation(image)
        picture = within(rgb, MAX_SIDE).copy()
        picture.info.clear()
        # Alone: Pillow, which writes the other tags anew, can't write damaged ones.
        picture.getexif()[ExifTags.Base.Orientation] = orientation
        return ImageOps.exif_transpose(picture)


def _check_decoder(image: Image.Image, name: str) -> None:
    """Refuses a BMP that Pillow decodes in Python: a few of its bytes can take gigabytes."""
    if any(tile.codec_name == "bmp_rle" for tile in getattr(image, "tile", ())):
        raise ImageError(f"{name} is a run-length encoded BMP; save it as PNG or JPEG.")


def _orientation(image: Image.Image) -> Any:
    """Returns the EXIF orientation: 1 if there is none or the EXIF data is damaged."""
    try:
        return image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:
        return 1


def _rgb(image: Image.Image, name: str) -> Image.Image:
    """Converts any of Pillow's modes to RGB, transparency onto white; RGB is returned uncopied."""
    if image.mode.startswith("I") or image.mode == "F":
        return _from_deep_gray(image, name).convert("RGB")
    if image.mode == "La":  # premultiplied; the one mode that Pillow does not convert to RGBA
        image = image.convert("LA")
    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB")
    rgba = image.convert("RGBA")
    flat = Image.new("RGB", rgba.size, "white")
    flat.paste(rgba, mask=rgba)
    return flat


def _from_deep_gray(image: Image.Image, name: str) -> Image.Image:
    """Converts the modes I;16, I and F, which Pillow would clip at 255, to L."""
    values = np.asarray(image)  # (h, w), uint16, int32 or float32
    if image.mode == "F":
        gray = _from_floats(values, 1 if values.max() <= 1 else 255, name)
    else:
        gray = _from_16_bits(values, name)
    transparent = image.info.get("transparency")  # in a PNG: the one transparent value
    if isinstance(transparent, int):
        gray[values == transparent] = 255
    return Image.fromarray(gray)


def _from_array(array: np.ndarray, name: str) -> Image.Image:
    """Converts an array, as described in `open_image`, to L, RGB or RGBA. Raises ImageError."""
    if array.ndim not in (2, 3) or array.shape[2:] not in ((), (1,), (3,), (4,)):
        raise ImageError(
            f"{name} has the shape {array.shape}; use (height, width) or (height, width, channels) "
            "with 1, 3 or 4 channels."
        )
    height, width = array.shape[:2]
    _check_pixels((width, height), name)
    if array.shape[2:] == (1,):
        array = array[:, :, 0]
    if array.dtype.kind == "f":
        return Image.fromarray(_from_floats(array, 1, name))
    if array.dtype.newbyteorder("=") == np.uint16:
        return Image.fromarray(_from_16_bits(array, name))
    if array.dtype == bool:
        return Image.fromarray(array * np.uint8(255))
    if array.dtype == np.uint8:
        return Image.fromarray(array)
    raise ImageError(
        f"{name} is of type {array.dtype}; use uint8, uint16, bool or floats from 0 to 1."
    )


def _from_floats(values: np.ndarray, peak: int, name: str) -> np.ndarray:
    """Converts finite floats in [0, peak] to uint8. Raises ImageError for others."""
    if not np.isfinite(values).all():
        raise ImageError(f"{name} holds values that are not finite numbers; replace them.")
    low, high = values.min(), values.max()
    if low < 0 or high > peak:
        raise ImageError(
            f"{name} holds values from {low:g} to {high:g}; scale them to 0 to {peak}."
        )
    return np.rint(values.astype(np.float32, copy=False) * (255 / peak)).astype(np.uint8)


def _from_16_bits(values: np.ndarray, name: str) -> np.ndarray:
    """Converts integers in [0, 65535] to uint8. Raises ImageError for others."""
    low, high = values.min(), values.max()
    if low < 0 or high > 65535:
        raise ImageError(f"{name} holds values from {low} to {high}; scale them to 0 to 65535.")
    return SIXTEEN_TO_EIGHT_BITS[values]


def within(image: Image.Image, max_side: int) -> Image.Image:
    """Reduces the longer side to `max_side`; returns a picture that is no larger as it is."""
    scale = max_side / max(image.size)
    if scale >= 1:
        return image
    width, height = (max(1, round(side * scale)) for side in image.size)
    # A gap of 3 is fast and, by Pillow's documentation, indistinguishable from a full resize.
    return image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)


def _check_bytes(size: int, name: str) -> None:
    if size == 0:
        raise ImageError(f"{name} is empty (0 bytes); save or download it again.")
    if size > MAX_BYTES:
        raise ImageError(
            f"{name} has {_tenths(size / 2**20)} MB, and the limit is {MAX_BYTES // 2**20} MB; "
            "use a smaller version of it."
        )


def _check_pixels(size: tuple[int, int], name: str) -> None:
    if min(size) < 1:
        raise ImageError(f"{name} has no pixels; choose another one.")
    if math.prod(size) > MAX_PIXELS:
        raise ImageError(_too_many_pixels(_tenths(math.prod(size) / 10**6), name))


def _tenths(value: float) -> str:
    """Rounds up, so that a value over a limit is not displayed as equal to it."""
    return f"{math.ceil(value * 10) / 10:,.1f}"


def _too_many_pixels(millions: str, name: str) -> str:
    return (
        f"{name} has {millions} million pixels, and the limit is {MAX_PIXELS // 10**6} million; "
        "use a smaller version of it."
    )


def _damaged(name: str) -> str:
    return f"{name} is damaged or incomplete; save or download it again."


@contextmanager
def _refusing_faults(name: str) -> Iterator[None]:
    """Turns whatever Pillow raises inside into an ImageError."""
    try:
        yield
    except ImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        over = f"over {(Image.MAX_IMAGE_PIXELS or MAX_PIXELS) // 10**6}"
        raise ImageError(_too_many_pixels(over, name)) from error
    except MemoryError as error:
        raise ImageError(f"{name} needs too much memory; use a smaller version of it.") from error
    except Exception as error:
        # Decoders raise an open set of errors: files with a few changed bytes made them raise
        # OSError, SyntaxError, ValueError, EOFError and RuntimeError.
        raise ImageError(_damaged(name)) from error
