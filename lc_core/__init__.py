"""Latent constraints: sample from a frozen generative model under rules that it was never trained for.

The names below are the public API. They are imported when they are first used, so that `import lc_core` is quick and
a plugin that measures with numpy never imports torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lc_core.common.lazy import exports

if TYPE_CHECKING:
    from lc_core.actors.fitted import FittedActor as FittedActor
    from lc_core.actors.fitted import load_actor as load_actor
    from lc_core.actors.fitted import save_actor as save_actor
    from lc_core.api import load_model as load_model
    from lc_core.api import sample as sample
    from lc_core.api import transform as transform
    from lc_core.constraints.constraint import Constraint as Constraint
    from lc_core.constraints.constraint import Group as Group
    from lc_core.constraints.constraint import all_of as all_of
    from lc_core.constraints.constraint import any_of as any_of
    from lc_core.constraints.constraint import none_of as none_of
    from lc_core.constraints.declare import Needs as Needs
    from lc_core.constraints.declare import Part as Part
    from lc_core.constraints.declare import measurement as measurement
    from lc_core.constraints.measurement import Measurement as Measurement
    from lc_core.constraints.settings_code import SettingsCode as SettingsCode
    from lc_core.constraints.want import Want as Want
    from lc_core.editing.result import TransformResult as TransformResult
    from lc_core.engines.base import Engine as Engine
    from lc_core.errors import LCError as LCError
    from lc_core.models.adapt import as_latent_model as as_latent_model
    from lc_core.models.latent_model import LatentModel as LatentModel
    from lc_core.models.latent_model import Posterior as Posterior
    from lc_core.plugins.hookspecs import hookimpl as hookimpl
    from lc_core.plugins.hookspecs import hookspec as hookspec
    from lc_core.plugins.renderer import Renderer as Renderer
    from lc_core.sampling.result import SampleResult as SampleResult
    from lc_core.spec.resolve import load_spec as load_spec
    from lc_core.spec.values import FitSettings as FitSettings

__getattr__, __dir__ = exports(__name__)
