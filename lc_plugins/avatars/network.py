"""The convolutional variational auto-encoder of avatars, 64 x 64 pixels in red, green and blue.

Space-to-depth and pixel shuffle change the resolution, so that every convolution works on few, wide pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["AvatarVAE"]


class Residual(nn.Module):
    """x + conv(gelu(conv(gelu(norm(x)))))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, width)
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.second(F.gelu(self.first(F.gelu(self.norm(x)))))
        return out


class AvatarVAE(nn.Module):
    """q(z|x) = N(mu(x), diag sigma(x)^2), p(z) = N(0, I), p(x|z) = N(g(z), sigma_x^2 I) on pixels in [0, 1].

    Args:
        latent_dim: D, the latent dimension.
        widths: Channels at 16 x 16, 8 x 8 and 4 x 4.
    """

    shape = (3, 64, 64)

    def __init__(self, *, latent_dim: int = 64, widths: tuple[int, int, int] = (48, 96, 192)) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.settings = {"latent_dim": latent_dim, "widths": list(widths)}
        high, middle, low = widths
        self.low = low
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(4),
            nn.Conv2d(48, high, 3, padding=1),
            Residual(high),
            nn.Conv2d(high, middle, 2, stride=2),
            Residual(middle),
            nn.Conv2d(middle, low, 2, stride=2),
            Residual(low),
            nn.GroupNorm(8, low),
            nn.GELU(),
            nn.Flatten(),
        )
        self.posterior = nn.Linear(16 * low, 2 * latent_dim)
        self.expand = nn.Linear(latent_dim, 16 * low)
        self.decoder = nn.Sequential(
            Residual(low),
            nn.Conv2d(low, 4 * middle, 1),
            nn.PixelShuffle(2),
            Residual(middle),
            nn.Conv2d(middle, 4 * high, 1),
            nn.PixelShuffle(2),
            Residual(high),
            nn.GroupNorm(8, high),
            nn.GELU(),
            nn.Conv2d(high, 48, 3, padding=1),
            nn.PixelShuffle(4),
        )
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the posterior's mean and standard deviation, each `(B, D)`, for pictures `(B, 3, 64, 64)`."""
        hidden = self.encoder((x - 0.5).contiguous(memory_format=torch.channels_last))
        mean, raw = self.posterior(hidden).float().chunk(2, dim=-1)
        return mean, F.softplus(raw) + 1e-4

    def decode(self, z: Tensor) -> Tensor:
        """Return the mean picture `(B, 3, 64, 64)`, not clamped, for latents `(B, D)`."""
        hidden = self.expand(z).view(len(z), self.low, 4, 4).contiguous(memory_format=torch.channels_last)
        out: Tensor = self.decoder(hidden) + 0.5
        return out
