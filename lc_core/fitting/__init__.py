"""Fits what an energy needs, critics and realism, and refines them where an engine goes; or finds them in the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lc_core.common.lazy import exports

if TYPE_CHECKING:
    from lc_core.fitting.flow import fit_flow as fit_flow
    from lc_core.fitting.realism import RealismSettings as RealismSettings
    from lc_core.fitting.realism import fit_realism as fit_realism

__getattr__, __dir__ = exports(__name__)
