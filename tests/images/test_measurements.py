"""Brightness and colour: the same of arrays and tensors, with a gradient, of the part that is asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lc_core import Constraint, Measurement, load_model
from lc_core.constraints.measurement import measure_all
from lc_core.energy.decoder_guide import check_guides
from lc_core.plugins.discover import build_registry
from lc_core.spec import SpecError, load_spec
from lc_plugins.images.measurements import brightness, color_distance


def picture():
    """Black, with a lower right quarter of #0000ff."""
    pixels = np.zeros((1, 3, 8, 8), np.float32)
    pixels[0, 2, 4:, 4:] = 1
    return pixels


def test_brightness_is_the_mean_of_a_part():
    assert brightness(picture())[0] == pytest.approx(1 / 12)
    assert brightness(picture(), box=(0.5, 0.5, 1.0, 1.0))[0] == pytest.approx(1 / 3)
    assert brightness(picture(), box=(0.0, 0.0, 0.01, 0.01))[0] == 0  # a part has at least one pixel
    assert brightness(picture(), box=(0.99, 0.99, 1.0, 1.0))[0] == pytest.approx(1 / 3)


def test_color_distance_is_the_rms_of_channels():
    blue = {"color": "#0000FF"}
    assert color_distance(picture(), **blue, box=(0.5, 0.5, 1.0, 1.0))[0] == pytest.approx(0, abs=1e-5)
    assert color_distance(picture(), **blue, box=(0.0, 0.0, 0.5, 0.5))[0] == pytest.approx(3**-0.5)
    assert color_distance(1 + 0 * picture(), color="#000000")[0] == pytest.approx(1)


def test_tensors_give_the_same_and_a_finite_gradient():
    pixels = torch.from_numpy(picture()).requires_grad_()
    for found in (brightness(pixels), color_distance(pixels, color="#0000ff", box=(0.5, 0.5, 1.0, 1.0))):
        (gradient,) = torch.autograd.grad(found.sum(), pixels)
        assert bool(gradient.isfinite().all())
    torch.testing.assert_close(brightness(pixels).detach().numpy(), brightness(picture()))


def test_they_may_guide_through_the_shipped_decoders():
    digits, avatars = load_model("digits.8x8"), load_model("avatars.64")
    dark = Constraint(brightness, at_most=0.2, guide="decoder")
    registered = build_registry().get("constraint", "images.color_distance")
    assert registered.load() is color_distance
    from lc_core import Measurement

    blue = Constraint(Measurement(color_distance, {"color": "#4060c0"}), guide="decoder")
    check_guides(digits, [dark])
    check_guides(avatars, [dark, blue])


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("images.brightness, params: {box: [0.5, 0, 0.5, 1]}", "expected [top, left, bottom, right] with top < bottom"),
        ("images.brightness, params: {box: [0, 0, 2, 1]}", "less than or equal to 1"),
        ("images.color_distance, params: {color: blue}", "should match pattern"),
    ],
)
def test_a_part_or_a_colour_that_makes_no_sense_is_refused(tmp_path, entry, said):
    path = tmp_path / "spec.yaml"
    path.write_text(f"lc: 1\nmodel: avatars.64\nconstraints:\n  - {{use: {entry}, at_most: 0.5}}\n")
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    assert said in str(caught.value)


@pytest.mark.parametrize("rule", [brightness, color_distance])
def test_many_settings_are_measured_together_as_each_alone(rule):
    rng = np.random.default_rng(0)
    pictures = rng.random((6, 3, 20, 14), dtype=np.float32)
    code = rule.__lc_measurement__.code
    some = [Measurement(rule, {"box": (0.0, 0.0, 1.0, 1.0)} | dict(code.draw(rng))) for _ in range(40)]
    for one, values in zip(some, measure_all(some, pictures), strict=True):
        assert values == pytest.approx(one(pictures), abs=1e-6)
        assert len(code.encode(one.settings())) == code.size
