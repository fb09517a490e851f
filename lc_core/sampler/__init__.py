"""A sampler: a network that is trained once for a model and serves any spec of its rules; nothing is fitted for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lc_core.common.lazy import exports

if TYPE_CHECKING:
    from lc_core.sampler.amortisation import Amortised as Amortised
    from lc_core.sampler.amortisation import amortise as amortise
    from lc_core.sampler.engine import Sampler as Sampler
    from lc_core.sampler.folder import find_sampler as find_sampler
    from lc_core.sampler.folder import read_config as read_config
    from lc_core.sampler.folder import read_sampler as read_sampler
    from lc_core.sampler.folder import write_sampler as write_sampler
    from lc_core.sampler.rules import Rule as Rule
    from lc_core.sampler.settings import SamplerSettings as SamplerSettings
    from lc_core.sampler.training import Trainer as Trainer
    from lc_core.sampler.training import tabulate as tabulate

__getattr__, __dir__ = exports(__name__)
