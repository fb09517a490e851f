"""A prior from its setting in a spec, with latents read from `.npy` and `.safetensors` files."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from lc_core import LCError
from lc_core.models import Hypersphere, Mixture, Normal, Prior, Samples, Uniform
from lc_plugins.models.files import one_line, read_file
from lc_plugins.models.settings import MixtureSetting, PriorSetting

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["build_prior", "read_tensors"]


def build_prior(setting: PriorSetting) -> Prior:
    """Return the prior that a spec declares.

    Args:
        setting: See `PriorSetting`.

    Raises:
        LCError: If it is not exactly one, its parameters make no sense, or a file cannot be read.
    """
    if isinstance(setting, str):
        known: dict[str, type[Prior]] = {"normal": Normal, "uniform": Uniform, "hypersphere": Hypersphere}
        return known[setting]()
    if len(setting) != 1:
        raise LCError(
            f"prior should have one key of uniform, hypersphere, mixture and samples; found {list(setting)}",
            hint="for example prior: {uniform: [-1, 1]}",
        )
    if "uniform" in setting:
        return Uniform(*setting["uniform"])
    if "hypersphere" in setting:
        return Hypersphere(setting["hypersphere"])
    if "mixture" in setting:
        return _mixture(setting["mixture"])
    tensors = read_tensors(setting["samples"])
    if len(tensors) != 1 and "z" not in tensors:
        raise LCError(f"{setting['samples']} holds {', '.join(tensors) or 'nothing'}; expected latents named z")
    return Samples(tensors["z"] if "z" in tensors else next(iter(tensors.values())))


def _mixture(setting: MixtureSetting) -> Mixture:
    import torch

    if ("file" in setting) == ("means" in setting) or ("file" in setting and len(setting) > 1):
        raise LCError("a mixture has means, stds and perhaps weights, or a file with tensors of these names")
    if "file" in setting:
        found = read_tensors(setting["file"])
    else:
        given = {"means": setting["means"], "stds": setting.get("stds"), "weights": setting.get("weights")}
        if len({len(row) for row in setting["means"]}) != 1:
            raise LCError("the means of a mixture should be lists of one length, that of a latent")
        found = {name: torch.tensor(value) for name, value in given.items() if value is not None}
    if missing := [name for name in ("means", "stds") if name not in found]:
        raise LCError(f"the mixture has no {' and no '.join(missing)}; found {', '.join(found) or 'nothing'}")
    return Mixture(found["means"], found["stds"], found.get("weights"))


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read tensors by name; an `.npy` file holds one, called z. Nothing pickled is read.

    Raises:
        LCError: If the file is missing, damaged, or of another kind.
    """
    import numpy as np
    import torch
    from safetensors.torch import load

    if path.suffix not in (".npy", ".safetensors"):
        raise LCError(f"{path} should be a .npy or .safetensors file")
    data = read_file(path, what="a file of latents")
    try:
        if path.suffix == ".npy":
            found = np.load(io.BytesIO(data), allow_pickle=False)
            if found.dtype.kind not in "biuf":
                raise TypeError(f"they are of type {found.dtype}; expected numbers")
            with np.errstate(over="ignore"):  # what is infinite is refused by what it is for
                return {"z": torch.from_numpy(found.astype("float32"))}
        return {name: tensor.float() for name, tensor in load(data).items()}
    except Exception as error:
        hint = "write latents by numpy.save, or as z by safetensors.torch.save_file"
        raise LCError(f"{path} holds no tensors that can be read: {one_line(error)}", hint=hint) from error
