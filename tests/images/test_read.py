"""A user's files as pictures, and what is said of those that will not do."""

from __future__ import annotations

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


@pytest.mark.parametrize(
    ("mode", "said"), [("L", "grey"), ("1", "black and white"), ("LA", "grey with an alpha"), ("I;16", "mode I;16")]
)
def test_another_mode_is_refused(mode: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(LCError, match=f"the picture is .*{said}.*; expected RGB"):
        read_image(saved(tmp_path / "a.png", Image.new(mode, (64, 64))))


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


@pytest.mark.parametrize("content", [b"", b"hello", b"GIF89a"])
def test_another_kind_of_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(LCError, match="no PNG or JPEG"):
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
