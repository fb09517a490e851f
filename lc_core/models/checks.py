"""What a few decodes show of a model: finite, of one shape, of the form that its type promises, repeatable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lc_core.common.seeds import block_generator
from lc_core.errors import LCError
from lc_core.models.latent_model import LatentModel, decode_array, draw_prior

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["FORMS", "Form", "active_dimensions", "check_decoder", "check_form", "differing", "distinct"]


@dataclass(frozen=True)
class Form:
    """What outputs of a built-in type look like: shape of one (0 for any size), numbers, and their range."""

    shape: tuple[int, ...]
    whole: bool
    low: float
    high: float
    words: str


FORMS = {
    "image.rgb/1": Form((3, 0, 0), False, 0, 1, "float (B, 3, H, W) in [0, 1]"),
    "image.gray/1": Form((1, 0, 0), False, 0, 1, "float (B, 1, H, W) in [0, 1]"),
    "melody.tokens/1": Form((0,), True, 0, 129, "whole numbers (B, T) from 0 to 129"),
}
"""The output types that are built in; see docs/plugins.md."""
SLACK = 1e-3
"""How far a value may lie outside of a range by rounding."""


def check_decoder(model: LatentModel) -> None:
    """Decode two prior samples, twice and one alone, and refuse what nothing could be built on.

    Raises:
        LCError: If decode raises, gives what is not finite, another shape for one latent than for two, another form
            than its output type has, or other outputs for the same latents.
    """
    z = draw_prior(model, 2, block_generator(0, 0, "sanity"))
    outputs, again, alone = decode_array(model, z), decode_array(model, z), decode_array(model, z[:1])
    if outputs.shape[1:] != alone.shape[1:]:
        raise LCError(
            f"decode of {model.name} returned outputs of shape {outputs.shape[1:]} for two latents and"
            f" {alone.shape[1:]} for one; expected one shape"
        )
    check_form(model, outputs)
    if (row := differing(outputs, again)) is not None:
        raise LCError(
            f"decode of {model.name} gave another output when latent {row} was decoded again; expected the same",
            hint="switch off what is random in it: dropout (net.eval()), or noise that is added to outputs",
        )


def check_form(model: LatentModel, outputs: np.ndarray) -> None:
    """Refuse outputs that are not what the model's output type promises; types of plugins promise nothing here.

    Raises:
        LCError: With what was found and what the type is.
    """
    form = FORMS.get(model.output_type)
    if form is None:
        return
    fits = outputs.ndim == 1 + len(form.shape) and all(
        wanted in (0, found) for wanted, found in zip(form.shape, outputs.shape[1:], strict=True)
    )
    if not fits or (outputs.dtype.kind in "biu") != form.whole:
        raise LCError(
            f"decode of {model.name} returned {outputs.dtype} of shape {outputs.shape}; {model.output_type} is"
            f" {form.words}",
            hint="transpose, scale or round what the decoder gives, or name the type that it makes",
        )
    low, high = float(outputs.min()), float(outputs.max())
    if low < form.low - SLACK or high > form.high + SLACK:
        raise LCError(
            f"decode of {model.name} returned values from {low:g} to {high:g}; {model.output_type} is {form.words}",
            hint="scale what the decoder gives",
        )


def differing(outputs: np.ndarray, again: np.ndarray) -> int | None:
    """Return the first row in which two arrays differ, or None."""
    if outputs.shape != again.shape:
        return 0
    rows = np.flatnonzero((outputs != again).reshape(len(outputs), -1).any(axis=1))
    return int(rows[0]) if len(rows) else None


def distinct(outputs: np.ndarray) -> float:
    """Return the share of outputs that differ from all before them."""
    return len({(row + 0).tobytes() for row in outputs}) / len(outputs)  # adding 0 makes -0.0 equal to 0.0


def active_dimensions(means: Tensor) -> int:
    """Return how many dimensions of posterior means `(N, ...)` have a variance above 0.01 (Burda et al. 2016)."""
    return int((means.flatten(1).var(dim=0) > 0.01).sum())
