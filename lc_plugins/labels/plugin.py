"""What the labels domain registers."""

from __future__ import annotations

from lc_core import hookimpl
from lc_core.plugins import Register

__all__ = ["lc_register_constraints"]


@hookimpl
def lc_register_constraints(register: Register) -> None:
    """Register the attributes of label sets."""
    register("labels.attribute", "lc_plugins.labels.attribute:attribute")
