"""A network of any origin as a latent model: its prior, its outputs, and what is checked when it is loaded."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lc_core import LatentModel, LCError, Posterior
from lc_core.common import blaming, block_generator
from lc_core.models import Prior, draw_prior
from lc_plugins.models.batches import in_pieces, of_any_size
from lc_plugins.models.files import one_line
from lc_plugins.models.outputs import Outputs

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Encoder", "ForeignAutoencoder", "ForeignModel", "Network", "Spread", "assemble"]

ALONE = 1e-3
"""Largest difference, in the outputs' own size, between an output in a batch and the same in a smaller one."""
SAMPLES = 5

Spread = str
"""What an encoder's second output is: `std` or `log_variance`."""


@dataclass(frozen=True)
class Encoder:
    """A network that encodes.

    Attributes:
        run: Outputs in the network's own range to `(mean, spread)`, each `(B, *latent_shape)`.
        gives: What the spread is: `std` or `log_variance`.
    """

    run: Callable[[Tensor], tuple[Tensor, Tensor]]
    gives: Spread = "std"


@dataclass(frozen=True)
class Network:
    """What a loader read from a file.

    Attributes:
        name: Name in reports.
        latent: Shape of one latent.
        decode: Latents `(B, *latent)` in the network's own coordinates to what it makes of them.
        content: Hash of the files.
        encoder: How it encodes, if it does.
        modules: torch modules that move with the model to a device; without any it stays on the CPU.
        note: What a user should know, such as why no gradient comes through.
        most: Most rows that one call takes; None for any number.
        free: How to export it with a batch of any size, a hint for errors.
        place: The file or folder, for errors.
    """

    name: str
    latent: tuple[int, ...]
    decode: Callable[[Tensor], Any]
    content: str
    encoder: Encoder | None = None
    modules: tuple[Any, ...] = ()
    note: str = ""
    most: int | None = None
    free: str | None = None
    place: Path | None = None


class ForeignModel(LatentModel):
    """A decoder with a declared prior; see `assemble`.

    Attributes:
        size: Height and width of its pictures, where they are squares: readers bring files to it.
    """

    size: int | None = None

    def __init__(self, network: Network, *, prior: Prior, outputs: Outputs, block: int) -> None:
        self.network, self.prior, self.outputs = network, prior, outputs
        self.name, self.latent_shape, self.output_type = network.name, network.latent, outputs.type
        self.block, self.note = min(block, network.most or block), network.note

    def decode(self, z: Tensor) -> Tensor:
        """Decode latents in the prior's units to outputs of the declared type."""
        return self.outputs(self._decoded(z), len(z))

    def note_of(self, z: Tensor) -> str:
        """Tell how many pixels of the outputs lie outside their range, and are cut off."""
        return self.outputs.cut(self._decoded(z)) if self.outputs.cuts else ""

    @cached_property
    def digest(self) -> str:
        """Hash of the files, of the prior and of what is made of the outputs."""
        parts = (self.network.content, self.prior.digest, self.outputs.digest, repr(self.latent_shape))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def to(self, device: str) -> ForeignModel:
        """Move the network to a device, if it can be."""
        if device != self.device and not self.network.modules:
            raise LCError(f"{self.name} runs on {self.device} only; asked for {device}")
        for module in self.network.modules:
            module.to(device)
        self.device = device
        return self

    def check(self) -> None:
        """Decode some prior samples and see whether they are what a model's outputs have to be.

        Raises:
            LCError: If they have a wrong shape or range, are not finite, differ from time to time, or depend on what
                else is in the batch.
        """
        try:
            with blaming("the decoder"):
                self._check_decoder()
        except LCError as error:
            raise LCError(f"{self.network.place or self.name}: {error.message}", hint=error.hint) from error

    def _check_decoder(self) -> None:
        import torch

        z = draw_prior(self, SAMPLES, block_generator(0, 0, "models/check"))
        with torch.inference_mode():
            raw = self._of_any_size(z)
            outputs = self.outputs(raw, SAMPLES)
            if outputs.dim() == 4 and outputs.shape[2] == outputs.shape[3]:
                self.size = int(outputs.shape[3])
            if raw.is_floating_point() and not bool(raw.isfinite().all()):
                bad = int((~raw.isfinite().flatten(1).all(1)).sum())
                told = f"the decoder gives values that are not finite for {bad} of {SAMPLES} prior samples"
                raise LCError(told, hint=FINITE)
            self.outputs.check_range(raw)
            self.note = "; ".join(filter(None, (self.note, self.outputs.note, _converted(raw))))
            if not torch.equal(raw, self._decoded(z)):
                raise LCError("the decoder is random: it gives other outputs for the same latents", hint=EVAL)
            self.outputs(self._of_any_size(z[:1]), 1)
            fewer, most = self.outputs(self._of_any_size(z[:2]), 2).float(), float(outputs.float().abs().max())
            off = float((fewer - outputs[:2].float()).abs().max())
            if off > ALONE * max(most, 1e-6):
                raise LCError(f"an output depends on the others in its batch: it is off by {off:.3g}", hint=EVAL)

    def _decoded(self, z: Tensor) -> Tensor:
        raw: Tensor = in_pieces(self.network.decode, self.prior.own(z), self.block)
        return raw

    def _of_any_size(self, z: Tensor) -> Tensor:
        """Decode a batch; if that fails for its size, say which sizes do not fail."""

        def make(size: int) -> Tensor:
            return self.prior.own(draw_prior(self, size, block_generator(0, 0, "models/check")))

        def run(own: Tensor) -> Any:
            return in_pieces(self.network.decode, own, self.block) if len(own) == len(z) else self.network.decode(own)

        found: Tensor = of_any_size(run, self.prior.own(z), make, hint=self.network.free)
        return found


