import contextlib
import io
import os
import random
import socket
import zlib

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, PngImagePlugin

from retable.datasets.errors import DataError
from retable.datasets.files import file_digest
from retable.datasets.images import image_files, read_image, square


def picture(size=(6, 4), mode="RGB", fmt="PNG", **options):
    noise = Image.frombytes("L", size, random.Random(0).randbytes(size[0] * size[1]))
    image = noise.convert(mode) if mode != "I;16" else Image.new(mode, size)
    data = io.BytesIO()
    image.save(data, fmt, **options)
    return data.getvalue()


def bind(path):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(path))


def device(path):
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize(
    ("fmt", "mode"), [("JPEG", "RGB"), ("WEBP", "RGB"), *(("PNG", m) for m in ("1", "L", "LA", "P", "RGB", "RGBA"))]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_format_and_8_bit_mode_becomes_uint8_channels_height_width(tmp_path, fmt, mode, channels):
    (tmp_path / "image.dat").write_bytes(picture(fmt=fmt, mode=mode))
    image = read_image(tmp_path / "image.dat", channels)
    assert image.shape == (channels, 4, 6)
    assert image.dtype == torch.uint8


def test_transparency_is_laid_over_white(tmp_path):
    Image.new("RGBA", (2, 2), (0, 0, 0, 0)).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").eq(255).all()


def png(width, colour, depth, rows, *chunks):
    """A PNG by hand, for what Pillow cannot write: ``rows`` are raw bytes, ``chunks`` stand before the pixels."""

    def chunk(kind, data):
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = width.to_bytes(4, "big") + len(rows).to_bytes(4, "big") + bytes([depth, colour, 0, 0, 0])
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    parts = [(b"IHDR", header), *chunks, (b"IDAT", pixels), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (png(3, GREY, 16, [bytes.fromhex("0000 80ff ffff")]), [[0] * 3, [128] * 3, [255] * 3]),
        (png(2, GREY, 16, [bytes.fromhex("1234 8000")], (b"tRNS", b"\x12\x34")), [[255] * 3, [128] * 3]),
        (png(1, RGB, 16, [bytes.fromhex("ff00 80ff 00ff")]), [[255, 128, 0]]),
        (png(2, GREY_ALPHA, 16, [bytes.fromhex("4000 ffff 4000 0000")]), [[64] * 3, [255] * 3]),
        (png(1, RGBA, 16, [bytes.fromhex("1000 2000 3000 ffff")]), [[16, 32, 48]]),
        (png(2, PALETTE, 8, [b"\1\0"], (b"PLTE", b"\x01\x02\x03\xf0\x80\x10")), [[240, 128, 16], [1, 2, 3]]),
        (
            png(2, PALETTE, 8, [b"\0\1"], (b"PLTE", b"\x01\x02\x03\xf0\x80\x10"), (b"tRNS", b"\0\xff")),
            [[255] * 3, [240, 128, 16]],
        ),
        (png(8, PALETTE, 1, [b"\x80"], (b"PLTE", b"\x09\x09\x09\xc8\0\0")), [[200, 0, 0], *[[9] * 3] * 7]),
        (png(4, GREY, 2, [b"\x1b"], (b"tRNS", b"\0\1")), [[0] * 3, [255] * 3, [170] * 3, [255] * 3]),
        (png(2, GREY, 4, [b"\x5a"], (b"tRNS", b"\0\5")), [[255] * 3, [170] * 3]),
        (png(8, GREY, 1, [b"\x55"], (b"tRNS", b"\0\0")), [[255] * 3] * 8),
        (
            png(3, RGB, 16, [bytes.fromhex("123456780000 12ff56780000 0000 0000 0000")], (b"tRNS", b"\x124\x56x\0\0")),
            [[255] * 3, [18, 86, 0], [0] * 3],
        ),
    ],
    ids=[
        *(
            "grey",
            "grey with a transparent value",
            "rgb",
            "grey and alpha",
            "rgba",
            "palette",
            "see-through",
            "one bit",
        ),
        *("two bits and a transparent value", "four bits", "one bit and a transparent value", "rgb, one transparent"),
    ],
)
def test_16_bits_and_palettes_become_the_right_colours(tmp_path, data, expected):
    (tmp_path / "odd.png").write_bytes(data)
    assert read_image(tmp_path / "odd.png")[:, 0].T.tolist() == expected


