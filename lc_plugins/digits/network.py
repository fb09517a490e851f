"""The variational auto-encoder behind `digits.8x8`: perceptrons on 64 pixels."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["DigitVAE"]


class DigitVAE(nn.Module):
    """q(z|x) = N(mu(x), diag sigma(x)^2), p(z) = N(0, I), p(x|z) = N(g(z), sigma_x^2 I) on pixels in [0, 1].

    Args:
        latent_dim: D, the latent dimension.
        hidden: Width of the two hidden layers of the encoder and of the decoder.
    """

    shape = (1, 8, 8)

    def __init__(self, *, latent_dim: int = 10, hidden: int = 256) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.settings = {"latent_dim": latent_dim, "hidden": hidden}
        self.encoder = nn.Sequential(
            nn.Flatten(), nn.Linear(64, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU()
        )
        self.posterior = nn.Linear(hidden, 2 * latent_dim)
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim, hidden),
            nn.GELU(),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Linear(hidden, 64),
            nn.Sigmoid(),
            nn.Unflatten(1, self.shape),
        )

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the posterior's mean and standard deviation, each `(B, D)`, for pictures `(B, 1, 8, 8)`."""
        mean, raw = self.posterior(self.encoder(x - 0.5)).float().chunk(2, dim=-1)
        return mean, F.softplus(raw) + 1e-4

    def decode(self, z: Tensor) -> Tensor:
        """Return the mean picture `(B, 1, 8, 8)` in [0, 1] for latents `(B, D)`."""
        out: Tensor = self.decoder(z)
        return out
