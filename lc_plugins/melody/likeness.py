"""`melody.likeness`: how much a melody is like what encodings of tunes decode to.

The output-space discriminator of `melody.folk-2bar` says it. A spec's key `realism` is told from latents alone. This
is told from what they decode to, and its critics are refined on what the discriminator says of an engine's own outputs.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from lc_core import LCError, measurement
from lc_core.common import counted
from lc_plugins.melody.bars import BARS
from lc_plugins.melody.model import DISCRIMINATOR_FILE, SHIPPED
from lc_plugins.melody.tokens import as_tokens

if TYPE_CHECKING:
    from lc_plugins.melody.discriminator import Discriminator

__all__ = ["DISCRIMINATOR_SHA256", "likeness"]

DISCRIMINATOR_SHA256 = "008907d0950e577bcab3ca62b242d16e24b094288b3216f1abbe1a08b5307b70"
"""Hash of the discriminator's weights. Fitted critics are cached by this file, so other weights have to change it."""
PIECE = 2_048
"""Melodies in one pass."""


@measurement(accepts="melody.tokens/1", part=BARS, unit="log odds", range=(-np.inf, np.inf), at_least=0.0)
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

    tokens, net = as_tokens(tokens), _discriminator()
    steps = net.settings["steps"]
    if tokens.shape[1] != steps:
        raise LCError(
            f"likeness is defined for melodies of {steps} steps, which the discriminator was trained on; "
            f"found {counted(tokens.shape[1], 'step')}",
            hint="leave this constraint out for models of another length",
        )
    classes = tokens_to_classes(torch.tensor(tokens))
    with torch.inference_mode():
        logits = [net(part) for part in torch.split(classes, PIECE)]
        return torch.cat(logits).double().numpy()


@cache
def _discriminator() -> Discriminator:
    from lc_core.common import read_network
    from lc_plugins.melody.discriminator import DISCRIMINATOR, Discriminator

    net = read_network(SHIPPED / DISCRIMINATOR_FILE, DISCRIMINATOR, Discriminator)
    if net is None or net.digest != DISCRIMINATOR_SHA256:
        file = SHIPPED / DISCRIMINATOR_FILE
        raise LCError(f"{file} is not the discriminator of this release", hint="install latent-constraints again")
    return net
