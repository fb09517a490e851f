"""A model as an edit sees it: its latents begin where the encoder puts outputs, not where the prior has its mass.

Critics and engines that are fitted for this model have seen where edits begin, and where they go from there.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lc_core.common.seeds import block_generator
from lc_core.models.latent_model import LatentModel, Posterior, draw_prior

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

__all__ = ["Encodings"]

POOL = 4_096
"""Encodings that small draws, which a training makes again and again, are taken from. Larger draws are fresh."""


class Encodings(LatentModel):
    """A model whose starts are posterior means of decoded prior samples.

    A posterior mean lies well inside the shell of a standard normal prior, by how much differs from output to output.
    So nothing is moved back to a shell: an edit may go wherever the shortest way leads.

    Args:
        inner: A model with an encoder.

    Attributes:
        sigma_bar: Posterior standard deviation per dimension, `latent_shape`: the model's own, or the average over
            encodings of decoded prior samples.
    """

    def __init__(self, inner: LatentModel) -> None:
        self.inner = inner
        self.name, self.source, self.note = inner.name, inner.source, inner.note
        self.latent_shape, self.output_type = inner.latent_shape, inner.output_type
        self.block, self.device = inner.block, inner.device

    def decode(self, z: Tensor) -> Any:
        """Decode as the model does."""
        return self.inner.decode(z)

    @property
    def encodes(self) -> bool:
        """Whether the model does."""
        return self.inner.encodes

    @property
    def unwrapped(self) -> LatentModel:
        """The model."""
        return self.inner

    def encode(self, outputs: Any) -> Posterior:
        """Encode as the model does."""
        return self.inner.encode(outputs)

    def realism(self) -> nn.Module | None:
        """Return the model's realism critic."""
        return self.inner.realism()

    @cached_property
    def digest(self) -> str:
        """Hash of the model and of where its latents begin."""
        return hashlib.sha256(f"encodings/1/{self.inner.digest}".encode()).hexdigest()

    @cached_property
    def sigma_bar(self) -> Tensor:
        """The unit that distances are measured in."""
        own = getattr(self.inner, "sigma_bar", None)
        sigma: Tensor = self._pool.std.mean(dim=0) if own is None else own.to(self.device).view(self.latent_shape)
        return sigma.clamp_min(1e-6)

    def sample_prior(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw `(count, *latent_shape)` starts of edits: posterior means of decoded prior samples."""
        import torch

        if count > POOL // 2:
            return self._encoded(count, generator).mean.cpu()
        return self._pool.mean.cpu()[torch.randint(POOL, (count,), generator=generator)]

    @cached_property
    def _pool(self) -> Posterior:
        return self._encoded(POOL, block_generator(0, 0, "encodings"))

    def _encoded(self, count: int, generator: torch.Generator) -> Posterior:
        return self.inner.encode_decoded(draw_prior(self.inner, count, generator))
