"""The order of a decoder's values: channels first or last, and whether a reshape would scramble them."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lc_core import LCError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["check_certain", "keeps_order", "reshaped", "to_channels_first"]

CHANNELS_LAST = "layout: channels_last"


def keeps_order(found: Sequence[int], wanted: Sequence[int]) -> bool:
    """Return whether a reshape only joins or only splits axes, or adds and drops axes of size 1.

    Any other reshape, such as (8, 8, 3) to (3, 8, 8), tears neighbours apart.
    """
    first, second = (
        set(itertools.accumulate((one for one in shape if one != 1), operator.mul)) for shape in (found, wanted)
    )
    return first <= second or second <= first


def reshaped(raw: Tensor, shape: tuple[int, ...], *, channels: int | None) -> Tensor:
    """Return outputs `(B, ...)` as `(B, *shape)`.

    Args:
        raw: What the decoder gave.
        shape: Shape of one output.
        channels: Number of channels of the output type, where it has any.

    Raises:
        LCError: If it has another number of values, or they would be scrambled.
    """
    found = tuple(raw.shape[1:])
    if math.prod(found) != math.prod(shape):
        raise LCError(f"the decoder's outputs have shape {found}; expected {shape}")
    if not keeps_order(found, shape):
        hint = "declare the shape that the decoder has, or change the order in the decoder and export it again"
        if channels is not None and found[-1] == channels:
            hint = f"the channels seem to come last: say {CHANNELS_LAST}"
        raise LCError(
            f"the decoder's outputs have shape {found}; to reshape them to {shape} would scramble them", hint=hint
        )
    return raw.reshape(len(raw), *shape)


def to_channels_first(raw: Tensor, shape: tuple[int, ...] | None, *, channels: int | None) -> Tensor:
    """Return outputs `(B, H, W, C)` as `(B, C, H, W)`.

    Args:
        raw: What the decoder gave; flat, if `shape` is given.
        shape: Shape of one output, `(C, H, W)`; or `(H, W, C)` where that cannot be meant otherwise.
        channels: Number of channels of the output type, where it has any.

    Raises:
        LCError: If the channels are not last.
    """
    if shape is not None:
        turned = channels is not None and shape[-1] == channels and shape[0] != channels
        raw = reshaped(raw, shape if turned else (*shape[1:], shape[0]), channels=None)
    if channels is not None and (raw.dim() != 4 or raw.shape[-1] != channels):
        found = tuple(raw.shape[1:])
        raise LCError(
            f"the decoder's outputs have shape {found}; with {CHANNELS_LAST} expected (H, W, {channels})",
            hint=f"leave layout out if they are ({channels}, H, W); declare shape: [{channels}, H, W] if they are flat",
        )
    return raw.movedim(-1, 1)


def check_certain(raw: Tensor, *, channels: int) -> None:
    """Refuse outputs whose first and last axis could both be the channels, where the spec does not say which.

    Raises:
        LCError: If so.
    """
    found = tuple(raw.shape[1:])
    if len(found) == 3 and found[0] == found[-1] == channels and math.prod(found) > channels:
        raise LCError(
            f"the decoder's outputs have shape {found}: the first axis or the last could be the channels",
            hint=f"say which: layout: channels_first, or {CHANNELS_LAST}",
        )
