"""How good an avatar model is, for its card: the judge on reconstructions, and whether samples look like the data.

The only importer of the judge. Nothing here guides or selects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lc_core.models import decode_outputs
from lc_plugins.avatars.judge import judge
from lc_plugins.avatars.scores import score_attributes, summary
from lc_plugins.images.arrays import from_pixels
from lc_plugins.vae.evaluate import posterior_and_realism, sample_latents

if TYPE_CHECKING:
    from lc_plugins.avatars.dataset import Avatars
    from lc_plugins.avatars.model import AvatarModel

__all__ = ["evaluate"]


def evaluate(model: AvatarModel, test: Avatars, *, count: int = 3_000, two_sample_steps: int = 250) -> dict[str, Any]:
    """Measure a model on held-out pictures.

    Args:
        model: The model.
        test: Held-out pictures and what holds in them.
        count: Most pictures of each kind that are compared by a two-sample classifier.
        two_sample_steps: Training steps of that classifier.

    Returns:
        `judge`: for `images` and `reconstructions` (of posterior means) its summary and its scores by attribute;
        `posterior`: root mean square error of a pixel, KL in nats, active dimensions; `realism`: AUC of the realism
        critic, posterior samples against the prior; `two-sample AUC` of decoded `prior` and `refined` samples against
        decoded posterior samples.
    """
    from lc_core.evaluation import two_sample_auc

    images = from_pixels(np.asarray(test.pictures))
    posterior = model.encode(images)
    reconstructions = decode_outputs(model, posterior.mean)
    by = {
        name: score_attributes(judge(pictures), test.held)
        for name, pictures in (("images", images), ("reconstructions", reconstructions))
    }
    latents = sample_latents(model, posterior, count=len(images))
    found = posterior_and_realism(model, posterior, latents)
    pixel_error = float(np.sqrt(np.square(reconstructions - images).mean()))
    decoded = {name: decode_outputs(model, z[:count]) for name, z in latents.items()}
    return {
        "judge": {name: {"summary": summary(one), "attributes": one} for name, one in by.items()},
        "posterior": {"pixel error": pixel_error} | found["posterior"],
        "realism": found["realism"],
        "two-sample AUC": {
            name: two_sample_auc(decoded["posterior"], decoded[name], steps=two_sample_steps)
            for name in ("prior", "refined")
        },
    }