@pytest.mark.parametrize(("ink", "seen"), [((0, 255, 255, 0), (255, 0, 0)), ((0, 0, 0, 255), (0, 0, 0))])
def test_printing_inks_become_screen_colours(tmp_path, ink, seen):
    Image.new("CMYK", (16, 16), ink).save(tmp_path / "print.jpg", quality=95)
    colour = read_image(tmp_path / "print.jpg").float().mean((1, 2))
    torch.testing.assert_close(colour, torch.tensor(seen).float(), atol=4, rtol=0)


def swapped():
    """A colour profile that swaps red and green, as no working space does, so that it cannot be missed."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = profile.find(b"rXYZ"), profile.find(b"gXYZ")
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(profile)


@pytest.mark.parametrize(
    ("fmt", "mode", "colour", "seen"),
    [
        *((fmt, "RGB", (255, 0, 0), (0, 255, 0)) for fmt in ("PNG", "JPEG", "WEBP")),
        *((fmt, "RGBA", (255, 0, 0, 255), (0, 255, 0)) for fmt in ("PNG", "WEBP")),
        ("PNG", "RGBA", (255, 0, 0, 0), (255, 255, 255)),
        ("PNG", "P", 1, (0, 255, 0)),
    ],
)
def test_colours_are_those_that_a_viewer_shows(tmp_path, fmt, mode, colour, seen):
    image = Image.new(mode, (8, 8), colour)
    if mode == "P":
        image.putpalette([0, 0, 0, 255, 0, 0])
    image.save(tmp_path / "a.dat", fmt, icc_profile=swapped(), **({"lossless": True} if fmt == "WEBP" else {}))
    shown = read_image(tmp_path / "a.dat").float().mean((1, 2))
    torch.testing.assert_close(shown, torch.tensor(seen).float(), atol=4, rtol=0)


@pytest.mark.parametrize(("mode", "profile"), [("RGB", b"no profile"), ("L", swapped()), ("RGB", None)])
def test_without_a_fitting_profile_colours_are_taken_as_they_are(tmp_path, mode, profile):
    profile = profile or ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for name, options in (("with", {"icc_profile": profile}), ("without", {})):
        (tmp_path / name).write_bytes(picture((9, 9), mode, **options))
    assert torch.equal(read_image(tmp_path / "with"), read_image(tmp_path / "without"))


@pytest.mark.parametrize("what", ["profile", "text"])
def test_large_texts_and_profiles_cost_no_picture(tmp_path, monkeypatch, what):
    text = PngImagePlugin.PngInfo()
    text.add_text("workflow", "x" * 2_000_000, zip=True)
    options = {"icc_profile": swapped() + bytes(2_000_000)} if what == "profile" else {"pnginfo": text}
    Image.new("RGB", (8, 8), "white").save(tmp_path / "a.png", **options)
    assert read_image(tmp_path / "a.png").eq(255).all()
    monkeypatch.setattr("retable.datasets.decoding.LARGEST_TEXT", 1_000_000)
    with pytest.raises(DataError, match="its text or colour profile takes more than 64 MiB; save it without"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize(("make", "words"), [(os.mkfifo, "a named pipe"), (bind, "a socket"), (device, "a device")])
def test_what_could_hold_its_reader_for_ever_is_refused(tmp_path, make, words):
    make(tmp_path / "x.png")
    for read in (read_image, file_digest):
        with pytest.raises(DataError, match=rf"x\.png: is {words}, not a file"):
            read(tmp_path / "x.png")


@pytest.mark.parametrize("fmt", ["PNG", "WEBP"])
def test_of_an_animation_the_first_frame_is_read(tmp_path, fmt):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "moving.dat", fmt, save_all=True, append_images=frames[1:], duration=100, lossless=True)
    with Image.open(tmp_path / "moving.dat") as image:
        assert image.n_frames == 2
    assert read_image(tmp_path / "moving.dat")[:, 0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("suffix", ["jpg", "png"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_photographs_taken_in_any_position_stand_upright(tmp_path, orientation, suffix):
    picture_ = Image.new("L", (32, 16), 0)
    picture_.paste(255, (0, 0, 8, 8))  # a white corner
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture_.save(tmp_path / f"a.{suffix}", exif=exif, quality=95)
    upright = read_image(tmp_path / f"a.{suffix}", 1)[0].float()
    # Round the picture from the top left corner.
    corners = [upright[:6, :6], upright[:6, -6:], upright[-6:, -6:], upright[-6:, :6]]
    assert upright.shape == ((16, 32) if orientation < 5 else (32, 16))
    assert max(range(4), key=lambda place: corners[place].mean()) == (orientation - 1) % 4


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not a PNG, JPEG or WebP"),
        (b"just text", "not a PNG, JPEG or WebP"),
        (picture(fmt="GIF", mode="P"), "not a PNG, JPEG or WebP"),
        (picture((64, 64))[:-200], "truncated or corrupt"),
        (picture((64, 64), fmt="JPEG")[:-200], "truncated or corrupt"),
        (picture((64, 64), fmt="WEBP", lossless=True)[:-10], "truncated or corrupt|not a PNG"),
        (picture(fmt="TIFF", mode="F"), "not a PNG, JPEG or WebP"),
        (picture()[:8], "truncated or corrupt|not a PNG"),
    ],
    ids=["empty", "text", "gif", "png cut", "jpeg cut", "webp cut", "tiff", "signature alone"],
)
def test_what_cannot_be_used_is_an_error_that_names_the_file(tmp_path, data, words):
    path = tmp_path / "broken.png"
    path.write_bytes(data)
    with pytest.raises(DataError, match=words) as error:
        read_image(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_and_a_folder_in_its_place_are_named(tmp_path):
    with pytest.raises(DataError, match=r"is a folder; name the images in it, e\.g\. .*/\*\.png"):
        read_image(tmp_path)
    with pytest.raises(DataError, match=r"nowhere\.png: no such file"):
        read_image(tmp_path / "nowhere.png")
    with pytest.raises(DataError, match="nowhere: no such folder"):
        image_files(tmp_path / "nowhere")


@pytest.mark.parametrize("size", [(300, 300), (10_000, 10_000), (30_000, 30_000)], ids=["limit", "warned", "bomb"])
def test_more_pixels_than_allowed_are_refused_before_decoding(tmp_path, monkeypatch, size):
    header = bytearray(picture((1, 1), mode="L"))
    header[16:24] = size[0].to_bytes(4, "big") + size[1].to_bytes(4, "big")
    header[29:33] = zlib.crc32(header[12:29]).to_bytes(4, "big")
    (tmp_path / "bomb.png").write_bytes(header)

    def decoded(_):
        raise AssertionError("was decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decoded)
    with pytest.raises(DataError, match=r"bomb\.png.*smaller"):
        read_image(tmp_path / "bomb.png", max_pixels=80_000)


def test_damaged_exif_costs_no_picture(tmp_path):
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a description"
    damaged = exif.tobytes().replace((0x010E).to_bytes(2, "big"), (0x0111).to_bytes(2, "big"))
    (tmp_path / "a.jpg").write_bytes(picture((6, 4), fmt="JPEG", exif=damaged))
    assert read_image(tmp_path / "a.jpg").shape == (3, 6, 4)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_gets_past_the_reader_as_another_error(tmp_path, data):
    original = data.draw(st.sampled_from([picture((9, 9), fmt=f) for f in ("PNG", "JPEG", "WEBP")]))
    damaged = bytearray(original[: data.draw(st.integers(0, len(original)))])
    for position in data.draw(st.lists(st.integers(0, max(len(damaged) - 1, 0)), max_size=4)):
        if damaged:
            damaged[position] ^= data.draw(st.integers(1, 255))
    path = tmp_path / "fuzz.png"
    path.write_bytes(damaged)
    with contextlib.suppress(DataError):  # and no other
        assert read_image(path, max_pixels=10_000).dtype == torch.uint8


def test_a_folders_images_are_found_sorted_and_cropped_and_resized(tmp_path):
    (tmp_path / "b").mkdir()
    Image.new("RGB", (20, 10), "white").save(tmp_path / "b" / "2.png")
    Image.new("RGB", (8, 8), "black").save(tmp_path / "a.JPG")
    (tmp_path / ".hidden.png").write_bytes(picture())
    (tmp_path / "notes.txt").write_text("no image")
    assert [p.name for p in image_files(tmp_path)] == ["a.JPG", "2.png"]
    images = torch.stack([square(read_image(path), 8) for path in image_files(tmp_path)])
    assert images.shape == (2, 3, 8, 8)
    assert images.float().mean((1, 2, 3)).tolist() == [0, 255]
