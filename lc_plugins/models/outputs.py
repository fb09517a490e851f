"""What a decoder's outputs have to be, and how they become what measurements take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lc_core.errors import LCError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Outputs"]

CHANNELS = {"image.rgb/1": 3, "image.gray/1": 1}
TOKENS = "melody.tokens/1"
SLACK = 0.05
"""How far a pixel may lie outside its range: that much is clipped."""


@dataclass(frozen=True)
class Outputs:
    """Declared outputs of a network, called with what it returned.

    Attributes:
        type: Output type, such as `image.rgb/1`.
        shape: Shape of one output, to which others of as many values are brought; None takes what comes.
        values: Range of the network's numbers, mapped to [0, 1]; None leaves them.
    """

    type: str
    shape: tuple[int, ...] | None = None
    values: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.values is not None and not self.values[0] < self.values[1]:
            raise LCError(f"values should be [low, high] with low < high; found {list(self.values)}")
        if "/" not in self.type:
            raise LCError(f"output should be a type with its version, such as image.gray/1; found {self.type!r}")

    def __call__(self, raw: Any, count: int) -> Tensor:
        """Return outputs of the declared type and shape, `(count, ...)`.

        Raises:
            LCError: If the network returned anything else.
        """
        import torch

        if not torch.is_tensor(raw):
            raise LCError(f"the decoder returned {type(raw).__name__}; expected one tensor")
        if raw.dim() < 2 or len(raw) != count:
            raise LCError(f"the decoder returned shape {tuple(raw.shape)} for {count} latents; expected ({count}, ...)")
        if self.shape is not None:
            if raw[0].numel() != torch.Size(self.shape).numel():
                raise LCError(f"the decoder's outputs have shape {tuple(raw.shape[1:])}; expected {self.shape}")
            raw = raw.reshape(count, *self.shape)
        if self.values is not None:
            raw = (raw - self.values[0]) / (self.values[1] - self.values[0])
        channels = CHANNELS.get(self.type)
        if channels is not None and (raw.dim() != 4 or raw.shape[1] != channels):
            raise LCError(
                f"the decoder's outputs have shape {tuple(raw.shape[1:])}; {self.type} is ({channels}, H, W)",
                hint="if only the shape differs, declare it: shape: [1, 28, 28]",
            )
        if self.type == TOKENS and (raw.dim() != 2 or raw.is_floating_point()):
            raise LCError(
                f"the decoder's outputs are {raw.dtype} of shape {tuple(raw.shape[1:])}; {TOKENS} is whole numbers (T,)"
            )
        result: Tensor = raw.clamp(0, 1) if channels is not None and raw.is_floating_point() else raw
        return result

    def unclipped(self, raw: Tensor) -> None:
        """Check that pixels lie in [0, 1] before any are clipped.

        Raises:
            LCError: If they do not.
        """
        if self.type not in CHANNELS:
            return
        low, high = (float(one) for one in raw.aminmax())
        least, most = self.values or (0.0, 1.0)
        slack = SLACK * (most - least)
        if low < least - slack or high > most + slack:
            raise LCError(
                f"the decoder's pixels go from {low:.3g} to {high:.3g}; expected {least:g} to {most:g}",
                hint="say which range the network has, such as values: [-1, 1]",
            )

    def undo(self, outputs: Any, like: tuple[int, ...], device: str) -> Tensor:
        """Return outputs `(B, ...)` as the network's encoder takes them, `(B, *like)`."""
        import torch

        x = torch.as_tensor(outputs).to(device, torch.float32)
        if self.values is not None:
            x = x * (self.values[1] - self.values[0]) + self.values[0]
        if x[0].numel() != torch.Size(like).numel():
            raise LCError(f"the encoder takes outputs of shape {like}; found {tuple(x.shape[1:])}")
        return x.reshape(len(x), *like)
