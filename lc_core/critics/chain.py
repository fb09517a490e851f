"""A Markov chain that transports prior samples to where encodings of data are, by an output-space discriminator.

Where latents differ only in what they decode to, a critic of outputs knows more than one of latents: its logit
estimates log q(x) - log p(x), decoded encodings of data against decoded prior samples. The chain's proposals leave the
prior as it is (preconditioned Crank-Nicolson, Cotter, Roberts, Stuart and White 2013), so accepting them by that ratio
alone leads to prior times ratio, the aggregate posterior (Metropolis-Hastings with a discriminator: Turner, Hung,
Frank, Saatchi and Yosinski 2019). It needs no gradient.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["Chain"]


class Chain:
    """Transports latents `(B, *latent_shape)` of a standard normal prior along one chain each.

    A row's result depends on its own latent alone, whose bytes seed its chain.

    Args:
        log_ratio: Latents to log q(x) - log p(x) of what they decode to, `(B,)`.
        steps: Steps of a chain; each decodes once.
        stride: Share of a proposal's standard deviation that is drawn anew, above 0, at most 1.
        sharpness: What the log ratio is multiplied by; above 1 the likeliest places are preferred.
    """

    def __init__(
        self, log_ratio: Callable[[Tensor], Tensor], *, steps: int = 80, stride: float = 0.45, sharpness: float = 2.5
    ) -> None:
        self.log_ratio = log_ratio
        self.steps, self.stride, self.sharpness = steps, stride, sharpness

    @property
    def decodes(self) -> int:
        """Outputs that it decodes for each latent."""
        return self.steps + 1

    @torch.no_grad()
    def __call__(self, z: Tensor) -> Tensor:
        """Return where the chains of prior samples end."""
        noise, chance = self._draws(z)
        keep = math.sqrt(1 - self.stride**2)
        at, value = z, self.sharpness * self.log_ratio(z)
        for step in range(self.steps):
            proposed = keep * at + self.stride * noise[step]
            other = self.sharpness * self.log_ratio(proposed)
            accepted = chance[step].log() < other - value
            at = torch.where(accepted.view(-1, *[1] * (z.dim() - 1)), proposed, at)
            value = torch.where(accepted, other, value)
        return at

    def _draws(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return what every step draws: normal `(steps, *z.shape)` and uniform `(steps, B)` values."""
        noise, chance = [], []
        for row in z.detach().float().cpu().contiguous():
            seed = hashlib.sha256(row.numpy().tobytes()).digest()[:8]
            generator = torch.Generator().manual_seed(int.from_bytes(seed, "little") >> 1)
            noise.append(torch.randn((self.steps, *row.shape), generator=generator))
            chance.append(torch.rand(self.steps, generator=generator))
        return torch.stack(noise, dim=1).to(z), torch.stack(chance, dim=1).to(z)
