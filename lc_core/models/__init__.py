"""Latent models: what a model is, its prior, adapters, and checks of what it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lc_core.common.lazy import exports

if TYPE_CHECKING:
    from lc_core.models.latent_model import decode_array as decode_array
    from lc_core.models.latent_model import decode_outputs as decode_outputs
    from lc_core.models.latent_model import draw_prior as draw_prior
    from lc_core.models.latent_model import encode_outputs as encode_outputs
    from lc_core.models.prior import Hypersphere as Hypersphere
    from lc_core.models.prior import Mixture as Mixture
    from lc_core.models.prior import Normal as Normal
    from lc_core.models.prior import Prior as Prior
    from lc_core.models.prior import Samples as Samples
    from lc_core.models.prior import Uniform as Uniform

__getattr__, __dir__ = exports(__name__)
