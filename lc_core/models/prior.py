"""Priors of latent models, whitened: in the units that engines and critics work in.

Steps of engines, layers of critics and distances are sized for latents whose coordinates have about mean 0 and standard
deviation 1. A network may want others. A `Prior` draws *whitened* latents and says how they become what the
network takes, its *native* latents: native = centre + scale * z.

Shapes: B batch, D values in a latent, z `(B, *latent_shape)` float32.
"""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from lc_core.common.words import counted
from lc_core.errors import LCError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["Hypersphere", "Mixture", "Normal", "Prior", "Samples", "Uniform"]


class Prior(ABC):
    """p(z) of a model.

    Attributes:
        text: What it is, in words.
        on_shell: Whether all of its mass, or nearly all, is at a distance of sqrt(D) from 0; engines keep it there.
    """

    text: str
    on_shell: bool = False

    @abstractmethod
    def draw(self, count: int, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Draw `(count, *shape)` float32, in units; the same for the same state of the generator."""

    def own(self, z: Tensor) -> Tensor:
        """Return latents in the network's own coordinates."""
        return z

    def units(self, own: Tensor) -> Tensor:
        """Return latents in units, given in the network's own coordinates."""
        return own

    def scale(self, dimensions: int) -> float:
        """Return what one unit is in the network's own coordinates, for latents of D values."""
        return 1.0

    def project(self, z: Tensor, start: Tensor) -> Tensor:
        """Move latents in units back to where the prior has its mass, if that has an edge; else leave them."""
        return z

    def log_density(self, z: Tensor) -> Tensor | None:
        """Return the log density `(B,)` of latents in units, up to a constant; -inf where there is none.

        None if it is not known, or does not exist, as of given samples.
        """
        return None

    @property
    def digest(self) -> str:
        """A hash of the distribution, by which fitted parts are cached."""
        return hashlib.sha256(self.text.encode()).hexdigest()


class Normal(Prior):
    """The standard normal, N(0, I)."""

    text = "standard normal"
    on_shell = True

    def draw(self, count: int, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Draw from N(0, I)."""
        import torch

        return torch.randn((count, *shape), generator=generator)

    def log_density(self, z: Tensor) -> Tensor:
        """Return that of N(0, I)."""
        return -z.flatten(1).square().sum(dim=1) / 2


class Uniform(Prior):
    """Independent uniform coordinates. Engines keep latents inside the box.

    Args:
        low: Lowest value, in the network's own coordinates.
        high: Highest value.
    """

    def __init__(self, low: float = -1.0, high: float = 1.0) -> None:
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise LCError(f"a uniform prior needs a range [low, high] with low < high; found [{low}, {high}]")
        self.low, self.high = low, high
        self.text = f"uniform in [{low:g}, {high:g}]"
        self._centre, self._unit = (low + high) / 2, (high - low) / math.sqrt(12)

    def draw(self, count: int, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Draw from the box: in units, from -sqrt(3) to sqrt(3)."""
        import torch

        return (2 * torch.rand((count, *shape), generator=generator) - 1) * math.sqrt(3)

    def own(self, z: Tensor) -> Tensor:
        """Return latents in the network's own coordinates, never outside the box by rounding."""
        return (self._centre + self._unit * z).clamp(self.low, self.high)

    def units(self, own: Tensor) -> Tensor:
        """Return latents in units."""
        return (own - self._centre) / self._unit

    def scale(self, dimensions: int) -> float:
        """Return the standard deviation of a coordinate."""
        return self._unit

    def project(self, z: Tensor, start: Tensor) -> Tensor:
        """Clip to the box."""
        return z.clamp(-math.sqrt(3), math.sqrt(3))

    def log_density(self, z: Tensor) -> Tensor:
        """Return 0 inside the box, -inf outside."""
        off = z.flatten(1).abs().amax(dim=1)
        return (0.0 * off).masked_fill(off > math.sqrt(3) * (1 + 1e-6), -math.inf)


class Hypersphere(Prior):
    """Uniform on a sphere around 0, of any radius; in units its radius is sqrt(D).

    Args:
        radius: Its radius in the network's own coordinates.
    """

    on_shell = True

    def __init__(self, radius: float = 1.0) -> None:
        if not (math.isfinite(radius) and radius > 0):
            raise LCError(f"a hypersphere needs a radius above 0; found {radius}")
        self.radius = radius
        self.text = f"uniform on the sphere of radius {radius:g}"

    def draw(self, count: int, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Draw directions of equal density."""
        import torch

        z = torch.randn((count, *shape), generator=generator)
        norm = z.flatten(1).norm(dim=1).clamp_min(1e-12).view(-1, *[1] * len(shape))
        directions: Tensor = z / norm
        return directions * math.sqrt(math.prod(shape))

    def log_density(self, z: Tensor) -> Tensor:
        """Return 0: it is the same all over the sphere, on which engines keep latents."""
        return 0.0 * z.flatten(1).sum(dim=1)

    def own(self, z: Tensor) -> Tensor:
        """Return latents of the sphere's radius."""
        return z * self.scale(z[0].numel())

    def units(self, own: Tensor) -> Tensor:
        """Return latents of norm sqrt(D), given on the sphere."""
        return own / self.scale(own[0].numel())

    def scale(self, dimensions: int) -> float:
        """Return the root mean square of a coordinate."""
        return self.radius / math.sqrt(dimensions)


class _Placed(Prior):
    """A distribution that is known by its mean and its root mean square deviation.

    Args:
        centre: Mean, `latent_shape`.
        unit: Root mean square of a coordinate's deviation from it.
    """

    def __init__(self, centre: Tensor, unit: float) -> None:
        if not (math.isfinite(unit) and unit > 0):
            raise LCError(f"{self.text} does not vary, or is not finite: its standard deviation is {unit}")
        self._centre, self._unit = centre, unit

    def own(self, z: Tensor) -> Tensor:
        """Return latents in the network's own coordinates."""
        return self._centre.to(z.device) + self._unit * z

    def units(self, own: Tensor) -> Tensor:
        """Return latents in units."""
        return (own - self._centre.to(own.device)) / self._unit

    def scale(self, dimensions: int) -> float:
        """Return the root mean square deviation of a coordinate."""
        return self._unit

    def _expect(self, shape: tuple[int, ...]) -> None:
        if tuple(self._centre.shape) != shape:
            raise LCError(f"the prior, a {self.text}, has latents {tuple(self._centre.shape)}; the model's are {shape}")


class Mixture(_Placed):
    """A mixture of K normals with diagonal covariance. Engines leave latents anywhere.

    Args:
        means: `(K, *latent_shape)`, in the network's own coordinates.
        stds: Standard deviations: `(K, *latent_shape)`, one for each component `(K,)`, or one for all `()`.
        weights: `(K,)`, above 0 in sum; equal if None.
    """

    def __init__(self, means: Tensor, stds: Tensor, weights: Tensor | None = None) -> None:
        import torch

        self.text = f"mixture of {counted(len(means), 'normal')}"
        if stds.dim() == 1 and len(stds) == len(means):
            stds = stds.view(-1, *[1] * (means.dim() - 1))
        elif stds.dim() and stds.shape != means.shape:
            found = f"{tuple(stds.shape)} for means {tuple(means.shape)}"
            raise LCError(
                f"the stds of a mixture should be one number, one for each mean, or as the means; found {found}"
            )
        stds = stds.expand_as(means)
        weights = torch.ones(len(means)) if weights is None else weights
        if weights.shape != (len(means),) or not bool((weights >= 0).all()) or float(weights.sum()) <= 0:
            raise LCError(
                f"the weights of a mixture should be {counted(len(means), 'number')} of at least 0, not all 0"
            )
        if not bool((stds > 0).all()) or not bool(means.isfinite().all()):
            raise LCError("the means of a mixture should be finite and its stds above 0")
        self.means, self.stds, self.weights = means.float(), stds.float(), (weights / weights.sum()).float()
        share = self.weights.view(-1, *[1] * (means.dim() - 1))
        centre = (share * self.means).sum(0)
        spread = (share * (self.stds.square() + (self.means - centre).square())).sum(0)
        super().__init__(centre, float(spread.mean().sqrt()))

    def draw(self, count: int, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Draw components, then from each."""
        import torch

        self._expect(shape)
        which = torch.multinomial(self.weights, count, replacement=True, generator=generator)
        noise = torch.randn((count, *shape), generator=generator)
        return self.units(self.means[which] + self.stds[which] * noise)

    def log_density(self, z: Tensor) -> Tensor:
        """Return that of the mixture."""
        means, stds, weights = (one.to(z.device) for one in (self.means, self.stds, self.weights))
        off = (self.own(z)[:, None] - means) / stds
        each: Tensor = -off.flatten(2).square().sum(dim=2) / 2 - stds.flatten(1).log().sum(dim=1) + weights.log()
        return each.logsumexp(dim=1)

    @property
    def digest(self) -> str:
        """Hash of the parameters."""
        return _digest(self.means, self.stds, self.weights)


class Samples(_Placed):
    """Latents that were drawn elsewhere, each as likely as any other. Engines leave them anywhere.

    Args:
        z: `(N, *latent_shape)`, in the network's own coordinates; at least 2 that differ.
    """

    def __init__(self, z: Tensor) -> None:
        self.text = f"{len(z):,} given samples"
        if len(z) < 2 or not bool(z.isfinite().all()):
            raise LCError(f"a prior of given samples needs at least 2, all finite; found {len(z)} of {tuple(z.shape)}")
        self.z = z.float()
        centre = self.z.mean(0)
        super().__init__(centre, float((self.z - centre).square().mean().sqrt()))

    def draw(self, count: int, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Draw with replacement."""
        import torch

        self._expect(shape)
        return self.units(self.z[torch.randint(len(self.z), (count,), generator=generator)])

    @property
    def digest(self) -> str:
        """Hash of the samples."""
        return _digest(self.z)


def _digest(*tensors: Tensor) -> str:
    found = hashlib.sha256()
    for tensor in tensors:
        found.update(f"{tuple(tensor.shape)}".encode() + tensor.contiguous().numpy().tobytes())
    return found.hexdigest()
