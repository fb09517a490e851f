"""Sample outputs to check components on: what an installed model decodes from its prior."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from lc_core.common.seeds import block_generator
from lc_core.errors import LCError
from lc_core.models.adapt import as_latent_model
from lc_core.models.latent_model import decode_array
from lc_core.plugins.discover import build_registry
from lc_core.plugins.registry import Registered, Registry

__all__ = ["given_or_sampled", "sample_outputs"]


def sample_outputs(accepts: Collection[str], *, count: int = 64, registry: Registry | None = None) -> np.ndarray:
    """Decode prior samples of the first installed model whose outputs are of an accepted type.

    Args:
        accepts: Output types, such as `["melody.tokens/1"]`; `"*"` for any.
        count: How many.
        registry: What is installed; built if not given.

    Raises:
        LCError: If no such model is installed, or none of them loads.
    """
    if registry is None:
        registry = build_registry()
    failed = ""
    for model in registry.all("model"):
        if "*" in accepts or model.about.get("output") in accepts:
            try:
                return _decode(model, count)
            except LCError as error:
                failed += f"; {model.name}: {error.message}"
    wanted = ", ".join(accepts)
    raise LCError(
        f"no installed model decodes to {wanted}{failed}; give sample outputs: outputs=<array with first dimension B>"
    )


def _decode(model: Registered, count: int) -> np.ndarray:
    import torch

    with torch.random.fork_rng(devices=[]):  # a network that is built draws weights, to be replaced by the trained ones
        loaded = as_latent_model(model.build())
    return decode_array(loaded, loaded.sample_prior(count, block_generator(0, 0, "check")))


def given_or_sampled(
    outputs: object, accepts: Collection[str], *, least: int, count: int, registry: Registry | None
) -> np.ndarray:
    """Return the outputs that were given, as an array, or sampled ones.

    Raises:
        LCError: If fewer than `least` were given, or none can be sampled.
    """
    if outputs is None:
        return sample_outputs(accepts, count=count, registry=registry)
    array = np.array(outputs)
    if array.ndim == 0 or len(array) < least:
        raise LCError(f"the check needs at least {least} sample outputs; found shape {array.shape}")
    return array
