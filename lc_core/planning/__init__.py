"""The engine `auto`: it looks at a spec, its model and a fixed number of prior samples, and chooses what serves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lc_core.common.lazy import exports

if TYPE_CHECKING:
    from lc_core.planning.auto import Auto as Auto
    from lc_core.planning.plan import Plan as Plan
    from lc_core.planning.plan import make_plan as make_plan

__getattr__, __dir__ = exports(__name__)
