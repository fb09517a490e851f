"""Which samples a bank holds: row i of block b is row i of one draw by the generator of (seed, b).

That is the stream that `rejection` draws. Latents are never stored; they are drawn again, and
where the base is data the model's flow carries them there again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lc_core.common.seeds import block_generator
from lc_core.models.cost import share_of_block
from lc_core.models.latent_model import LatentModel, draw_transported

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["BLOCK", "default_block", "draw_block"]

BLOCK = 1_024
"""Samples in a block where decoding is cheap."""


def default_block(model: LatentModel) -> int:
    """Return the samples in a block that suit what a decode of a model costs: those of `rejection` by default."""
    return max(1, int(BLOCK * share_of_block(model.operations, model.device)))


def draw_block(model: LatentModel, seed: int, block: int, number: int, base: str = "prior") -> Tensor:
    """Draw the latents `(block, *latent_shape)` of one block, on the model's device.

    Args:
        model: The model.
        seed: Sampling seed.
        block: Samples in a block.
        number: Number of the block, from 0.
        base: `prior`, or `data`, what the model's own flow or chain makes of prior samples.
    """
    transport = model.realism_alone() if base == "data" else None
    return draw_transported(model, block, block_generator(seed, number), transport)
