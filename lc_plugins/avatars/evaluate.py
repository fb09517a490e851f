"""How good an avatar model is, for its card: the judge on reconstructions, and whether samples look like the data.

The only importer of the judge. Nothing here guides or selects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lc_core.common import block_generator
from lc_core.critics import auc
from lc_core.models import decode_outputs
from lc_plugins.avatars.judge import judge
from lc_plugins.avatars.scores import score_attributes, summary
from lc_plugins.images.arrays import from_pixels
from lc_plugins.vae.evaluate import posterior_and_realism, sample_latents

if TYPE_CHECKING:
    import torch

    from lc_plugins.avatars.dataset import Avatars
    from lc_plugins.avatars.model import AvatarModel

__all__ = ["evaluate", "two_sample_auc"]


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


def two_sample_auc(real: np.ndarray, other: np.ndarray, *, steps: int, seed: int = 0, batch: int = 48) -> float:
    """Return how well a small network that is trained for it tells two sets of pictures apart, on the last thirds.

    Args:
        real: Pictures `(N, 3, 64, 64)`.
        other: As many.
        steps: Training steps.
        seed: Seed of weights and batches.
        batch: Pictures of each set in a step.

    Returns:
        The AUC: 0.5 if it cannot tell them apart, 1 if it always can.
    """
    import torch
    from torch import nn
    from torch.nn import functional as F

    sets = [torch.from_numpy(one) for one in (real, other)]
    split = 2 * len(real) // 3
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = nn.Sequential(
            nn.PixelUnshuffle(4),
            nn.Conv2d(48, 48, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(48, 64, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(64 * 64, 64),
            nn.ReLU(),
            nn.Linear(64, 1),
        )
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.05)
    generator = block_generator(seed, 0, "two-sample")
    for _ in range(steps):
        rows: list[torch.Tensor] = [torch.randint(split, (batch,), generator=generator) for _ in sets]
        x = torch.cat([one[pick] for one, pick in zip(sets, rows, strict=True)])
        logits = net(x - 0.5).squeeze(1)
        loss = F.softplus(-logits[:batch]).mean() + F.softplus(logits[batch:]).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    with torch.inference_mode():
        said = [torch.cat([net(part - 0.5).squeeze(1) for part in torch.split(one[split:], 256)]) for one in sets]
    value = auc(torch.cat(said).numpy(), np.arange(sum(map(len, said))) < len(said[0]))
    assert value is not None  # both sets have pictures
    return value
