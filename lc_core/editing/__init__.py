"""Edits: moves encodings of given outputs the least that makes constraints hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lc_core.common.lazy import exports

if TYPE_CHECKING:
    from lc_core.editing.settings import EditSettings as EditSettings
    from lc_core.editing.settings import EncodingSettings as EncodingSettings

__getattr__, __dir__ = exports(__name__)
