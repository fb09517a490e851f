"""`melody.likeness`: how much a melody is like what encodings of tunes decode to, by the ear of `melody.folk-2bar`.

A spec's key `realism` is told from latents alone. This is told from what they decode to, and its critics are
refined on what the ear says of an engine's own outputs.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from lc_core import LCError, measurement
from lc_core.common import counted
from lc_plugins.melody.model import EAR_FILE, SHIPPED
from lc_plugins.melody.tokens import as_tokens

if TYPE_CHECKING:
    from lc_plugins.melody.ear import Ear

__all__ = ["EAR_SHA256", "likeness"]

EAR_SHA256 = "008907d0950e577bcab3ca62b242d16e24b094288b3216f1abbe1a08b5307b70"
"""Hash of the ear's weights. Fitted critics are cached by this file, so another ear has to change it."""
PIECE = 2_048
"""Melodies that are heard at once."""


@measurement(accepts="melody.tokens/1", unit="log odds", range=(-np.inf, np.inf), at_least=0.0)
def likeness(tokens: np.ndarray) -> np.ndarray:
    """Return the log odds that melodies were decoded from encodings of tunes and not from prior samples, `(B,)`.

    Formula: the logit of the output-space discriminator, a classifier trained on both kinds (AUC .917 on melodies that
    it was not trained on). It uses which pitch stands at which step, the leaps and the set of pitch classes. Half of
    all decoded encodings are above 2, half of all prior samples below -2. Default at_least 0.
    Degenerate: a melody without notes has a value like any other. Where a silence is written as a note-off or as a
    hold makes a difference, unlike in the rules of music.

    Raises:
        LCError: If T is not 32, the length that it was trained on, or its file is damaged.
    """
    import torch

    from lc_plugins.melody.network import tokens_to_classes

    tokens, ear = as_tokens(tokens), _ear()
    steps = ear.settings["steps"]
    if tokens.shape[1] != steps:
        raise LCError(
            f"likeness is defined for melodies of {steps} steps, which the ear was trained on; "
            f"found {counted(tokens.shape[1], 'step')}",
            hint="leave this constraint out for models of another length",
        )
    classes = tokens_to_classes(torch.tensor(tokens))
    with torch.inference_mode():
        heard = [ear(part) for part in torch.split(classes, PIECE)]
        return torch.cat(heard).double().numpy()


@cache
def _ear() -> Ear:
    from lc_core.common import read_network
    from lc_plugins.melody.ear import EAR, Ear

    ear = read_network(SHIPPED / EAR_FILE, EAR, Ear)
    if ear is None or ear.digest != EAR_SHA256:
        raise LCError(f"{SHIPPED / EAR_FILE} is not the ear of this release", hint="install latent-constraints again")
    return ear
