"""The actors that are fitted for a spec, by the name of how they are trained."""

from __future__ import annotations

from typing import Any

from lc_core.engines.actor import Actor
from lc_core.errors import LCError

__all__ = ["fresh_actor"]


def fresh_actor(preset: str = "default", **settings: Any) -> Actor:
    """Return an actor to be fitted, by the name of how it is trained.

    Raises:
        LCError: If there is no such preset.
    """
    from lc_core.engines.adversarial import PaperActor

    kinds = {one.preset: one for one in (Actor, PaperActor)}
    if preset not in kinds:
        raise LCError(f"preset must be {' or '.join(kinds)}; found {preset!r}")
    return kinds[preset](**settings)
