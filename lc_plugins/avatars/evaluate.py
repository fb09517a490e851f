"""How good an avatar model is, for its card: the judge on reconstructions, and whether samples look like the data.

The only importer of the judge. Nothing here guides or selects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lc_core.common import block_generator
from lc_core.critics import auc
from lc_core.engines import Gradient, run_engine
from lc_core.evaluation import two_sample_auc
from lc_core.models import decode_outputs
from lc_plugins.avatars.card import REFINING
from lc_plugins.avatars.judge import judge
from lc_plugins.avatars.scores import score_attributes, summary
from lc_plugins.images.arrays import from_pixels
from lc_plugins.vae.loss import kl_nats

if TYPE_CHECKING:
    from torch import Tensor

    from lc_plugins.avatars.dataset import Avatars
    from lc_plugins.avatars.model import AvatarModel

__all__ = ["evaluate", "sample_latents"]


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
    import torch

    images = from_pixels(np.asarray(test.pictures))
    posterior = model.encode(images)
    reconstructions = decode_outputs(model, posterior.mean)
    by = {
        name: score_attributes(judge(pictures), test.held)
        for name, pictures in (("images", images), ("reconstructions", reconstructions))
    }
    latents = sample_latents(model, images, count=len(images))
    critic = model.realism()
    with torch.inference_mode():
        scores = torch.cat([critic(latents["posterior"]), critic(latents["prior"])]).numpy()
    decoded = {name: decode_outputs(model, z[:count]) for name, z in latents.items()}
    kl = kl_nats(posterior.mean, posterior.std)
    return {
        "judge": {name: {"summary": summary(one), "attributes": one} for name, one in by.items()},
        "posterior": {
            "pixel error": float(np.sqrt(np.square(reconstructions - images).mean())),
            "KL nats": float(kl.sum(1).mean()),
            "active dimensions": int((kl.mean(0) > 0.02).sum()),
        },
        "realism": {"held-out AUC": auc(scores, np.arange(len(scores)) < len(images))},
        "two-sample AUC": {
            name: two_sample_auc(decoded["posterior"], decoded[name], steps=two_sample_steps)
            for name in ("prior", "refined")
        },
    }


def sample_latents(model: AvatarModel, images: np.ndarray, *, count: int) -> dict[str, Tensor]:
    """Return `count` latents of each kind: `posterior` of pictures, `prior`, and these `refined` by realism alone.

    That is by the model's flow; without one, by `REFINING` steps of the gradient engine up the realism critic.
    """
    import torch

    from lc_core.energy import Energy

    posterior = model.encode(images[:count])
    noise = torch.randn(posterior.mean.shape, generator=block_generator(0, 0, "evaluate/posterior"))
    prior = model.sample_prior(count, block_generator(0, 0, "evaluate/prior"))
    if flow := model.flow():
        with torch.no_grad():
            refined = flow(prior)
    else:
        energy = Energy((), realism=model.realism(), realism_weight=1.0)
        refined = run_engine(Gradient(steps=REFINING, check_every=0), model, prior, energy).z
    return {"posterior": posterior.mean + posterior.std * noise, "prior": prior, "refined": refined}
