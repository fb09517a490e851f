"""How sure a share is that was counted."""

from __future__ import annotations

import math

__all__ = ["wilson"]

Z = 1.959963984540054
"""The normal distribution has 95 % of its mass within this many standard deviations."""


def wilson(hits: int, of: int) -> tuple[float, float]:
    """Return the 95 % interval of a share, after Wilson 1927: it never leaves 0 to 1, and 0 of n are not surely 0.

    Args:
        hits: How many of them.
        of: All of them, 1 or more.

    Example:
        >>> low, high = wilson(0, 100)
        >>> round(low, 3), round(high, 3)
        (0.0, 0.037)
    """
    if not 0 <= hits <= of or of < 1:
        raise ValueError(f"hits are 0 to all of 1 or more; found {hits} of {of}")
    share, square = hits / of, Z * Z
    middle = (share + square / (2 * of)) / (1 + square / of)
    reach = Z / (1 + square / of) * math.sqrt(share * (1 - share) / of + square / (4 * of * of))
    return min(share, max(0.0, middle - reach)), max(share, min(1.0, middle + reach))  # up to rounding
