from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from lc_core import hookimpl, measurement

TINY = 1e-12
"""Added to a variance, so that a picture of one colour is divided by something."""


@measurement(
    accepts=("image.gray/1", "image.rgb/1"), unit="correlation", range=(-1, 1), differentiable=True, at_least=0.8
)
def symmetry(pictures: Any, *, sides: Literal["left-right", "top-bottom"] = "left-right") -> Any:
    """Return how alike pictures and their mirror images are, `(B,)`: 1 the same, 0 unrelated, -1 the negative.

    It is the correlation over pixels and channels; for a picture x, its mirror image m and its variance v, that is
    1 - mean((x - m)^2) / 2v, since x and m have one mean and one variance. A picture of one colour has 1.

    Args:
        pictures: Pictures `(B, C, H, W)` in [0, 1], an array or a tensor; written for both, it has a gradient.
        sides: Which sides are compared: `left-right`, or `top-bottom`.
    """
    axis = -1 if sides == "left-right" else -2
    back = list(range(pictures.shape[axis]))[::-1]
    mirrored = pictures[..., back] if axis == -1 else pictures[..., back, :]
    spread = ((pictures - pictures.mean(axis=(1, 2, 3), keepdims=True)) ** 2).mean(axis=(1, 2, 3))
    return 1 - ((pictures - mirrored) ** 2).mean(axis=(1, 2, 3)) / (2 * spread + TINY)


@hookimpl
def lc_register_constraints(register: Callable[..., None]) -> None:
    register("mirror.symmetry", symmetry, api=1)
