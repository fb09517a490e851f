"""A user's files as pictures, and what is said of those that will not do."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lc_core.errors import LCError
from lc_plugins.images.read import read_gray, read_image

PIXELS = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def saved(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def test_a_png_gives_its_pixels(tmp_path: Path) -> None:
    read = read_image(saved(tmp_path / "a.png", Image.fromarray(PIXELS)))
    assert read.shape == (1, 3, 64, 64)
    assert read.dtype == np.float32
    np.testing.assert_allclose(read[0].transpose(1, 2, 0), PIXELS / 255, atol=1e-6)


def test_a_jpeg_gives_nearly_its_pixels(tmp_path: Path) -> None:
    smooth = np.linspace(0, 255, 64, dtype=np.uint8)[:, None, None].repeat(64, 1).repeat(3, 2)
    read = read_image(saved(tmp_path / "a.JPG", Image.fromarray(smooth), quality=95))
    assert np.abs(read[0].transpose(1, 2, 0) - smooth / 255).max() < 0.03


def test_a_larger_square_is_brought_down_by_means(tmp_path: Path) -> None:
    large = np.zeros((128, 128, 3), np.uint8)
    large[::2] = 200
    read = read_image(saved(tmp_path / "a.png", Image.fromarray(large)))
    np.testing.assert_allclose(read, 100 / 255, atol=1e-6)


@pytest.mark.parametrize("shape", [(32, 32), (64, 65), (100, 100), (128, 64)])
def test_another_size_is_refused(shape: tuple[int, int], tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", Image.new("RGB", (shape[1], shape[0])))
    with pytest.raises(LCError, match=f"has {shape[1]} x {shape[0]} pixels; expected 64 x 64"):
        read_image(path)


@pytest.mark.parametrize("mode", ["L", "1", "LA", "P"])
def test_a_grey_picture_has_equal_channels_for_a_model_in_colour(mode: str, tmp_path: Path) -> None:
    image = Image.fromarray(PIXELS[..., 0])
    dark = Image.fromarray(PIXELS[..., 0] > 99)
    read = read_image(saved(tmp_path / "a.png", image.convert(mode) if mode != "1" else dark))
    expected = PIXELS[..., 0] / 255 if mode != "1" else PIXELS[..., 0] > 99
    np.testing.assert_allclose(read[0], np.stack([expected] * 3), atol=1e-6)


DEEP = np.random.default_rng(3).integers(0, 65536, (64, 64), dtype=np.uint16)


def test_grey_of_sixteen_bits_keeps_them_on_either_kind_of_model(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", Image.fromarray(DEEP))
    np.testing.assert_allclose(read_gray(path, size=64)[0, 0], DEEP / 65535, atol=1e-6)
    np.testing.assert_allclose(read_image(path)[0], np.stack([DEEP / 65535] * 3), atol=1e-6)
    small = DEEP.reshape(8, 8, 8, 8).mean((1, 3)) / 65535
    np.testing.assert_allclose(read_gray(path)[0, 0], small, atol=1e-5)


def deep_png(path: Path, kind: int, values: np.ndarray) -> Path:
    """Write a PNG of 16 bits: kind 2 is RGB, 4 grey with alpha, 6 RGB with alpha; Pillow writes none of these."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    size = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, kind, 0, 0, 0)
    chunks = [(b"IHDR", size), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    body = b"".join(struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


@pytest.mark.parametrize(("kind", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_colours_and_alpha_of_sixteen_bits_are_not_clipped(kind: int, channels: int, tmp_path: Path) -> None:
    values = np.repeat(DEEP[..., None], channels, axis=2)
    if kind in (4, 6):
        values[..., -1] = 65535
    path = deep_png(tmp_path / "a.png", kind, values)
    for read in (read_image(path)[0, 0], read_gray(path, size=64)[0, 0]):
        np.testing.assert_allclose(read, DEEP / 65535, atol=1 / 255)


def test_a_transparent_grey_of_sixteen_bits_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", Image.fromarray(DEEP), transparency=int(DEEP[3, 3]))
    with pytest.raises(LCError, match="transparent in places"):
        read_gray(path, size=64)


TURNS = {
    1: lambda p: p, 2: np.fliplr, 3: lambda p: np.rot90(p, 2), 4: np.flipud, 5: lambda p: p.swapaxes(0, 1),
    6: lambda p: np.rot90(p, -1), 7: lambda p: np.rot90(p.swapaxes(0, 1), 2), 8: np.rot90,
}  # fmt: skip


@pytest.mark.parametrize("orientation", [*TURNS, 0, 9])
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_picture_is_turned_as_its_exif_data_say(orientation: int, suffix: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    corner = np.zeros((64, 64, 3), np.uint8)
    corner[:16, :32] = 255
    said: list[str] = []
    path = saved(tmp_path / f"a.{suffix}", Image.fromarray(corner), exif=exif, quality=100)
    expected = TURNS.get(orientation, TURNS[1])(corner) / 255
    for read in (
        read_image(path, tell=said.append)[0].transpose(1, 2, 0),
        read_gray(path, size=64)[0].transpose(1, 2, 0),
    ):
        np.testing.assert_allclose(read, expected[..., : read.shape[2]], atol=0.02)
    assert said == (["the picture is turned as its EXIF data say"] if orientation in range(2, 9) else [])


def test_exif_data_that_cannot_be_read_leave_the_picture_as_it_is(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", Image.fromarray(PIXELS), exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01")
    np.testing.assert_allclose(read_image(path)[0].transpose(1, 2, 0), PIXELS / 255, atol=1e-6)


def test_an_animation_is_refused(tmp_path: Path) -> None:
    frames = [Image.fromarray(PIXELS), Image.fromarray(255 - PIXELS)]
    path = saved(tmp_path / "a.png", frames[0], save_all=True, append_images=frames[1:])
    with pytest.raises(LCError, match="is an animation of 2 pictures; expected one"):
        read_image(path)


def test_of_a_camera_file_with_two_pictures_the_first_is_read_and_said(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (64, 64), "white"), Image.new("RGB", (64, 64))]
    frames[0].save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=frames[1:])
    said: list[str] = []
    assert read_image(tmp_path / "a.jpg", tell=said.append).min() > 0.99
    assert said == ["the file holds 2 pictures; the first is read"]


@pytest.mark.parametrize("side", [5_000, 10_000, 20_000])
def test_a_huge_picture_is_refused_before_it_is_unpacked(side: int, tmp_path: Path) -> None:
    path = deep_png(tmp_path / "a.png", 2, np.zeros((1, 1, 3), np.uint16))
    head = struct.pack(">II", side, side) + path.read_bytes()[24:29]
    content = path.read_bytes()
    path.write_bytes(content[:16] + head + struct.pack(">I", zlib.crc32(b"IHDR" + head)) + content[33:])
    with pytest.raises(LCError, match="expected 16,777,216 pixels at most") as error:
        read_image(path)
    assert error.value.message.endswith("such as 4096 x 4096") and "scale it down first" in error.value.hint


@pytest.mark.parametrize(("suffix", "name"), [("gif", "GIF"), ("bmp", "BMP"), ("tiff", "TIFF"), ("webp", "WebP")])
def test_another_format_is_named(suffix: str, name: str, tmp_path: Path) -> None:
    saved(tmp_path / f"a.{suffix}", Image.fromarray(PIXELS)).rename(tmp_path / "a.png")
    with pytest.raises(LCError, match=f"the file is a {name} picture, no PNG or JPEG picture"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("keep", [0.3, 0.6])
def test_a_truncated_jpeg_is_named(keep: float, tmp_path: Path) -> None:
    whole = saved(tmp_path / "a.jpg", Image.fromarray(PIXELS), quality=95).read_bytes()
    (tmp_path / "a.jpg").write_bytes(whole[: int(len(whole) * keep)])
    with pytest.raises(LCError, match="(?s)cannot be read: .*truncated"):
        read_image(tmp_path / "a.jpg")


def test_cmyk_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LCError, match="of mode CMYK; expected RGB"):
        read_image(saved(tmp_path / "a.jpg", Image.new("CMYK", (64, 64))))


def test_a_palette_becomes_rgb(tmp_path: Path) -> None:
    image = Image.fromarray(PIXELS // 64 * 64).quantize(200)
    read = read_image(saved(tmp_path / "a.png", image))
    np.testing.assert_allclose(read[0].transpose(1, 2, 0), np.asarray(image.convert("RGB")) / 255, atol=1e-6)


def test_an_opaque_alpha_channel_is_left_out(tmp_path: Path) -> None:
    image = Image.fromarray(PIXELS)
    image.putalpha(255)
    read = read_image(saved(tmp_path / "a.png", image))
    np.testing.assert_allclose(read[0].transpose(1, 2, 0), PIXELS / 255, atol=1e-6)


@pytest.mark.parametrize("mode", ["RGBA", "P"])
def test_a_transparent_picture_is_refused(mode: str, tmp_path: Path) -> None:
    image = Image.new(mode, (64, 64))
    options = {"transparency": 0} if mode == "P" else {}
    with pytest.raises(LCError, match="transparent in places; expected RGB"):
        read_image(saved(tmp_path / "a.png", image, **options))


@pytest.mark.parametrize("keep", [0.02, 0.5, 0.97])
def test_a_truncated_file_is_refused(keep: float, tmp_path: Path) -> None:
    whole = saved(tmp_path / "a.png", Image.fromarray(PIXELS)).read_bytes()
    (tmp_path / "b.png").write_bytes(whole[: int(len(whole) * keep)])
    with pytest.raises(LCError, match="cannot be read|no PNG or JPEG"):
        read_image(tmp_path / "b.png")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"hello", "no PNG or JPEG"),
        (b"GIF89a", "no PNG or JPEG"),
        (b"", "the file is empty"),
        (b"<!doctype html><p>404</p>", "the file is a web page"),
    ],
)
def test_another_kind_of_file_is_refused(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(LCError, match=said):
        read_image(tmp_path / "a.png")


def test_a_gif_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LCError, match="no PNG or JPEG"):
        read_image(saved(tmp_path / "a.gif", Image.new("RGB", (64, 64))))


GRAY = np.random.default_rng(2).integers(0, 256, (8, 8), dtype=np.uint8)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "P"])
def test_a_grey_picture_gives_its_pixels_however_it_is_saved(mode: str, tmp_path: Path) -> None:
    read = read_gray(saved(tmp_path / "a.png", Image.fromarray(GRAY).convert(mode)))
    assert read.dtype == np.float32
    np.testing.assert_allclose(read[0, 0], GRAY / 255, atol=1e-6)


