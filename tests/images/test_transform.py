"""Pictures that `lc transform` refuses, each with its reason; and pictures of pairs."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from lc_core.errors import LCError
from lc_core.models.latent_model import LatentModel
from lc_core.plugins.discover import build_registry, registered_by
from lc_core.plugins.hookspecs import hookimpl
from lc_core.plugins.registry import Distribution, Registry
from lc_core.runs.transform import read_inputs
from lc_plugins.images import plugin
from lc_plugins.images.render import Png

PIXELS = np.random.default_rng(1).integers(0, 256, (32, 32, 3), dtype=np.uint8)


class Camera(LatentModel):
    """A model of pictures of 32 x 32."""

    latent_shape, output_type, size = (2,), "image.rgb/1", 32

    def decode(self, z: object) -> object:
        raise AssertionError("nothing is decoded before all inputs are read")


@hookimpl
def lc_register_models(register):
    register("camera.model", Camera, output="image.rgb/1")


@pytest.fixture
def read():
    """Read files as inputs of a model of pictures of 32 x 32."""
    hooks = SimpleNamespace(lc_register_models=lc_register_models)
    parts = registered_by(plugin, distribution="lc-i", version="1"), registered_by(hooks, distribution="c", version="1")
    registry = Registry(distributions=tuple(Distribution(f"d{n}", "1", part, 0.0) for n, part in enumerate(parts)))
    spec = SimpleNamespace(output_type="image.rgb/1")
    return lambda *paths, **more: read_inputs(paths, spec, Camera(), registry, **more)


def test_the_size_of_pictures_is_the_models(read, tmp_path: Path) -> None:
    for name, factor in (("a", 1), ("b", 2)):
        Image.fromarray(PIXELS.repeat(factor, 0).repeat(factor, 1)).save(tmp_path / f"{name}.png")
    inputs, names = read(tmp_path / "a.png", tmp_path / "b.png")
    assert inputs.shape == (2, 3, 32, 32)
    np.testing.assert_array_equal(inputs[0], inputs[1])
    assert names == ["a.png", "b.png"]


def test_what_is_said_of_a_picture_has_its_name_and_no_folder(read, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(PIXELS).save(tmp_path / "a.png", exif=exif)
    said: list[str] = []
    read(tmp_path / "a.png", tell=said.append)
    assert said == ["a.png: the picture is turned as its EXIF data say"]


def test_all_pictures_that_will_not_do_are_told_with_their_reasons(read, tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "good.png")
    Image.new("RGB", (48, 48)).save(tmp_path / "size.png")
    Image.new("CMYK", (32, 32)).save(tmp_path / "print.jpg")
    Image.new("RGBA", (32, 32), (9, 9, 9, 100)).save(tmp_path / "alpha.png")
    Image.fromarray(PIXELS).quantize(16).save(tmp_path / "palette.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "good.png").read_bytes()[:500])
    (tmp_path / "text.png").write_text("no picture")
    names = ("good.png", "size.png", "print.jpg", "alpha.png", "palette.png", "cut.png", "text.png")
    with pytest.raises(LCError) as caught:
        read(*(tmp_path / name for name in names))
    lines = [line for line in caught.value.message.splitlines() if not line.startswith("  hint: ")]
    said = (
        "has 48 x 48 pixels; expected 32 x 32",
        "of mode CMYK",
        "transparent in places",
        "cannot be read",
        "no PNG or JPEG",
    )
    for line, name, reason in zip(
        lines, ("size.png", "print.jpg", "alpha.png", "cut.png", "text.png"), said, strict=True
    ):
        assert name in line and reason in line


def test_a_palette_is_read_as_its_colours(read, tmp_path: Path) -> None:
    Image.fromarray(PIXELS).quantize(16).save(tmp_path / "palette.png")
    assert read(tmp_path / "palette.png")[0].shape == (1, 3, 32, 32)


def test_pairs_stand_beside_each_other(tmp_path: Path) -> None:
    before, after = np.zeros((3, 3, 8, 8), np.float32), np.ones((3, 3, 8, 8), np.float32)
    assert Png(scale=1).write_pair(before[0], after[0], tmp_path / "pair.png")
    picture = np.asarray(Image.open(tmp_path / "pair.png"))
    assert picture.shape == (12, 22, 3)
    assert (picture[2:10, 2:10] == 0).all() and (picture[2:10, 12:20] == 255).all()
    assert Png(scale=1).write_pairs(before, after, tmp_path) == tmp_path / "pairs.png"
    assert Png().write_pairs(before[:0], after[:0], tmp_path) is None


def test_the_installed_renderers_of_pictures_and_melodies_draw_pairs() -> None:
    names = {"images.png", "melody.piano_roll"}
    from lc_core.plugins.renderer import Renderer

    drawing = {one.name for one in build_registry().all("renderer") if one.load().write_pair is not Renderer.write_pair}
    assert names <= drawing
