"""Measurements, functions of decoded outputs that may be plain numpy; what is wanted of them; and trees of both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lc_core.common.lazy import exports

if TYPE_CHECKING:
    from lc_core.constraints.digest import code_digest as code_digest
    from lc_core.constraints.evaluator import Evaluator as Evaluator

__getattr__, __dir__ = exports(__name__)
