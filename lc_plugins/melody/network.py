"""The variational auto-encoder behind `melody.folk-2bar`: residual multi-layer perceptrons on a grid of sixteenths.

Inside, a token is one of `C = PITCHES + 2` classes: `PITCHES` pitches from `LOWEST` up, then hold, then note-off.
The whole window is decoded at once, so decoding costs one pass of matrix products.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lc_core.common import Residual

__all__ = ["LOWEST", "PITCHES", "MelodyVAE", "classes_to_tokens", "tokens_to_classes"]

LOWEST = 48  # the corpus, transposed by -6 to +5 semitones, spans 49 to 93
PITCHES = 48
HOLD, NOTE_OFF = 128, 129


def tokens_to_classes(tokens: Tensor) -> Tensor:
    """Map `melody.tokens/1` `(B, T)` to classes `(B, T)`; pitches out of range move by octaves into it."""
    low = tokens < LOWEST
    high = (tokens >= LOWEST + PITCHES) & (tokens < HOLD)
    folded = torch.where(low, LOWEST + (tokens - LOWEST) % 12, tokens)
    folded = torch.where(high, LOWEST + PITCHES - 12 + (tokens - LOWEST) % 12, folded)
    return torch.where(tokens >= HOLD, tokens - HOLD + PITCHES, folded - LOWEST)


def classes_to_tokens(classes: Tensor) -> Tensor:
    """Map classes `(B, T)` back to `melody.tokens/1` `(B, T)`."""
    return torch.where(classes >= PITCHES, classes - PITCHES + HOLD, classes + LOWEST)


class MelodyVAE(nn.Module):
    """q(z|x) = N(mu(x), diag sigma(x)^2), p(z) = N(0, I), p(x|z) = one categorical for each step.

    Args:
        steps: T, the window's length in sixteenths.
        latent_dim: D, the latent dimension.
        width: Width of the residual stream.
        hidden: Width inside each residual block.
        encoder_blocks: Residual blocks of the encoder.
        decoder_blocks: Residual blocks of the decoder.
    """

    offsets: Tensor

    def __init__(
        self,
        *,
        steps: int = 32,
        latent_dim: int = 128,
        width: int = 640,
        hidden: int = 640,
        encoder_blocks: int = 3,
        decoder_blocks: int = 3,
    ) -> None:
        super().__init__()
        self.steps, self.latent_dim = steps, latent_dim
        self.settings = {
            "steps": steps,
            "latent_dim": latent_dim,
            "width": width,
            "hidden": hidden,
            "encoder_blocks": encoder_blocks,
            "decoder_blocks": decoder_blocks,
        }
        classes = PITCHES + 2
        self.embed = nn.EmbeddingBag(steps * classes, width, mode="sum")
        nn.init.normal_(self.embed.weight, std=steps**-0.5)
        self.encoder = nn.Sequential(*(Residual(width, hidden) for _ in range(encoder_blocks)), nn.LayerNorm(width))
        self.posterior = nn.Linear(width, 2 * latent_dim)
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim, width),
            *(Residual(width, hidden) for _ in range(decoder_blocks)),
            nn.LayerNorm(width),
        )
        self.logits = nn.Linear(width, steps * classes)
        self.register_buffer("offsets", torch.arange(steps) * classes, persistent=False)

    def encode(self, classes: Tensor) -> tuple[Tensor, Tensor]:
        """Return the posterior's mean and standard deviation, each `(B, D)`, for classes `(B, T)`."""
        hidden = self.encoder(self.embed(classes + self.offsets))
        mean, raw = self.posterior(hidden).float().chunk(2, dim=-1)
        return mean, F.softplus(raw) + 1e-4

    def decode(self, z: Tensor) -> Tensor:
        """Return logits `(B, T, C)` for latents `(B, D)`."""
        out: Tensor = self.logits(self.decoder(z)).view(len(z), self.steps, -1)
        return out
