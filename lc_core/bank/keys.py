"""The key of a bank: all that decides which bytes its samples decode to."""

from __future__ import annotations

import hashlib
import platform

import numpy as np
import torch

from lc_core.bank.stream import draw_block
from lc_core.common.cache import key_of
from lc_core.constraints.digest import code_digest, engine_digest
from lc_core.models.latent_model import LatentModel

__all__ = ["bank_key", "capability"]


def bank_key(model: LatentModel, seed: int, block: int, base: str = "prior") -> str:
    """Return the key of a bank.

    The latents of the first block are part of it, so that another prior, and another flow to data, is another bank.

    Args:
        model: The model.
        seed: Sampling seed.
        block: Samples in a block.
        base: What its samples are of, `prior` or `data`.
    """
    first = draw_block(model, seed, block, 0, base).cpu().numpy()
    return key_of(
        {
            "model": model.digest,
            "code of the model": engine_digest(model.unwrapped),
            "latents": hashlib.sha256(first.tobytes()).hexdigest(),
            "seed": seed,
            "base": base,
            "block": [block, model.block],
            "code": code_digest("lc_core.bank.stream"),
            **capability(model.device),
        }
    )


def capability(device: str) -> dict[str, object]:
    """Return what of a machine decides how numbers are rounded: the processor, its threads, and the libraries."""
    found = {"machine": platform.machine(), "torch": torch.__version__, "numpy": np.__version__}
    if device.startswith("cuda"):
        return {**found, "processor": torch.cuda.get_device_name(device)}
    return {**found, "processor": torch.backends.cpu.get_cpu_capability(), "threads": torch.get_num_threads()}
