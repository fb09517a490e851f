"""The energy that engines descend: critics, realism, rules through the decoder, and what is preserved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lc_core.common.lazy import exports

if TYPE_CHECKING:
    from lc_core.energy.energy import Energy as Energy
    from lc_core.energy.energy import EnergyValue as EnergyValue

__getattr__, __dir__ = exports(__name__)
