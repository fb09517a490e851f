"""What a frozen generative model has to offer, and the functions that call it with its faults named.

Shapes: B batch, z `(B, *latent_shape)` float32, x decoded outputs with first dimension B.
"""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from lc_core.common.guard import blaming
from lc_core.common.seeds import block_generator
from lc_core.common.words import counted
from lc_core.errors import LCError
from lc_core.models.cost import count_operations
from lc_core.models.prior import Normal, Prior

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from torch import Tensor, nn

__all__ = [
    "LatentModel",
    "Posterior",
    "decode_array",
    "decodes_of_base",
    "decode_outputs",
    "draw_transported",
    "draw_prior",
    "encode_outputs",
    "notes_of",
    "transport_latents",
]

NOTED = 256
"""Latents that a note on outputs looks at."""


@dataclass(frozen=True)
class Posterior:
    """q(z|x) = N(mean, diag std^2), each `(B, *latent_shape)`."""

    mean: Tensor
    std: Tensor


class LatentModel(ABC):
    """A frozen p(z), decode(z) and, where it has one, encode(x).

    Attributes:
        name: Name in reports.
        latent_shape: Shape of one latent.
        output_type: What it decodes to, such as `melody.tokens/1`; constraints are matched on it.
        prior: What `sample_prior` draws from, unless that is overridden. Where it is not the standard normal, `decode`
            is given latents in its units, and has to begin with `self.prior.own(z)`.
        block: Largest number of latents that one decode takes comfortably.
        device: Where it is.
        source: The distribution it comes from, named in errors.
        note: What a user should know of it, such as why no gradient comes through; empty if nothing.
        likeness: Name of the measurement that is the log odds of data against prior samples, such as
            `melody.likeness`; a sampler learns by it what `base: data` means. Empty without one.
    """

    name: str = "model"
    source: str = ""
    note: str = ""
    likeness: str = ""
    latent_shape: tuple[int, ...]
    output_type: str = "any/1"
    prior: Prior = Normal()
    block: int = 1024
    device: str = "cpu"

    @abstractmethod
    def decode(self, z: Tensor) -> Any:
        """Decode latents `(B, *latent_shape)` float32 to outputs, an array or tensor with first dimension B."""

    def features(self, z: Tensor) -> Tensor:
        """Return what a sampler reads of latents, `(B, F)`, with a gradient; the latents themselves unless overridden.

        Where outputs are choices, such as notes, the probabilities that they are chosen by tell far more than a latent.

        Args:
            z: Latents `(B, *latent_shape)`, in the prior's units.
        """
        return z.flatten(1)

    def note_of(self, z: Tensor) -> str:
        """Return what a user should know of what latents decode to, such as how much is cut off; empty if nothing.

        `lc inspect` asks it of prior samples, a run's report of the latents that are delivered.

        Args:
            z: Latents `(B, *latent_shape)`, in the prior's units.
        """
        return ""

    def sample_prior(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw `(count, *latent_shape)` float32 from p(z), which is `prior` unless overridden."""
        return self.prior.draw(count, self.latent_shape, generator)

    @property
    def on_shell(self) -> bool:
        """Whether the prior has its mass on a shell around 0: so for the standard normal, unless it is overridden."""
        return self._draws_prior and self.prior.on_shell

    @property
    def _draws_prior(self) -> bool:
        return type(self).sample_prior is LatentModel.sample_prior

    def log_prior(self, z: Tensor) -> Tensor | None:
        """Return the prior's log density `(B,)`, up to a constant; None if it is not known.

        That of `prior`, unless `sample_prior` is overridden. Where the prior has no density it is -inf.

        Args:
            z: Latents `(B, *latent_shape)`.
        """
        return self.prior.log_density(z) if self._draws_prior else None

    def project(self, z: Tensor, start: Tensor) -> Tensor:
        """Move latents back to where the prior has its mass.

        For a standard normal in D dimensions that is the shell of radius sqrt(D): each latent is scaled to the norm
        of its start, a prior sample. With a uniform prior they are clipped to its box. Latents of a model with another
        prior, or with a `sample_prior` of its own, are left where they are.

        Args:
            z: Latents `(B, *latent_shape)` after a step of an engine.
            start: Where each began.
        """
        if not self.on_shell:
            return self.prior.project(z, start) if self._draws_prior else z
        flat, origin = z.flatten(1), start.flatten(1)
        scale = origin.norm(dim=1, keepdim=True) / flat.norm(dim=1, keepdim=True).clamp_min(1e-12)
        moved: Tensor = flat * scale
        return moved.view_as(z)

    def tangent(self, gradient: Tensor, z: Tensor) -> Tensor:
        """Take from a gradient what `project` would undo: on a shell, its radial part.

        Without this, an optimiser that rescales gradients comes to rest where its step is radial, not the gradient.

        Args:
            gradient: Gradients `(B, *latent_shape)`.
            z: Latents where they were taken.
        """
        if not self.on_shell:
            return gradient
        flat, at = gradient.flatten(1), z.flatten(1)
        radial = (flat * at).sum(dim=1, keepdim=True) / at.square().sum(dim=1, keepdim=True).clamp_min(1e-24)
        along: Tensor = flat - radial * at
        return along.view_as(z)

    def encode(self, outputs: Any) -> Posterior:
        """Return the posterior of outputs.

        Raises:
            LCError: If the model has no encoder.
        """
        raise LCError(f"{self.name} has no encoder")

    def measure_likeness(self, outputs: np.ndarray) -> np.ndarray:
        """Return what the measurement `likeness` gives for outputs `(B, ...)`, `(B,)`.

        Raises:
            LCError: If the model names no such measurement.
        """
        raise LCError(f"{self.name} measures no likeness")

    def sampler(self) -> Path | None:
        """Return the folder of the sampler that comes with the model (`lc amortise`); None without one."""
        return None

    def held_out(self) -> np.ndarray | None:
        """Return data of the output type that the model was not trained on, `(N, ...)`; None where there are none.

        `lc eval` compares samples with them, if asked to. Rows of one source, such as one tune, stand together.

        Raises:
            LCError: If they cannot be read, such as when a package is missing.
        """
        return None

    def realism(self) -> nn.Module | None:
        """Return the realism critic, latents to logits `(B,)`, higher is more like encoded data; None without one."""
        return None

    def flow(self) -> nn.Module | None:
        """Return what transports prior samples `(B, *latent_shape)` to where encodings of data are; None without one.

        Engines that go from prior samples begin there where realism is asked for; see `lc_core.critics.flow`.
        """
        return None

    def realism_alone(self) -> Callable[[Tensor], Tensor] | None:
        """Return what realism alone makes of prior samples `(B, *latent_shape)`: the flow, unless overridden.

        It may take its time, as `lc_core.critics.chain` does; its attribute `decodes` then says how many outputs it
        decodes for each latent. Without one, engines climb the realism critic.
        """
        return self.flow()

    def to(self, device: str) -> LatentModel:
        """Move the model to a device and return it."""
        if device != self.device:
            raise LCError(f"{self.name} runs on {self.device} only; asked for {device}")
        return self

    @property
    def encodes(self) -> bool:
        """Whether the model has an encoder: whether `encode` is overridden."""
        return type(self).encode is not LatentModel.encode

    @property
    def unwrapped(self) -> LatentModel:
        """The model itself; of a model that stands in for another one, the other one."""
        return self

    def encode_decoded(self, z: Tensor) -> Posterior:
        """Return the posterior of what latents `(N, *latent_shape)` decode to."""
        return encode_outputs(self, decode_outputs(self, z))

    @property
    def dimensions(self) -> int:
        """D, the number of values in one latent."""
        return math.prod(self.latent_shape)

    @cached_property
    def digest(self) -> str:
        """A hash of what the model does: the outputs of 64 fixed latents. Models with weights hash these instead."""
        outputs = decode_array(self, self.sample_prior(64, block_generator(0, 0)))
        return hashlib.sha256(np.ascontiguousarray(outputs).tobytes()).hexdigest()

    @cached_property
    def operations(self) -> int:
        """Floating point operations of one decode, by what can be counted: default blocks follow them."""
        return count_operations(self, lambda: draw_prior(self, 2, block_generator(0, 0, "cost")))

    @cached_property
    def differentiable(self) -> bool:
        """Whether a real gradient comes back through decode."""
        import torch

        with torch.enable_grad():
            z = self.sample_prior(2, block_generator(0, 0)).to(self.device).requires_grad_()
            try:
                outputs = self.decode(z)
            except (RuntimeError, SystemExit):  # torch makes no array of a tensor that needs a gradient
                return False
            if not torch.is_tensor(outputs) or not outputs.requires_grad:
                return False
            (gradient,) = torch.autograd.grad(outputs.float().sum(), z, allow_unused=True)
        return gradient is not None and bool(torch.isfinite(gradient).all()) and bool((gradient != 0).any())


def decode_array(model: LatentModel, z: Tensor, *, first_index: int = 0) -> np.ndarray:
    """Decode latents `(B, *latent_shape)` in float32 and return the outputs as an array.

    Raises:
        LCError: If decode raises, returns another number of outputs than latents, or NaN.
    """
    import torch

    who = f"decode of {_who(model)}"
    with blaming(who):
        with torch.inference_mode():
            outputs = model.decode(z.to(model.device, torch.float32))
        if torch.is_tensor(outputs):
            outputs = outputs.detach().cpu()
            outputs = outputs.float() if outputs.dtype is torch.bfloat16 else outputs  # numpy has no such numbers
        array = np.asarray(outputs)
    if array.ndim == 0 or len(array) != len(z):
        raise LCError(f"{who} returned shape {array.shape} for {counted(len(z), 'latent')}; expected ({len(z)}, ...)")
    if array.dtype.kind not in "biuf":
        raise LCError(f"{who} returned {array.dtype}; expected an array of numbers")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        at = int(np.flatnonzero(~np.isfinite(array).reshape(len(array), -1).all(axis=1))[0])
        raise LCError(f"{who} returned a value that is not finite for latent {first_index + at}")
    return array


def notes_of(model: LatentModel, z: Tensor | np.ndarray) -> list[str]:
    """Return the notes on a model, and on what latents `(N, *latent_shape)` decode to, each with the model's name.

    At most `NOTED` latents are looked at, since a model may decode them for that.

    Raises:
        LCError: If the model's `note_of` raises.
    """
    import torch

    inner, found = model.unwrapped, [model.note]
    if len(z):
        with blaming(f"note_of of {_who(inner)}"), torch.inference_mode():
            found.append(inner.note_of(torch.as_tensor(z[:NOTED]).to(inner.device, torch.float32)))
    return [f"model {model.name}: {note}" for note in found if note]


def draw_prior(model: LatentModel, count: int, generator: torch.Generator) -> Tensor:
    """Draw latents `(count, *latent_shape)` float32 from the prior, on the model's device.

    Raises:
        LCError: If sample_prior raises, or returns another shape or what is not finite.
    """
    import torch

    who = f"sample_prior of {_who(model)}"
    with blaming(who):
        z = torch.as_tensor(model.sample_prior(count, generator)).to(model.device, torch.float32)
    if z.shape != (count, *model.latent_shape):
        raise LCError(f"{who} returned shape {tuple(z.shape)}; expected {(count, *model.latent_shape)}")
    if not bool(torch.isfinite(z).all()):
        raise LCError(f"{who} returned a value that is not finite")
    return z


def draw_transported(
    model: LatentModel, count: int, generator: torch.Generator, transport: Callable[[Tensor], Tensor] | None
) -> Tensor:
    """Draw `(count, *latent_shape)` starts of tries: prior samples, transported where a model's flow or chain does.

    Args:
        model: The model.
        count: How many.
        generator: Of the prior samples.
        transport: Its `flow()` or `realism_alone()`; None leaves prior samples as they are.

    Raises:
        LCError: As `draw_prior`; or if they are transported to another shape or to what is not finite.
    """
    z = draw_prior(model, count, generator)
    return z if transport is None else transport_latents(model, z, transport)


def transport_latents(model: LatentModel, z: Tensor, transport: Callable[[Tensor], Tensor]) -> Tensor:
    """Return where a model's flow or chain transports prior samples `(B, *latent_shape)`, of the same shape.

    Raises:
        LCError: If it raises, or returns another shape or what is not finite.
    """
    import torch

    who = f"{type(transport).__name__} of {_who(model)}"
    with blaming(who), torch.no_grad():
        moved = transport(z)
    if moved.shape != z.shape or not bool(torch.isfinite(moved).all()):
        raise LCError(f"{who} returned another shape than {tuple(z.shape)}, or a value that is not finite")
    return moved


def decodes_of_base(model: LatentModel, base: str) -> int:
    """Return how many outputs are decoded to draw one sample of a base, `prior` or `data`, before it is decoded itself.

    A flow decodes none, a chain one for each step.
    """
    return int(getattr(model.realism_alone(), "decodes", 0)) if base == "data" else 0


def _who(model: LatentModel) -> str:
    return f"{model.name} (from {model.source})" if model.source else model.name


def decode_outputs(model: LatentModel, z: Tensor, *, first_index: int = 0) -> np.ndarray:
    """Decode latents `(N, *latent_shape)`, in pieces of the model's block; errors count them from `first_index`."""
    return np.concatenate(
        [
            decode_array(model, z[first : first + model.block], first_index=first_index + first)
            for first in range(0, len(z), model.block)
        ]
    )


def encode_outputs(model: LatentModel, outputs: np.ndarray) -> Posterior:
    """Return the posterior of outputs, first dimension N, on the model's device, in pieces of the model's block.

    Raises:
        LCError: If the model has no encoder, or it fails, or returns another shape or what is not finite.
    """
    import torch

    if not model.encodes:
        raise LCError(
            f"{model.name} has no encoder, so nothing can be edited with it",
            hint="use a model that encodes; lc sample needs no encoder",
        )
    parts = []
    for first in range(0, len(outputs), model.block):
        with blaming(f"encode of {model.name}"), torch.inference_mode():
            found = model.encode(outputs[first : first + model.block])
            parts.append((torch.as_tensor(found.mean).float(), torch.as_tensor(found.std).float()))
    mean, std = (torch.cat([part[which] for part in parts]).to(model.device).clone() for which in (0, 1))
    expected = (len(outputs), *model.latent_shape)
    if mean.shape != expected or std.shape != expected:
        raise LCError(
            f"encode of {model.name} returned shapes {tuple(mean.shape)} and {tuple(std.shape)}; "
            f"expected {expected} twice"
        )
    if not bool(torch.isfinite(mean).all() and torch.isfinite(std).all()):
        raise LCError(f"encode of {model.name} returned a value that is not finite")
    return Posterior(mean, std)
