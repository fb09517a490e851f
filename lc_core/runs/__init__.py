"""The folder of a command: built from a spec, written block by block, with its report and page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lc_core.common.lazy import exports

if TYPE_CHECKING:
    from lc_core.runs.build import build_model as build_model

__getattr__, __dir__ = exports(__name__)
