"""Engines turn an energy into latents, all under one outer loop (`lc_core.engines.base`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lc_core.common.lazy import exports

if TYPE_CHECKING:
    from lc_core.engines.actor import Actor as Actor
    from lc_core.engines.base import EditingEngine as EditingEngine
    from lc_core.engines.edit import Edit as Edit
    from lc_core.engines.gradient import Gradient as Gradient
    from lc_core.engines.loop import run_engine as run_engine
    from lc_core.engines.rejection import Rejection as Rejection

__getattr__, __dir__ = exports(__name__)
