"""Latent constraints: sample from a frozen generative model under rules that it was never trained for.

The names below are the public API. They are imported when they are first used, so that `import lc_core` is quick and
a plugin that measures with numpy never imports torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lc_core.actors.fitted import FittedActor, load_actor, save_actor
    from lc_core.api import load_model, sample, transform
    from lc_core.constraints.constraint import Constraint, Group, all_of, any_of, none_of
    from lc_core.constraints.declare import Needs, measurement
    from lc_core.constraints.measurement import Measurement
    from lc_core.constraints.want import Want
    from lc_core.editing.result import TransformResult
    from lc_core.engines.base import Engine
    from lc_core.errors import LCError
    from lc_core.fitting.critics import FitSettings
    from lc_core.models.adapt import as_latent_model
    from lc_core.models.latent_model import LatentModel, Posterior
    from lc_core.plugins.hookspecs import hookimpl, hookspec
    from lc_core.plugins.renderer import Renderer
    from lc_core.sampling.result import SampleResult
    from lc_core.spec.resolve import load_spec

__all__ = [
    "Constraint",
    "Engine",
    "FitSettings",
    "FittedActor",
    "Group",
    "LCError",
    "LatentModel",
    "Measurement",
    "Needs",
    "Posterior",
    "Renderer",
    "SampleResult",
    "TransformResult",
    "Want",
    "all_of",
    "any_of",
    "as_latent_model",
    "hookimpl",
    "hookspec",
    "load_actor",
    "load_model",
    "load_spec",
    "measurement",
    "none_of",
    "sample",
    "save_actor",
    "transform",
]

_MODULES = {
    "lc_core.api": ("load_model", "sample", "transform"),
    "lc_core.constraints.constraint": ("Constraint", "Group", "all_of", "any_of", "none_of"),
    "lc_core.engines.base": ("Engine",),
    "lc_core.errors": ("LCError",),
    "lc_core.actors.fitted": ("FittedActor", "load_actor", "save_actor"),
    "lc_core.fitting.critics": ("FitSettings",),
    "lc_core.models.latent_model": ("LatentModel", "Posterior", "as_latent_model"),
    "lc_core.constraints.measurement": ("Measurement", "Needs", "Want", "measurement"),
    "lc_core.plugins.hookspecs": ("hookimpl", "hookspec"),
    "lc_core.plugins.renderer": ("Renderer",),
    "lc_core.sampling.block": ("SampleResult",),
    "lc_core.spec.resolve": ("load_spec",),
    "lc_core.editing.transform": ("TransformResult",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'lc_core' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
