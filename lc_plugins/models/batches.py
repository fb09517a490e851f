"""What a network takes in one call: one input, of any number of latents, a fixed number, or up to a limit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lc_core import LCError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["FIXED", "ONE_INPUT", "in_pieces", "inputs_told", "of_any_size"]

TRIED = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 20, 24, 25, 32, 36, 48, 50, 64, 100, 128, 256)
"""Sizes of a batch that are tried where a size of it failed."""
ENOUGH = 6
"""So many that work tell what there is to tell."""
FIXED = "its batch is fixed at {0}, so that it takes batches of {0} only; expected any size"
"""What is told of a network that was exported with a batch of one size."""
ONE_INPUT = (
    "export a module that has one input and holds the others fixed:"
    " def forward(self, z): return self.model(z, self.label)"
)


def inputs_told(path: Path, count: int, told: str) -> str:
    """Return that a file takes `count` inputs, named in `told`, where one is expected."""
    found = f"{count} inputs ({told})" if count != 1 else f"the input {told}"
    return f"{path} takes {found if count else 'no input'}; expected one float32 tensor (B, ...)"


def in_pieces(run: Callable[[Tensor], Any], x: Tensor, most: int) -> Any:
    """Return what a network makes of a batch, in calls of at most `most` rows.

    Where it gives anything but one tensor a call, the first of what it gave is returned, for others to refuse.
    """
    import torch

    if len(x) <= most:
        return run(x)
    parts = [run(piece) for piece in torch.split(x, most)]
    if not all(torch.is_tensor(one) for one in parts):
        return parts[0]
    return torch.cat(parts)


def of_any_size(run: Callable[[Tensor], Any], x: Tensor, make: Callable[[int], Tensor], *, hint: str | None) -> Any:
    """Return what a network makes of a batch; if its size makes it fail, say which sizes do not.

    Args:
        run: The network.
        x: Its input, `(B, ...)`.
        make: Returns an input of another size.
        hint: How to export the network with a batch of any size.

    Raises:
        LCError: If the size of the batch is at fault. What else the network raises is passed on.
    """
    cause, found = None, None
    try:
        found = run(x)
        if _rows(found) in (len(x), None):
            return found
    except Exception as error:
        cause = error

    def works(size: int) -> bool:
        try:
            return _rows(run(make(size))) == size
        except Exception:
            return False

    if told := _sizes(works):
        raise LCError(told, hint=hint) from cause
    if cause is not None:
        raise cause
    return found


def _rows(found: Any) -> int | None:
    """Return how many rows a network gave, by the first tensor; None if it gave none."""
    first = found[0] if isinstance(found, tuple | list) and found else found
    if not hasattr(first, "shape"):
        return None
    return int(first.shape[0]) if len(first.shape) else 0


def _sizes(works: Callable[[int], bool]) -> str:
    """Return in words which sizes of a batch a network takes; empty if none is found or all are taken."""
    found: list[int] = []
    for size in TRIED:
        if works(size):
            found.append(size)
        elif len(found) > 1 or (found and size > 8):
            break
        if len(found) == ENOUGH:
            break
    if not found or found == [*TRIED[:ENOUGH]]:
        return ""
    if len(found) == 1:
        return FIXED.format(found[0])
    if found[0] == 1:
        return f"it takes batches of at most {found[-1]}; expected any size"
    if found == [*TRIED[1 : ENOUGH + 1]]:
        return "it fails for a batch of one: squeeze() without a dimension is often why; expected any size"
    return f"it takes only some sizes of a batch, such as {found[0]} and {found[1]}; expected any size"
