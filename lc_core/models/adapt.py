"""Any object with `decode` and a prior, as a latent model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lc_core.errors import LCError
from lc_core.models.latent_model import LatentModel

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["WrappedModel", "as_latent_model"]


class WrappedModel(LatentModel):
    """Any object with `decode` and a prior, as a latent model; see `as_latent_model`."""

    def __init__(self, inner: Any, latent_shape: tuple[int, ...]) -> None:
        self.inner = inner
        self.latent_shape = latent_shape
        self.name = str(getattr(inner, "name", type(inner).__name__))
        self.output_type = str(getattr(inner, "output_type", "any/1"))
        self.block = int(getattr(inner, "block", LatentModel.block))
        note = getattr(inner, "note", "")
        self.note = note if isinstance(note, str) else ""

    def decode(self, z: Tensor) -> Any:
        """Decode as the object does."""
        return self.inner.decode(z)

    @property
    def on_shell(self) -> bool:
        """Whether the object leaves the prior to be the standard normal."""
        return not hasattr(self.inner, "sample_prior")

    def sample_prior(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw from the object's own prior, if it has one."""
        if self.on_shell:
            return super().sample_prior(count, generator)
        import torch

        z = torch.as_tensor(self.inner.sample_prior(count, generator), dtype=torch.float32)
        if z.shape != (count, *self.latent_shape):
            raise LCError(
                f"sample_prior of {self.name} returned shape {tuple(z.shape)}; expected {(count, *self.latent_shape)}"
            )
        return z

    def log_prior(self, z: Tensor) -> Tensor | None:
        """Return the log density of the object's own prior, if it gives one."""
        if (own := getattr(self.inner, "log_prior", None)) is not None:
            found: Tensor = own(z)
            return found
        return self.prior.log_density(z) if self.on_shell else None


def as_latent_model(model: Any) -> LatentModel:
    """Return `model` as a latent model.

    Args:
        model: A `LatentModel`; or an object with `decode(z)` and either `latent_shape` (an int or a tuple; the prior
            is then the standard normal) or `latent_shape` and `sample_prior(count, generator)`. `output_type`,
            `name`, `block`, `note` and `log_prior(z)` are used where it has them.

    Raises:
        LCError: If one of these is missing.
    """
    if isinstance(model, LatentModel):
        return model
    if not callable(getattr(model, "decode", None)):
        raise LCError(f"a model needs decode(z); {type(model).__name__} has none")
    shape = getattr(model, "latent_shape", None)
    if shape is None:
        raise LCError(
            f"{type(model).__name__} does not say its latent_shape",
            hint="set model.latent_shape to an int or a tuple; the prior is the standard normal unless the object"
            " has sample_prior(count, generator)",
        )
    return WrappedModel(model, (shape,) if isinstance(shape, int) else tuple(shape))
