"""A model at hand: specs that change are answered at once, one answer after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lc_core.common.lazy import exports

if TYPE_CHECKING:
    from lc_core.exploring.explorer import Answer as Answer
    from lc_core.exploring.explorer import Ended as Ended
    from lc_core.exploring.explorer import Explorer as Explorer
    from lc_core.exploring.look import Look as Look
    from lc_core.exploring.look import Reach as Reach

__getattr__, __dir__ = exports(__name__)
