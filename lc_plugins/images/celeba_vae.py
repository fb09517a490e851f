"""The convolutional VAE of Engel, Hoffman, Roberts 2018 for CelebA, as their notebook `LatentConstraints.ipynb` has it.

Convolutions pad by half their kernel on every side, where the notebook's pad one more pixel below and to the right.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["CelebAVAE"]


class CelebAVAE(nn.Module):
    """q(z|x) = N(mu(x), diag sigma(x)^2), p(z) = N(0, I), p(x|z) = N(g(z), sigma_x^2 I) on pixels in [0, 1].

    The encoder has four convolutions of stride 2 with kernels 5, 5, 3, 3 and ReLU, to 4 x 4, and a linear layer; the
    decoder mirrors it and ends with a sigmoid.

    Args:
        latent_dim: D, the latent dimension.
        width: Channels at 32 x 32, which double at each smaller size: 256, 512, 1024, 2048 in the paper.
    """

    shape = (3, 64, 64)

    def __init__(self, *, latent_dim: int = 1024, width: int = 256) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.settings = {"latent_dim": latent_dim, "width": width}
        channels, kernels = [3, width, 2 * width, 4 * width, 8 * width], [5, 5, 3, 3]
        self.deepest = channels[-1]
        down: list[nn.Module] = []
        for (before, after), kernel in zip(pairwise(channels), kernels, strict=True):
            down += [nn.Conv2d(before, after, kernel, stride=2, padding=kernel // 2), nn.ReLU()]
        up: list[nn.Module] = []
        for (before, after), kernel in zip(pairwise(channels[::-1]), kernels[::-1], strict=True):
            up += [
                nn.ConvTranspose2d(before, after, kernel, stride=2, padding=kernel // 2, output_padding=1),
                nn.ReLU(),
            ]
        self.encoder = nn.Sequential(*down, nn.Flatten())
        self.posterior = nn.Linear(16 * self.deepest, 2 * latent_dim)
        self.expand = nn.Linear(latent_dim, 16 * self.deepest)
        self.decoder = nn.Sequential(*up[:-1], nn.Sigmoid())

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the posterior's mean and standard deviation, each `(B, D)`, for pictures `(B, 3, 64, 64)`."""
        mean, raw = self.posterior(self.encoder(x)).float().chunk(2, dim=-1)
        return mean, F.softplus(raw) + 1e-4

    def decode(self, z: Tensor) -> Tensor:
        """Return the mean picture `(B, 3, 64, 64)` in [0, 1] for latents `(B, D)`."""
        out: Tensor = self.decoder(self.expand(z).view(len(z), self.deepest, 4, 4))
        return out
