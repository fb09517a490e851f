"""The losses of VAEs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from lc_plugins.digits.network import DigitVAE
from lc_plugins.vae.loss import kl_nats, pixel_loss

SETTINGS = {"batch": 6, "beta": 3.0, "sigma_x": 0.5}
PIXELS = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 1), dtype=np.uint8)


def test_the_divergence_is_that_of_torch() -> None:
    mean, std = torch.randn(5, 4), torch.rand(5, 4) + 0.1
    torch.testing.assert_close(kl_nats(mean, std), kl_divergence(Normal(mean, std), Normal(0.0, 1.0)))


@pytest.mark.parametrize(("done", "share"), [(0.0, 0.0), (0.1, 0.5), (0.2, 1.0), (0.9, 1.0)])
def test_the_weight_of_the_divergence_grows_over_a_fifth_of_the_steps(done: float, share: float) -> None:
    loss, reconstruction, kl = pixel_loss(PIXELS, SETTINGS)(DigitVAE(), torch.Generator().manual_seed(0), done)
    assert kl > 0
    assert loss.item() == pytest.approx(reconstruction + share * 3.0 * kl)


def test_the_reconstruction_term_is_that_of_a_gaussian_but_for_a_constant() -> None:
    net = DigitVAE()
    _, reconstruction, _ = pixel_loss(PIXELS, SETTINGS)(net, torch.Generator().manual_seed(0), 1.0)
    generator = torch.Generator().manual_seed(0)
    x = torch.from_numpy(PIXELS[torch.randint(20, (6,), generator=generator)]).permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        mean, std = net.encode(x)
        decoded = net.decode(mean + std * torch.randn((6, net.latent_dim), generator=generator))
    likelihood, highest = (Normal(decoded, 0.5).log_prob(one).sum() for one in (x, decoded))
    assert reconstruction == pytest.approx(float(highest - likelihood) / 6, rel=1e-2)  # bfloat16 where there is any


def test_bytes_and_floats_of_the_same_pictures_have_the_same_loss() -> None:
    floats = PIXELS.transpose(0, 3, 1, 2).astype(np.float32) / 255
    net = DigitVAE()
    one, other = (
        pixel_loss(pictures, SETTINGS)(net, torch.Generator().manual_seed(0), 1.0) for pictures in (PIXELS, floats)
    )
    assert one == other
