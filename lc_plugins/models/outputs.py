"""What a decoder's outputs have to be, and how they become what measurements take."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lc_core import LCError
from lc_core.common import counted, misspelt
from lc_plugins.models.layout import check_certain, reshaped, to_channels_first

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Outputs"]

CHANNELS = {"image.rgb/1": 3, "image.gray/1": 1}
TOKENS = "melody.tokens/1"
SLACK = 0.05
"""How far a pixel of the first prior samples may lie outside its range, as a share of the range."""
TOLD = 1e-3
"""How far one may lie outside, as a share of the range, before it is told that it is cut off."""


@dataclass(frozen=True)
class Outputs:
    """Declared outputs of a network, called with what it returned.

    Attributes:
        type: Output type, such as `image.rgb/1`.
        shape: Shape of one output, to which others of as many values are brought; None takes what comes.
        values: Range of the network's numbers, mapped to [0, 1]; None leaves them.
        layout: `channels_first`, `channels_last`, or None where the spec does not say.
        clamps: Whether pixels may lie outside the range as far as they like: the network's own tool cuts them too.
    """

    type: str
    shape: tuple[int, ...] | None = None
    values: tuple[float, float] | None = None
    layout: str | None = field(default=None, repr=False)
    clamps: bool = field(default=False, repr=False)

    @property
    def digest(self) -> str:
        """What tells these outputs from others made of the same numbers."""
        return repr(self) + (self.layout if self.layout == "channels_last" else "")

    def __post_init__(self) -> None:
        if self.values is not None and not self.values[0] < self.values[1]:
            raise LCError(f"values should be [low, high] with low < high; found {list(self.values)}")
        if "/" not in self.type:
            raise LCError(f"output should be a type with its version, such as image.gray/1; found {self.type!r}")

    @property
    def note(self) -> str:
        """What a user should know of the type: that it is none of lc's own, and nearly one of them."""
        guess = misspelt(self.type, (*CHANNELS, TOKENS))
        return f"output: {self.type} is a type of your own, which lc knows nothing of{guess}" if guess else ""

    def __call__(self, raw: Any, count: int) -> Tensor:
        """Return outputs of the declared type and shape, `(count, ...)`; numbers with a fraction as float32.

        Raises:
            LCError: If the network returned anything else.
        """
        import torch

        if not torch.is_tensor(raw):
            raise LCError(f"the decoder returned {_told(raw)}; expected one tensor", hint=ALONE)
        if raw.dim() < 2 or len(raw) != count:
            raise LCError(
                f"the decoder returned shape {tuple(raw.shape)} for {counted(count, 'latent')}; expected ({count}, ...)"
            )
        channels = CHANNELS.get(self.type)
        if self.layout == "channels_last":
            raw = to_channels_first(raw, self.shape, channels=channels)
        elif self.shape is not None:
            raw = reshaped(raw, self.shape, channels=channels)
        if self.values is not None:
            raw = (raw - self.values[0]) / (self.values[1] - self.values[0])
        if channels is not None and (raw.dim() != 4 or raw.shape[1] != channels):
            hint = f"if they are flat, or only the shape differs, declare it: shape: [{channels}, 28, 28]"
            if raw.dim() == 4 and raw.shape[-1] == channels:
                hint = "the channels seem to come last: say layout: channels_last"
            raise LCError(
                f"the decoder's outputs have shape {tuple(raw.shape[1:])}; {self.type} is ({channels}, H, W)", hint=hint
            )
        if channels is not None and self.layout is None:
            check_certain(raw, channels=channels)
        raw = raw.float() if raw.is_floating_point() else raw
        if self.type == TOKENS and (raw.dim() != 2 or raw.is_floating_point()):
            raise LCError(
                f"the decoder's outputs are {raw.dtype} of shape {tuple(raw.shape[1:])}; {TOKENS} is whole numbers (T,)"
            )
        result: Tensor = raw.clamp(0, 1) if channels is not None and raw.is_floating_point() else raw
        return result

    def check_range(self, raw: Tensor) -> None:
        """Check that pixels lie in their range before any are cut.

        Raises:
            LCError: If they lie outside, and are not of a network whose own tool cuts them.
        """
        if not self.cuts or self.clamps:
            return
        low, high = (float(one) for one in raw.aminmax())
        least, most = self._range
        slack = SLACK * (most - least)
        if low < least - slack or high > most + slack:
            raise LCError(
                f"the decoder's pixels go from {low:.3g} to {high:.3g}; expected {least:g} to {most:g}",
                hint="say which range the network has, such as values: [-1, 1]; export one with dropout after eval()",
            )

    def cut(self, raw: Tensor) -> str:
        """Return what is to be told of pixels `(B, ...)` that lie outside their range; empty if none does."""
        if not self.cuts or not raw.is_floating_point():
            return ""
        least, most = self._range
        raw, slack = raw.float(), TOLD * (most - least)
        outside = (raw < least - slack) | (raw > most + slack)
        rows = int(outside.flatten(1).any(dim=1).sum())
        if not rows:
            return ""
        low, high = (float(one) for one in raw.aminmax())
        return (
            f"pixels go from {low:.3g} to {high:.3g}; what lies outside {least:g} to {most:g} is cut off:"
            f" in {rows} of {counted(len(raw), 'output')}, {float(outside.float().mean()):.2%} of all pixels"
        )

    @property
    def cuts(self) -> bool:
        """Whether outputs of this type are cut to their range."""
        return self.type in CHANNELS

    @property
    def _range(self) -> tuple[float, float]:
        return self.values or (0.0, 1.0)

    def undo(self, outputs: Any, like: tuple[int, ...], device: str) -> Tensor:
        """Return outputs `(B, ...)` as the network's encoder takes them, `(B, *like)`."""
        import torch

        x = torch.as_tensor(outputs).to(device, torch.float32)
        if self.values is not None:
            x = x * (self.values[1] - self.values[0]) + self.values[0]
        if self.layout == "channels_last":
            x = x.movedim(1, -1)
        if x[0].numel() != torch.Size(like).numel():
            raise LCError(f"the encoder takes outputs of shape {like}; found {tuple(x.shape[1:])}")
        return x.reshape(len(x), *like)


ALONE = "export a module whose forward returns the output alone, as docs/models.md shows"


def _told(raw: Any) -> str:
    """Return in words what a decoder returned in place of a tensor."""
    if isinstance(raw, dict):
        return f"a dict of {', '.join(map(str, raw))}"
    if isinstance(raw, tuple | list):
        shapes = ", ".join(str(tuple(one.shape)) if hasattr(one, "shape") else type(one).__name__ for one in raw)
        return f"{counted(len(raw), 'output')} ({shapes})"
    return type(raw).__name__