EVAL = (
    "it was probably exported in training mode: call model.eval() before you export it, which switches dropout off and"
    " makes batch normalisation use what it learned; leave out noise that the decoder adds"
)
FINITE = "its weights may hold NaN, as a training that went wrong leaves them; export an earlier state of it"


NOT_TAKEN = (
    "encoder names the file of a network that takes what the decoder makes, and returns a mean and a spread;"
    " it is not the decoder's own file"
)


class ForeignAutoencoder(ForeignModel):
    """A foreign model that encodes as well."""

    def encode(self, outputs: Any) -> Posterior:
        """Return the posterior of outputs `(B, ...)`, in the prior's units."""
        import torch

        encoder = self.network.encoder
        assert encoder is not None, "assemble makes one of these only if there is an encoder"
        with torch.inference_mode():
            x = self.outputs.undo(outputs, self._own_shape, self.device)
            found: Any = encoder.run(x)
            if not isinstance(found, tuple | list) or len(found) != 2 or not all(map(torch.is_tensor, found)):
                raise LCError(
                    f"the encoder of {self.name} returned {_told(found)}; expected a mean and a {encoder.gives}"
                )
            mean, spread = found
            expected = (len(x), *self.latent_shape)
            if mean.shape != expected or spread.shape != expected:
                raise LCError(f"the encoder of {self.name} returned {_told(found)}; expected {expected} twice")
            std = spread if encoder.gives == "std" else (0.5 * spread).exp()
            if not bool((mean.isfinite() & std.isfinite()).all()):
                raise LCError(f"the encoder of {self.name} returned values that are not finite")
            if not bool((std > 0).all()):
                raise LCError(
                    f"the encoder of {self.name} returned standard deviations that are not above 0",
                    hint="if these are logarithms of variances, say encoder_gives: log_variance",
                )
            return Posterior(self.prior.units(mean), std / self.prior.scale(self.dimensions))

    @cached_property
    def _own_shape(self) -> tuple[int, ...]:
        """Shape of one output as the network itself makes it."""
        import torch

        with torch.inference_mode():
            z = draw_prior(self, 2, block_generator(0, 0, "models/check"))
            return tuple(self._decoded(z).shape[1:])

    def check(self) -> None:
        """Check the decoder, then the encoder on what it decodes."""
        super().check()
        import torch

        encoder = self.network.encoder
        assert encoder is not None, "assemble makes one of these only if there is an encoder"

        def make(size: int) -> Tensor:
            z = draw_prior(self, size, block_generator(0, 0, "models/check"))
            return self.outputs.undo(self.decode(z), self._own_shape, self.device)

        who = f"the encoder of {self.name}"

        def run(x: Tensor) -> Any:
            try:
                return encoder.run(x)
            except Exception as error:
                told = f"{who} does not take outputs of shape {self._own_shape}"
                raise LCError(f"{told}: {type(error).__name__}: {one_line(error)}", hint=NOT_TAKEN) from error

        try:
            with blaming(who), torch.inference_mode():
                of_any_size(run, make(2), make, hint=self.network.free)
                self.encode(self.decode(draw_prior(self, 2, block_generator(0, 0, "models/check"))))
        except LCError as error:
            raise LCError(
                error.message if who in error.message else f"{who}: {error.message}", hint=error.hint
            ) from error


def assemble(
    network: Network,
    *,
    prior: Prior,
    outputs: Outputs,
    latent: list[int] | None,
    block: int,
) -> ForeignModel:
    """Return a checked model.

    Args:
        network: What was read.
        prior: Its prior.
        outputs: What its outputs are.
        latent: The latent shape that the spec declares, if it does.
        block: Most latents in one call.

    Raises:
        LCError: If what the network does is not what is declared.
    """
    if latent is not None and tuple(latent) != network.latent:
        raise LCError(
            f"the spec says latent: {latent}, but {network.name} takes latents of shape {list(network.latent)}",
            hint="leave latent out, or mend it",
        )
    kind = ForeignModel if network.encoder is None else ForeignAutoencoder
    model = kind(network, prior=prior, outputs=outputs, block=block)
    model.check()
    return model


def _converted(raw: Tensor) -> str:
    """Return what is to be told of numbers of another size than float32."""
    kind = str(raw.dtype).removeprefix("torch.")
    return f"the decoder makes {kind}, used as float32" if raw.is_floating_point() and kind != "float32" else ""


def _told(found: Any) -> str:
    import torch

    if isinstance(found, tuple | list):
        return " and ".join(_told(one) for one in found) or "nothing"
    return f"shape {tuple(found.shape)}" if torch.is_tensor(found) else type(found).__name__
