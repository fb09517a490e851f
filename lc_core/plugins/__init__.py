"""How plugins are found, what they register, and what went wrong with them. Imports no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lc_core.common.lazy import exports

if TYPE_CHECKING:
    from lc_core.plugins.discover import build_registry as build_registry
    from lc_core.plugins.hookspecs import Register as Register
    from lc_core.plugins.installed import installed_version as installed_version
    from lc_core.plugins.readers import read_outputs as read_outputs
    from lc_core.plugins.readers import reader_settings as reader_settings
    from lc_core.plugins.readers import readers_of as readers_of
    from lc_core.plugins.registry import Registered as Registered
    from lc_core.plugins.registry import Registry as Registry

__getattr__, __dir__ = exports(__name__)