def test_a_picture_in_black_and_white_is_grey(tmp_path: Path) -> None:
    read = read_gray(saved(tmp_path / "a.png", Image.fromarray(GRAY > 99)))
    np.testing.assert_array_equal(read[0, 0], GRAY > 99)


def test_a_larger_grey_picture_is_brought_down_by_means(tmp_path: Path) -> None:
    large = GRAY.repeat(4, 0).repeat(4, 1)
    large[0, :4] = [0, 0, 100, 100]
    large[1:4, :4] = 50
    read = read_gray(saved(tmp_path / "a.png", Image.fromarray(large)))
    np.testing.assert_allclose(read[0, 0, 0, 0], 50 / 255, atol=1e-6)
    np.testing.assert_allclose(read[0, 0, 1:], GRAY[1:] / 255, atol=1e-6)


def test_a_grey_jpeg_is_grey(tmp_path: Path) -> None:
    smooth = np.linspace(0, 255, 64, dtype=np.uint8)[:, None].repeat(64, 1)
    read = read_gray(saved(tmp_path / "a.jpg", Image.fromarray(smooth).convert("RGB"), quality=90))
    assert np.abs(read[0, 0, :, 0] - smooth.reshape(8, 8, 64).mean((1, 2)) / 255).max() < 0.03


def test_a_picture_in_colour_is_not_grey(tmp_path: Path) -> None:
    with pytest.raises(LCError, match="in colour .channels differ by up to 2.. of 255.; expected grey"):
        read_gray(saved(tmp_path / "a.png", Image.fromarray(PIXELS)))


def test_a_transparent_grey_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LCError, match="transparent in places"):
        read_gray(saved(tmp_path / "a.png", Image.new("LA", (8, 8))))
