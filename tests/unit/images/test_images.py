"""What the door lets in, how it comes out, and what it says to the rest."""

import io
import itertools
import re
import struct
import threading
import time
import tracemalloc
import warnings
import zlib
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import ExifTags, Image, ImageFile

from imgrec.errors import ImageError
from imgrec.images import decode
from imgrec.images.crops import centre_crop, square
from imgrec.images.decode import MAX_BYTES, MAX_PIXELS, MAX_SIDE, open_image

GRAY_MODES = ["1", "L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"]
MODES = [*GRAY_MODES, "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV"]
LOSSLESS = {"PNG": {}, "BMP": {}, "TIFF": {}, "WEBP": {"lossless": True}}
LOSSY = {"JPEG": {"quality": 95}, "AVIF": {"quality": 90}, "HEIF": {"quality": 95}}
BICUBIC = Image.Resampling.BICUBIC


def encode(image: Image.Image, format: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def pixels(image: Image.Image) -> np.ndarray:
    assert type(image) is Image.Image and image.mode == "RGB"
    return np.asarray(image)


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def quadrants() -> np.ndarray:
    """Four colours on 32×48 pixels: survives lossy coding, and no turn of it equals another."""
    array = np.zeros((32, 48, 3), np.uint8)
    array[:16, :24], array[:16, 24:] = (200, 30, 30), (30, 200, 30)
    array[16:, :24], array[16:, 24:] = (30, 30, 200), (220, 220, 220)
    return array


def png(width: int, height: int, depth: int, colour: int, rows: bytes, **chunks: bytes) -> bytes:
    """A PNG file with exactly this header, whatever the rows hold."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = {"IHDR": header, **chunks, "IDAT": zlib.compress(rows), "IEND": b""}
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data))
        + name.encode()
        + data
        + struct.pack(">I", zlib.crc32(name.encode() + data))
        for name, data in parts.items()
    )


def tiff_with_tile(side: int, *extra: tuple[int, int]) -> bytes:
    """A 16×16 TIFF in one deflated tile of side×side; `extra` tags and values come first."""
    data = zlib.compress(bytes(side * side))
    tags = [*extra, (256, 16), (257, 16), (258, 8), (259, 8), (262, 1), (277, 1)]
    tags += [(322, side), (323, side), (324, 8), (325, len(data))]
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    header = b"II*\0" + struct.pack("<I", 8 + len(data))
    return header + data + struct.pack("<H", len(tags)) + directory + bytes(4)


def refusal(source) -> str:
    with pytest.raises(ImageError) as caught:
        open_image(source)
    message = str(caught.value)
    assert re.fullmatch(r"[^\n]+; [^\n]+\.", message), "one line: what is wrong; what to do."
    return message


def either_rgb_or_refused(source) -> None:
    """Any exception but ImageError fails the test that asks."""
    try:
        picture = open_image(source)
    except ImageError:
        return
    assert picture.mode == "RGB" and min(picture.size) >= 1 and max(picture.size) <= MAX_SIDE


def run_length_bmp(compression: int, width: int = 3_000_000) -> bytes:
    """A BMP of one line, width × 1, whose few run lengths (1: RLE8, 2: RLE4) would leap over it."""
    runs = bytes.fromhex("0101 0002ffff")
    bits, palette = (8, bytes(4 * 256)) if compression == 1 else (4, bytes(4 * 16))
    start = 14 + 40 + len(palette)
    header = b"BM" + struct.pack("<IHHI", start + len(runs), 0, 0, start)
    sizes = (40, width, 1, 1, bits, compression, len(runs), 0, 0, 0, 0)
    return header + struct.pack("<IiiHHIIiiII", *sizes) + palette + runs


@cache
def valid_files() -> dict[str, bytes]:
    """A small file of each format and of the variants that are decoded by other code."""
    rgb = Image.fromarray(noise(20, 30))
    rgba, gray = rgb.convert("RGBA"), rgb.convert("L")
    rgba.putalpha(gray)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    return {
        "JPEG": encode(rgb, "JPEG", exif=exif),
        "JPEG progressive": encode(rgb, "JPEG", progressive=True),
        "JPEG CMYK": encode(rgb.convert("CMYK"), "JPEG"),
        "MPO": encode(rgb, "MPO", save_all=True, append_images=[rgb]),
        "PNG": encode(rgba, "PNG", exif=exif),
        "PNG palette": encode(rgb.convert("P"), "PNG", transparency=3),
        "PNG 16 bits": encode(gray.convert("I;16"), "PNG"),
        "GIF": encode(rgb, "GIF"),
        "WEBP": encode(rgb, "WEBP", exif=exif),
        "WEBP lossless": encode(rgba, "WEBP", lossless=True),
        "BMP": encode(rgb, "BMP"),
        "TIFF": encode(rgb, "TIFF"),
        "TIFF big": encode(rgb, "TIFF", big_tiff=True),
        "TIFF deflate": encode(rgb, "TIFF", compression="tiff_adobe_deflate"),
        "AVIF": encode(rgba, "AVIF", exif=exif),
        "HEIF": encode(rgb, "HEIF", exif=exif),
    }


# What comes out


@settings(max_examples=10, deadline=None)
@given(hnp.arrays(np.uint8, (32, 32, 3)))
def test_a_cifar_image_keeps_its_exact_pixels(array):
    assert np.array_equal(pixels(open_image(encode(Image.fromarray(array), "PNG"))), array)


@pytest.mark.parametrize("format", LOSSLESS)
@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (1, MAX_SIDE), (300, 200)])
def test_rgb_in_a_lossless_format_keeps_its_exact_pixels(format, shape):
    array = noise(*shape)
    encoded = encode(Image.fromarray(array), format, **LOSSLESS[format])
    assert np.array_equal(pixels(open_image(encoded)), array)


def test_every_kind_of_source_gives_the_same_picture(tmp_path):
    array = noise(20, 30)
    path = tmp_path / "noise.png"
    path.write_bytes(encode(Image.fromarray(array), "PNG"))
    lazy = Image.open(path)
    for source in (path, str(path), path.read_bytes(), array, Image.fromarray(array), lazy):
        assert np.array_equal(pixels(open_image(source)), array)


@pytest.mark.parametrize("name", valid_files())
def test_every_format_opens_whatever_its_file_is_called(name, tmp_path):
    path = tmp_path / "picture.txt"
    path.write_bytes(valid_files()[name])
    assert sorted(open_image(path).size) == [20, 30]


@pytest.mark.parametrize("format", LOSSY)
def test_lossy_formats_keep_the_colours_in_place(format):
    array = quadrants()
    result = pixels(open_image(encode(Image.fromarray(array), format, **LOSSY[format])))
    assert np.abs(result.astype(int) - array).mean() < 6


def test_a_heif_file_of_the_general_brand_opens():
    encoded = bytearray(encode(Image.fromarray(quadrants()), "HEIF"))
    encoded[8:12] = b"mif1"  # shared with AVIF, which Pillow tries first
    assert open_image(bytes(encoded)).size == (48, 32)


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "AVIF", "TIFF", "HEIF"])
def test_the_first_frame_of_an_animation_is_taken(format):
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "lime", "blue")]
    encoded = encode(frames[0], format, save_all=True, append_images=frames[1:])
    red, green, blue = pixels(open_image(encoded)).mean(axis=(0, 1))
    assert red > 245 and green < 10 and blue < 10


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(MODES), st.integers(1, 40), st.integers(1, 40))
def test_every_mode_becomes_rgb_of_the_same_size(mode, width, height):
    assert pixels(open_image(Image.new(mode, (width, height)))).shape == (height, width, 3)


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "LAB", "HSV", "RGBX", "RGBA", "RGBa", "P"])
@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (200, 40, 40), (30, 60, 220)])
def test_colours_survive_the_colour_space(mode, colour):
    image = Image.new("RGB", (4, 4), colour)
    if mode == "LAB":
        from PIL import ImageCms

        profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        image = ImageCms.buildTransform(*profiles, "RGB", "LAB").apply(image)
    elif mode == "RGBa":
        image = image.convert("RGBA").convert("RGBa")
    elif mode == "P":
        image = image.quantize(4)
    else:
        image = image.convert(mode)
    assert np.abs(pixels(open_image(image)).astype(int) - colour).max() <= 4


def test_a_cmyk_jpeg_is_not_inverted():
    encoded = encode(Image.new("RGB", (16, 16), (200, 40, 40)).convert("CMYK"), "JPEG")
    assert np.abs(pixels(open_image(encoded)).astype(int) - (200, 40, 40)).max() <= 6


def test_one_bit_becomes_black_and_white():
    bits = np.array([[True, False], [False, True]])
    for source in (bits, Image.fromarray(bits), encode(Image.fromarray(bits), "PNG")):
        assert np.array_equal(pixels(open_image(source))[:, :, 0], [[255, 0], [0, 255]])


# Upright


def as_stored(upright: np.ndarray, orientation: int) -> np.ndarray:
    """The pixels in the file, from where the standard says that row 0 and column 0 are seen."""
    transposed = upright.transpose(1, 0, 2)
    return {
        1: upright,  # row 0 at the top, column 0 at the left
        2: upright[:, ::-1],  # top, right
        3: upright[::-1, ::-1],  # bottom, right
        4: upright[::-1],  # bottom, left
        5: transposed,  # left, top
        6: transposed[::-1],  # right, top
        7: transposed[::-1, ::-1],  # right, bottom
        8: transposed[:, ::-1],  # left, bottom
    }[orientation]


def with_orientation(array: np.ndarray, orientation: int, format: str) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    options = {**LOSSLESS, **LOSSY}[format]
    # As bytes, pillow-heif turns it into the rotation of the container, where HEIF has it.
    return encode(Image.fromarray(array), format, exif=exif.tobytes(), **options)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF", "JPEG", "AVIF", "HEIF"])
def test_a_picture_comes_out_upright(format, orientation):
    upright = quadrants()
    stored = as_stored(upright, orientation)
    result = pixels(open_image(with_orientation(stored, orientation, format)))
    assert result.shape == upright.shape
    assert np.abs(result.astype(int) - upright).mean() < (0.01 if format in LOSSLESS else 6)


def test_the_orientation_of_an_image_in_memory_counts():
    upright = quadrants()
    image = Image.open(io.BytesIO(with_orientation(as_stored(upright, 6), 6, "PNG")))
    assert np.array_equal(pixels(open_image(image)), upright)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "HEIF"])
@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0",
        b"Exif\0\0nonsense",
        b"Exif\0\0II*\0\x08\0\0\0\xff\xff",
        b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x63\0\0\0\0\0\0\0",  # 99
        b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x04\0\0\0six\0\0\0\0\0",  # a text
    ],
)
def test_damaged_exif_counts_as_upright(format, exif):
    array = quadrants()
    options = {**LOSSLESS, **LOSSY}[format]
    result = pixels(open_image(encode(Image.fromarray(array), format, exif=exif, **options)))
    assert result.shape == array.shape
    assert np.abs(result.astype(int) - array).mean() < 6


# Over white


@settings(max_examples=25, deadline=None)
@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 6), st.integers(1, 6), st.just(4))))
def test_transparency_goes_over_white(array):
    colour, alpha = array[:, :, :3].astype(float), array[:, :, 3:] / 255
    expected = colour * alpha + 255 * (1 - alpha)
    for source in (array, Image.fromarray(array), encode(Image.fromarray(array), "PNG")):
        assert np.abs(pixels(open_image(source)) - expected).max() <= 1


@pytest.mark.parametrize("mode", ["LA", "La", "PA", "RGBa"])
def test_the_other_alpha_modes_go_over_white_too(mode):
    rgba = Image.new("RGBA", (3, 1), (0, 0, 0, 255))
    rgba.putpixel((1, 0), (0, 0, 0, 0))
    rgba.putpixel((2, 0), (0, 0, 0, 128))
    if mode == "PA":
        image = Image.merge("PA", [Image.new("P", rgba.size), rgba.getchannel("A")])
    else:
        image = (rgba.convert("LA") if mode == "La" else rgba).convert(mode)
    assert pixels(open_image(image))[0, :, 0] == pytest.approx([0, 255, 127], abs=1)


@pytest.mark.parametrize(
    "encoded",
    [
        png(2, 1, 8, 2, bytes([0, 9, 8, 7, 1, 2, 3]), tRNS=struct.pack(">HHH", 9, 8, 7)),
        png(2, 1, 8, 0, bytes([0, 9, 1]), tRNS=struct.pack(">H", 9)),
        png(2, 1, 16, 0, struct.pack(">BHH", 0, 9 * 257, 257), tRNS=struct.pack(">H", 9 * 257)),
        png(2, 1, 1, 0, bytes([0, 0b10000000]), tRNS=struct.pack(">H", 1)),
        png(2, 1, 8, 3, bytes([0, 1, 0]), PLTE=bytes([1, 2, 3, 9, 8, 7]), tRNS=b"\xff\0"),
        png(2, 1, 8, 3, bytes([0, 1, 0]), PLTE=bytes([1, 2, 3, 9, 8, 7]), tRNS=b"\xfe\0"),
    ],
    ids=["RGB", "L", "I;16", "1", "P, one entry", "P, an alpha each"],
)
def test_the_transparent_colour_of_a_png_becomes_white(encoded):
    left, right = pixels(open_image(encoded))[0]
    assert (left == 255).all() and (right <= 4).all()


def test_the_transparent_colour_of_a_gif_becomes_white():
    image = Image.fromarray(np.array([[0, 1]], np.uint8), "L").convert("P")
    image.putpalette([9, 8, 7, 1, 2, 3])
    assert pixels(open_image(encode(image, "GIF", transparency=0))).tolist() == [
        [[255, 255, 255], [1, 2, 3]]
    ]


# Gray of more than eight bits


SIXTEEN = np.arange(256, dtype=np.uint16).reshape(16, 16) * 257


TO_ONE = (SIXTEEN / 65535).astype(np.float32)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(SIXTEEN, id="uint16"),
        pytest.param(SIXTEEN.astype(">u2"), id="uint16 big-endian"),
        pytest.param(Image.fromarray(SIXTEEN), id="I;16"),
        pytest.param(Image.fromarray(SIXTEEN.astype(">u2")), id="I;16B"),
        pytest.param(Image.fromarray(SIXTEEN.astype(np.int32)), id="I"),
        pytest.param(encode(Image.fromarray(SIXTEEN), "PNG"), id="PNG"),
        pytest.param(encode(Image.fromarray(SIXTEEN), "TIFF"), id="TIFF"),
        pytest.param(Image.fromarray(TO_ONE), id="F to 1"),
        pytest.param(Image.fromarray(TO_ONE * 255), id="F to 255"),
        pytest.param(encode(Image.fromarray(TO_ONE), "TIFF"), id="TIFF of F"),
    ],
)
def test_deep_gray_is_scaled_not_clipped(source):
    assert np.array_equal(pixels(open_image(source))[:, :, 0].ravel(), np.arange(256))


@given(st.integers(0, 65535))
def test_sixteen_bits_are_rounded_to_the_nearest_eight(value):
    red, green, blue = pixels(open_image(np.full((1, 1), value, np.uint16)))[0, 0].tolist()
    assert red == green == blue and abs(red * 257 - value) <= 128


@pytest.mark.parametrize(
    ("image", "complaint"),
    [
        (Image.fromarray(np.array([[70000]], np.int32)), "70000"),
        (Image.fromarray(np.array([[-1]], np.int32)), "-1"),
        (Image.fromarray(np.array([[256.5]], np.float32)), "256.5"),
        (Image.fromarray(np.array([[-0.5]], np.float32)), "-0.5"),
        (Image.fromarray(np.array([[np.nan, 1]], np.float32)), "not finite"),
        (Image.fromarray(np.array([[np.inf, 1]], np.float32)), "not finite"),
    ],
)
def test_deep_gray_out_of_range_is_refused(image, complaint):
    assert complaint in refusal(image)


# Arrays


shapes = st.tuples(st.integers(1, 8), st.integers(1, 8)).flatmap(
    lambda size: st.sampled_from([size, (*size, 1), (*size, 3), (*size, 4)])
)
dtypes = st.sampled_from([np.uint8, np.uint16, bool, np.float16, np.float32, np.float64])


@settings(max_examples=60, deadline=None)
@given(st.data(), shapes, dtypes)
def test_arrays_are_scaled_to_eight_bits(data, shape, dtype):
    eight = data.draw(hnp.arrays(np.uint8, shape))
    if dtype is bool:
        eight = np.where(eight > 127, 255, 0).astype(np.uint8)
    # Each value of eight bits, as the dtype has it.
    scale = {"u": np.iinfo(dtype).max if np.dtype(dtype).kind == "u" else 0, "b": 1, "f": 1}
    given_ = (eight * (scale[np.dtype(dtype).kind] / 255)).astype(dtype)
    result = pixels(open_image(given_))
    assert np.array_equal(result, pixels(open_image(eight)))
    assert result.shape == (*shape[:2], 3)
    if shape[2:] != (4,):
        assert np.array_equal(result, np.broadcast_to(eight.reshape(*shape[:2], -1), result.shape))


@pytest.mark.parametrize(
    ("array", "complaint"),
    [
        (np.zeros((4,), np.uint8), "shape (4,)"),
        (np.zeros((4, 4, 2), np.uint8), "shape (4, 4, 2)"),
        (np.zeros((3, 4, 4), np.uint8)[None], "shape (1, 3, 4, 4)"),
        (np.array(7), "shape ()"),
        (np.zeros((0, 4), np.uint8), "no pixels"),
        (np.zeros((4, 0, 3), np.uint8), "no pixels"),
        (np.zeros((4, 4, 3), np.int64), "int64"),
        (np.zeros((4, 4), complex), "complex128"),
        (np.full((4, 4), None), "object"),
        (np.full((4, 4), "a"), "<U1"),
        (np.full((4, 4), np.nan), "not finite"),
        (np.full((4, 4), np.inf), "not finite"),
        (np.full((4, 4), 1.5), "1.5"),
        (np.full((4, 4), -0.1), "-0.1"),
        (np.full((4, 4, 3), 200.0), "200"),
        (np.broadcast_to(np.uint8(0), (10_000, 10_000)), "100.0 million pixels"),
    ],
)
def test_other_arrays_are_refused(array, complaint):
    assert complaint in refusal(array)


@settings(max_examples=40, deadline=None)
@given(
    hnp.arrays(
        hnp.scalar_dtypes(), hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
    )
)
def test_any_array_is_a_picture_or_refused(array):
    either_rgb_or_refused(array)


# The caller's image


@pytest.mark.parametrize("mode", MODES)
def test_an_image_given_is_left_as_it_was(mode):
    image = Image.new(mode, (3000, 4))
    image.info["note"] = "mine"
    before = image.mode, image.size, image.tobytes(), dict(image.info)
    result = open_image(image)
    assert result is not image and result.size == (MAX_SIDE, 3)
    assert (image.mode, image.size, image.tobytes(), dict(image.info)) == before


def test_the_result_can_be_drawn_on_without_touching_the_source():
    image = Image.new("RGB", (4, 4), "red")
    open_image(image).paste("blue", (0, 0, 4, 4))
    assert image.getpixel((0, 0)) == (255, 0, 0)


def test_no_metadata_comes_through():
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "somebody"
    image = Image.open(io.BytesIO(encode(Image.new("RGB", (4, 4)), "JPEG", exif=exif, dpi=(9, 9))))
    result = open_image(image)
    assert result.info == {} and not result.getexif()


# Bounded


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 6000), st.integers(1, 300), st.booleans())
def test_a_large_picture_is_reduced_to_the_longest_side_allowed(long, short, upright):
    size = (short, long) if upright else (long, short)
    result = open_image(Image.new("L", size)).size
    if max(size) <= MAX_SIDE:
        assert result == size
        return
    assert max(result) == MAX_SIDE
    scale = MAX_SIDE / max(size)
    assert min(result) == pytest.approx(max(1, min(size) * scale), abs=0.5)


def test_a_reduced_picture_looks_like_a_full_resize():
    large = Image.fromarray(noise(9, 15)).resize((3000, 1800), BICUBIC)
    expected = large.resize((2048, 1229), Image.Resampling.LANCZOS)
    assert np.abs(pixels(open_image(large)).astype(int) - np.asarray(expected)).max() <= 2


def forbid_decoding(monkeypatch) -> None:
    def load(self):
        pytest.fail("decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)


@pytest.mark.parametrize(
    ("size", "millions"),
    [
        ((10_001, 5_000), "50.1 million"),
        ((10_000, 8_000), "80.0 million"),
        ((10_000, 10_000), "over 89 million"),  # where Pillow warns
        ((60_000, 60_000), "over 89 million"),  # where Pillow raises
        ((2**31 - 1, 2**31 - 1), "over 89 million"),
    ],
)
def test_too_many_pixels_are_refused_before_decoding(size, millions, monkeypatch, recwarn):
    forbid_decoding(monkeypatch)
    start = time.process_time()
    message = refusal(png(*size, 8, 2, b""))
    assert millions in message and "limit is 50 million" in message
    assert time.process_time() - start < 1
    assert not recwarn.list


def test_as_many_pixels_as_allowed_are_accepted():
    width = MAX_PIXELS // 50
    assert open_image(png(width, 50, 1, 0, bytes(50 * (1 + width // 8)))).size == (MAX_SIDE, 1)


def test_an_image_in_memory_has_the_same_limit():
    assert "50.1 million" in refusal(Image.new("1", (10_001, 5_000)))


@pytest.mark.parametrize(
    "encoded",
    [
        tiff_with_tile(7200),
        tiff_with_tile(7200, (322, 16), (323, 16)),  # the first would be used by libtiff
        tiff_with_tile(16, (322, 7200), (323, 7200)),
    ],
    ids=["huge", "huge last", "huge first"],
)
def test_a_small_tiff_with_a_huge_tile_is_refused_before_decoding(encoded, monkeypatch):
    forbid_decoding(monkeypatch)
    assert "limit is 50 million" in (message := refusal(encoded)) or "damaged" in message


def test_a_tiff_in_tiles_opens():
    assert open_image(tiff_with_tile(16)).size == (16, 16)


def test_too_many_bytes_are_refused_before_reading(tmp_path, monkeypatch):
    path = tmp_path / "large.png"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail("read"))
    assert refusal(path).startswith("large.png has 20.1 MB, and the limit is 20 MB")
    assert "30.0 MB" in refusal(bytes(30 * 2**20))


def test_settings_of_pillow_and_of_warnings_stay_as_they_are():
    before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters)
    sources = itertools.cycle([png(10_000, 10_000, 8, 2, b""), b"nothing", noise(4, 4)])

    def visit() -> None:
        for source in itertools.islice(sources, 20):
            either_rgb_or_refused(source)

    visitors = [threading.Thread(target=visit) for _ in range(4)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    after = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters)
    assert after == before and not ImageFile.LOAD_TRUNCATED_IMAGES


# What is refused, and what is said


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty (0 bytes)"),
        (b"hello", "is not a picture of a known format"),
        (bytes(100), "is not a picture of a known format"),
        (b"%PDF-1.7\n", "is a PDF document"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "is an EPS or PostScript drawing"),
        (b"8BPS\0\1", "is a Photoshop file"),
        (b"\xd7\xcd\xc6\x9a" + bytes(40), "is a Windows metafile"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is an SVG drawing"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- drawn -->\n<svg >", "is an SVG drawing"),
        (b"\n<!DOCTYPE html>\n<html><svg>", "is a web page"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "is a JPEG 2000 picture"),
        (b"\xff\x0a\0\0", "is a JPEG XL picture"),
        (b"\0\0\0\x18ftypmp42", "is a video"),
        (b"PK\3\4", "is a ZIP archive"),
        (b"\x89PNG\r\n\x1a\n", "is damaged or incomplete"),
        (b"\xff\xd8\xff\xe0", "is damaged or incomplete"),
        (b"\0\0\0\x1cftypheic", "is damaged or incomplete"),
        (png(0, 5, 8, 2, b""), "is damaged or incomplete"),
        (b"P6 0 0 255\n", "is a Netpbm picture"),
        (b"P5\n# " + b"comment" * 999, "is a Netpbm picture"),
        (encode(Image.new("RGB", (16, 16)), "ICO"), "is a Windows icon"),
        (run_length_bmp(1), "is a run-length encoded BMP"),
        (run_length_bmp(2), "is a run-length encoded BMP"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_refusal_says_what_it_is(content, complaint, tmp_path):
    path = tmp_path / "thing.jpg"
    path.write_bytes(content)
    assert refusal(path).startswith("thing.jpg ") and complaint in refusal(path)
    assert refusal(content).startswith("The picture ") and complaint in refusal(content)


@pytest.mark.parametrize(
    "source", [b"hello", np.zeros((0, 0)), Image.new("RGB", (0, 5)), "/nowhere/x.png", "/", b"P6"]
)
def test_the_refusal_calls_it_by_the_name_given(source):
    for name, shown in (("dog/1.png", "dog/1.png"), ("a\nb" * 99, "a?b")):
        with pytest.raises(ImageError, match=re.escape(shown)) as caught:
            open_image(source, name)
        assert str(caught.value).startswith(shown) and len(str(caught.value)) < 200


def test_a_file_is_read_whole_or_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(b"whatever it is")
    assert decode.read_file(tmp_path / "a.png") == b"whatever it is"
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(ImageError, match=r"^a\.png is empty"):
        decode.read_file(tmp_path / "a.png")
    with pytest.raises(ImageError, match=r"^dog/b is a folder"):
        decode.read_file(tmp_path, "dog/b")


def test_a_format_outside_the_list_is_not_tried(monkeypatch):
    tga = encode(Image.new("RGB", (4, 4)), "TGA")
    assert Image.open(io.BytesIO(tga)).format == "TGA"
    assert "not a picture of a known format" in refusal(tga)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("absent.png", "absent.png does not exist"),
        ("folder", "folder is a folder"),
        ("file/inside.png", "inside.png cannot be read (Not a directory)"),
        ("null\0.png", "null?.png cannot be read"),
        ("two\nlines.png", "two?lines.png does not exist"),
        ("\udcff.png", "?.png does not exist"),
        ("x" * 5000, "x… cannot be read"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused_by_name_alone(name, complaint, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    message = refusal(str(tmp_path / name))
    assert complaint in message and len(message) < 150
    assert tmp_path.name not in message and "/" not in message


def test_a_file_without_permission_is_refused(tmp_path, monkeypatch):
    def read_bytes(self):
        raise PermissionError(13, "Permission denied", str(self))

    (tmp_path / "secret.png").write_bytes(b"x")
    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    message = refusal(tmp_path / "secret.png")
    assert message.startswith("secret.png cannot be read (Permission denied)")


@pytest.mark.parametrize("source", ["/dev/zero", "", ".", "/"])
def test_devices_and_folders_are_not_read(source):
    assert "choose a picture file" in refusal(source)


@pytest.mark.parametrize("source", [None, 7, [1], io.BytesIO(b"x"), {"path": "x"}])
def test_another_type_of_source_is_refused(source):
    assert type(source).__name__ in refusal(source)


@pytest.mark.parametrize("size", [(0, 0), (0, 5), (5, 0)])
def test_an_image_without_pixels_is_refused(size):
    assert "no pixels" in refusal(Image.new("RGB", size))


def test_an_image_whose_file_was_closed_is_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(valid_files()["PNG"])
    with Image.open(tmp_path / "a.png") as image:
        pass
    assert "damaged or incomplete" in refusal(image)


def test_too_little_memory_is_said(monkeypatch):
    def load(self):
        raise MemoryError

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    assert "too much memory" in refusal(valid_files()["BMP"])


@pytest.mark.parametrize("compression", [1, 2])
def test_a_run_length_encoded_bmp_is_refused_before_it_takes_memory(compression):
    tracemalloc.start()
    try:
        assert "save it as PNG" in refusal(run_length_bmp(compression, 8_000_000))
        assert tracemalloc.get_traced_memory()[1] < 10e6
    finally:
        tracemalloc.stop()


def test_an_opened_run_length_encoded_bmp_is_refused_too():
    with Image.open(io.BytesIO(run_length_bmp(1))) as image:
        assert "run-length encoded" in refusal(image)


def test_no_format_is_decoded_in_python():
    for name, encoded in valid_files().items():
        with Image.open(io.BytesIO(encoded)) as image:
            assert {tile[0] for tile in image.tile}.isdisjoint(Image.DECODERS), name


# Damage


@pytest.mark.parametrize("name", sorted(set(valid_files()) - {"MPO"}))  # its half is whole
def test_half_a_file_is_refused(name):
    encoded = valid_files()[name]
    assert "damaged or incomplete" in refusal(encoded[: len(encoded) // 2])


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(valid_files())), st.data())
def test_a_file_cut_anywhere_is_a_picture_or_refused(name, data):
    encoded = valid_files()[name]
    either_rgb_or_refused(encoded[: data.draw(st.integers(0, len(encoded) - 1))])


@settings(max_examples=250, deadline=None)
@given(st.sampled_from(sorted(valid_files())), st.data())
def test_a_file_with_wrong_bytes_is_a_picture_or_refused(name, data):
    encoded = bytearray(valid_files()[name])
    # Headers are short and decide most: half of the damage goes there.
    places = st.one_of(st.integers(0, 99), st.integers(0, len(encoded) - 1))
    for place, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=6)):
        encoded[min(place, len(encoded) - 1)] = value
    either_rgb_or_refused(bytes(encoded))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["", *sorted(valid_files())]), st.integers(0, 40), st.binary(max_size=300))
def test_arbitrary_bytes_are_a_picture_or_refused(name, kept, junk):
    either_rgb_or_refused(valid_files().get(name, b"")[:kept] + junk)


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=50))
def test_an_arbitrary_path_is_refused(path):
    refusal(f"/nowhere/{path}")


@pytest.mark.parametrize("name", ["JPEG", "PNG", "GIF", "WEBP", "TIFF"])
def test_junk_after_the_end_does_no_harm(name):
    encoded = valid_files()[name]
    assert np.array_equal(pixels(open_image(encoded + b"junk")), pixels(open_image(encoded)))


# Cropping


sides = st.integers(1, 300)
resamplings = st.sampled_from([Image.Resampling.BILINEAR, BICUBIC, Image.Resampling.LANCZOS])


@settings(max_examples=60, deadline=None)
@given(
    st.integers(4, 300), st.integers(4, 300), st.integers(8, 64), st.integers(0, 32), resamplings
)
def test_centre_crop_equals_a_resize_and_a_crop(width, height, size, margin, resample):
    image = Image.fromarray(noise(height, width))
    shorter = size + margin
    short = min(width, height)
    resized = image.resize((shorter * width // short, shorter * height // short), resample)
    left, top = (round((side - size) / 2) for side in resized.size)
    expected = np.asarray(resized.crop((left, top, left + size, top + size)))
    result = pixels(centre_crop(image, size, shorter, resample))
    # Pillow keeps the box in single precision: rounding differs here and there. On noise, a shift
    # by half a pixel would be a difference of some 40.
    assert np.abs(result.astype(int) - expected).mean() < 0.5


def test_centre_crop_without_a_change_of_scale_keeps_exact_pixels():
    array = noise(256, 300)
    result = pixels(centre_crop(Image.fromarray(array), 224, 256, BICUBIC))
    assert np.array_equal(result, array[16:240, 38:262])


def test_centre_crop_has_to_fit():
    with pytest.raises(ValueError, match="224-pixel crop does not fit into 200 pixels"):
        centre_crop(Image.new("RGB", (9, 9)), 224, 200, BICUBIC)


@settings(max_examples=20, deadline=None)
@given(hnp.arrays(np.uint8, (32, 32, 3)), st.sampled_from(Image.Resampling))
def test_square_leaves_a_picture_of_the_size_alone(array, resample):
    assert np.array_equal(pixels(square(Image.fromarray(array), 32, resample)), array)


@given(sides, sides)
def test_square_takes_the_largest_central_square(width, height):
    side = min(width, height)
    array = noise(height, width)
    left, top = (width - side) // 2, (height - side) // 2
    result = pixels(square(Image.fromarray(array), side, BICUBIC))
    assert np.array_equal(result, array[top : top + side, left : left + side])


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (2, 2048), (3, 7)])
@pytest.mark.parametrize(
    "crop", [lambda i: square(i, 224, 3), lambda i: centre_crop(i, 224, 256, 3)]
)
def test_a_long_strip_is_cropped_before_it_is_enlarged(size, crop):
    start = time.process_time()
    result = pixels(crop(Image.new("RGB", size, (10, 20, 30))))
    assert result.shape == (224, 224, 3) and (result == (10, 20, 30)).all()
    assert time.process_time() - start < 0.5
