"""What a model can do: shapes, prior, gradient, speed, memory, encoder, realism, and whether it is sane.

A model with which something is wrong is described as far as that goes, and what is wrong is listed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lc_core.common.files import reason
from lc_core.common.guard import blaming
from lc_core.common.owned import InTheWay, Owned
from lc_core.common.seeds import block_generator
from lc_core.critics.realism import realism_of
from lc_core.errors import LCError
from lc_core.models.checks import active_dimensions, check_form, differing, distinct
from lc_core.models.gradient_path import gradient_path
from lc_core.models.latent_model import LatentModel, decode_array, decode_outputs, draw_prior, encode_outputs
from lc_core.models.modules import modules_of
from lc_core.models.reconstruction import compare
from lc_core.plugins.registry import Registry

__all__ = ["Inspection", "inspect_model", "write_sheets"]

SAMPLES = 256
"""Prior samples that are decoded."""
SHOWN = 64
"""Prior samples on a sheet."""
FEW = 0.5
"""A smaller share of distinct outputs among them is reported."""
TIMED = 1.0
"""Seconds for which decodes are timed, once one has been."""


@dataclass
class Inspection:
    """What was found.

    Attributes:
        about: What is reported of the model, ready for JSON.
        problems: What is wrong, in words.
        outputs: Decoded prior samples, or None if they cannot be had.
    """

    about: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    outputs: np.ndarray | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"ok": not self.problems, **self.about, "problems": self.problems}


def inspect_model(model: LatentModel) -> Inspection:
    """Draw prior samples, decode them, and try what the model says it can do."""
    found = Inspection({"model": model.name, "source": model.source, "output_type": model.output_type})
    found.about |= {"latent_shape": list(model.latent_shape), "dimensions": model.dimensions}
    found.about["note"] = model.note
    z = _part(found, lambda: draw_prior(model, SAMPLES, block_generator(0, 0, "inspect")))
    if z is None:
        return found
    found.about |= {"prior": _prior(model, z), "weights": _weights(model)}
    found.outputs = _part(found, lambda: decode_outputs(model, z))
    gradient = gradient_path(model, z[:2])
    found.about["gradient"] = {"through": gradient.through, "module": gradient.module, "reason": gradient.reason}
    if found.outputs is None:
        return found
    found.about["output"] = _output(found.outputs)
    outputs = found.outputs
    found.about["samples_note"] = _part(found, lambda: model.note_of(z)) or ""
    _part(found, lambda: check_form(model, outputs))
    _assess(found, model, z, found.outputs)
    found.about["decode"] = _speed(model)
    encoder = _part(found, lambda: _encoder(model, found.outputs)) if model.encodes else None
    found.about |= {"encoder": encoder, "realism": _part(found, lambda: _realism(model, z)) or "broken"}
    _part(found, lambda: found.about.update(digest=model.digest))
    return found


def write_sheets(found: Inspection, registry: Registry, owned: Owned) -> list[Path]:
    """Write overviews of the decoded prior samples, by every renderer that draws their type and has one.

    What goes wrong is noted among the problems.

    Returns:
        The files.
    """
    if found.outputs is None:
        return []
    written: list[Path] = []
    for one in registry.all("renderer"):
        try:
            renderer = one.load()
            if not {found.about["output_type"], "*"} & set(renderer.accepts):
                continue
            with owned.work() as folder:
                with blaming(f"renderer {one.name} on the sheet of prior samples"):
                    path = renderer(**one.fill()).write_sheet(found.outputs[:SHOWN].copy(), folder)
                names = owned.take(folder)
        except InTheWay:
            raise
        except LCError as error:
            found.problems.append(_message(error))
        except OSError as error:
            raise LCError(
                f"{owned.path} cannot be written: {reason(error, owned.path)}", hint="choose another folder with --out"
            ) from error
        else:
            written += [owned.path / name for name in names] if path is not None else []
    return written


def _part(found: Inspection, make: Callable[[], Any]) -> Any:
    """Return what a part comes to; None, with a note of what is wrong, if it fails."""
    try:
        return make()
    except LCError as error:
        found.problems.append(_message(error))
    except (Exception, SystemExit) as error:  # whatever is broken here is what this is to report
        found.problems.append(f"{type(error).__name__}: {error}")
    return None


def _message(error: LCError) -> str:
    return error.message + (f" ({error.hint})" if error.hint else "")


def _prior(model: LatentModel, z: Tensor) -> dict[str, Any]:
    flat = z.flatten(1).double()
    norm = flat.norm(dim=1)
    return {
        "kind": model.prior.text if model.on_shell or model._draws_prior else "its own",
        "density": "known" if model.log_prior(z[:1]) is not None else "unknown",
        "mean": float(flat.mean()),
        "std": float(flat.std()),
        "norm": {"mean": float(norm.mean()), "std": float(norm.std())},
    }


def _weights(model: LatentModel) -> dict[str, int] | None:
    """Return the number of weights in the torch modules that a model holds, and their bytes; None if it holds none."""
    modules = modules_of(model)
    if not modules:
        return None
    tensors = {id(one): one for module in modules.values() for one in (*module.parameters(), *module.buffers())}
    every = tensors.values()
    return {"count": sum(one.numel() for one in every), "bytes": sum(one.numel() * one.element_size() for one in every)}


def _output(outputs: np.ndarray) -> dict[str, Any]:
    low, high = float(outputs.min()), float(outputs.max())
    return {"shape": list(outputs.shape[1:]), "dtype": str(outputs.dtype), "low": low, "high": high}


def _assess(found: Inspection, model: LatentModel, z: Tensor, outputs: np.ndarray) -> None:
    """Note whether outputs vary, and whether they come again."""
    share = distinct(outputs)
    row = differing(outputs, decode_outputs(model, z))
    found.about["sanity"] = {"finite": True, "distinct": share, "deterministic": row is None}
    if share * len(outputs) <= 1:
        found.problems.append(f"all of {len(outputs)} prior samples decode to one output")
    elif share < FEW:
        found.problems.append(f"only {share:.0%} of {len(outputs)} prior samples decode to an output of their own")
    if row is not None:
        found.problems.append(
            f"latent {row} decoded to another output the second time: switch off dropout (net.eval()) and noise"
        )


def _speed(model: LatentModel) -> dict[str, Any]:
    """Return how many outputs a second are decoded in blocks, by the median, and how long one alone takes."""
    block = draw_prior(model, model.block, block_generator(0, 0, "inspect/speed"))
    whole, alone = _seconds(model, block), _seconds(model, block[:1])
    return {"block": model.block, "per_second": model.block / whole, "milliseconds_for_one": 1000 * alone}


def _seconds(model: LatentModel, z: Tensor) -> float:
    decode_array(model, z)  # the first is slower than all others
    spent: list[float] = []
    while not spent or (sum(spent) < TIMED / 2 and len(spent) < 20):
        began = time.perf_counter()
        decode_array(model, z)
        spent.append(time.perf_counter() - began)
    return float(np.median(spent))


def _encoder(model: LatentModel, outputs: np.ndarray | None) -> dict[str, Any]:
    """Return what the encoder makes of decoded prior samples."""
    assert outputs is not None
    posterior = encode_outputs(model, outputs)
    back = compare(outputs, decode_outputs(model, posterior.mean))
    norm = posterior.mean.flatten(1).norm(dim=1)
    return {
        "measure": "share of equal values" if back.exact else "root mean square error",
        "reconstruction": float(back.likeness.mean()),
        "represented": float(back.represented.mean()),
        "active_dimensions": active_dimensions(posterior.mean),
        "mean_norm": float(norm.mean()),
        "mean_std": float(posterior.std.mean()),
    }


def _realism(model: LatentModel, z: Tensor) -> str:
    critic, words = realism_of(model)
    if critic is not None:
        with torch.inference_mode():
            logits = critic(z)
        if tuple(logits.shape) != (len(z),) or not math.isfinite(float(logits.sum())):
            raise LCError(f"realism gave shape {tuple(logits.shape)}; expected {len(z)} finite logits")
        words += f", mean logit {float(logits.mean()):.2f} on prior samples"
    return words
