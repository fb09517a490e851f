"""Pictures with the channels last: brought to channels first where a spec says so, refused where it does not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from lc_core.errors import LCError
from lc_core.models.latent_model import decode_array
from lc_core.plugins.readers import reader_settings
from lc_core.testing import check_model
from lc_plugins.models.export import load_export
from tests.models.networks import latents, save_pt2

RGB, GRAY = "image.rgb/1", "image.gray/1"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")


class Shaped(nn.Module):
    """Latents `(B, 4)` to values in [0, 1] of a shape."""

    def __init__(self, shape):
        super().__init__()
        torch.manual_seed(0)
        self.net, self.shape = nn.Linear(4, int(np.prod(shape))), shape

    def forward(self, z):
        return torch.sigmoid(self.net(z)).view(-1, *self.shape)


def load(tmp_path, own, **settings):
    file = save_pt2(Shaped(own).eval().requires_grad_(False), tmp_path / "decoder.pt2")
    return load_export(file=file, **{"output": RGB, **settings})


def refusal(*arguments, **settings):
    with pytest.raises(LCError) as error:
        load(*arguments, **settings)
    return str(error.value)


@pytest.mark.parametrize(
    ("shape", "settings"),
    [
        ((8, 6, 3), {}),
        ((8, 6, 3), {"shape": [3, 8, 6]}),
        ((8, 6, 3), {"shape": [8, 6, 3]}),
        ((144,), {"shape": [3, 8, 6]}),
        ((48, 3), {"shape": [3, 8, 6]}),
    ],
)
def test_channels_last_are_brought_first(shape, settings, tmp_path):
    model = load(tmp_path, shape, layout="channels_last", **settings)
    check_model(model)
    wanted = Shaped(shape)(latents()).detach().numpy().reshape(3, 8, 6, 3).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(decode_array(model, latents()), wanted, atol=1e-6)


def test_channels_last_of_grey_pictures(tmp_path):
    assert load(tmp_path, (8, 6, 1), output=GRAY, layout="channels_last").decode(latents()).shape == (3, 1, 8, 6)


def test_the_layout_is_part_of_the_digest_and_the_default_is_not(tmp_path):
    first = load(tmp_path, (3, 6, 3), layout="channels_first")
    assert load(tmp_path, (3, 6, 3), layout="channels_last").digest != first.digest
    assert first.decode(latents()).shape == (3, 3, 6, 3)


@pytest.mark.parametrize(
    ("shape", "settings"),
    [
        ((8, 8, 3), {}),
        ((8, 8, 3), {"shape": [3, 8, 8]}),
        ((64, 3), {"shape": [3, 8, 8]}),
        ((8, 8, 1), {"output": GRAY}),
    ],
)
def test_without_the_setting_it_is_named(shape, settings, tmp_path):
    assert "layout: channels_last" in refusal(tmp_path, shape, **settings)


@pytest.mark.parametrize("shape", [(12, 4, 4), (4, 4, 12), (8, 24), (8, 3, 8)])
def test_a_shape_that_would_scramble_is_refused(shape, tmp_path):
    assert "would scramble them" in refusal(tmp_path, shape, shape=[3, 8, 8])


@pytest.mark.parametrize("shape", [(192,), (3, 64), (24, 8), (3, 8, 8), (1, 3, 8, 8)])
def test_a_shape_that_only_joins_or_splits_is_taken(shape, tmp_path):
    wanted = Shaped(shape)(latents()).detach().numpy().reshape(3, 3, 8, 8)
    np.testing.assert_allclose(decode_array(load(tmp_path, shape, shape=[3, 8, 8]), latents()), wanted, atol=1e-6)


@pytest.mark.parametrize(("shape", "output"), [((3, 8, 3), RGB), ((3, 3, 3), RGB), ((1, 8, 1), GRAY)])
def test_where_both_could_be_meant_the_spec_has_to_say(shape, output, tmp_path):
    message = refusal(tmp_path, shape, output=output)
    assert "channels_first" in message and "channels_last" in message


def test_channels_last_that_are_not_last_are_refused(tmp_path):
    assert "expected (H, W, 3)" in refusal(tmp_path, (3, 8, 8), layout="channels_last")


@pytest.mark.parametrize(("shape", "known"), [((3, 12, 12), {"size": 12}), ((3, 12, 10), {})])
def test_files_are_read_at_the_size_of_the_models_own_pictures(shape, known, tmp_path):
    assert reader_settings(load(tmp_path, shape)) == known
