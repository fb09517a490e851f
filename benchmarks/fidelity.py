"""How alike two sets of outputs are: neighbours in a feature space, and a network that is trained to tell them apart.

Precision and recall are those of Kynkaanniemi et al. 2019 ("Improved precision and recall metric for assessing
generative models"), density and coverage those of Naeem et al. 2020 ("Reliable fidelity and diversity metrics for
generative models"). The authors' package `prdc` gives the same numbers; its last release is of 2020, it starts eight
processes and holds whole matrices of distances, so the few lines are written here, in chunks.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lc_core.common.seeds import block_generator
from lc_core.critics.quality import auc

CHUNK = 500  # 20 MB for 5,000 columns
TOKENS = 130


def neighbour_figures(real: np.ndarray, other: np.ndarray, *, k: int = 3, chunk: int = CHUNK) -> dict[str, float]:
    """Return precision, recall, density and coverage of a set against a real one.

    A point's ball reaches to its k-th nearest neighbour in its own set, itself left out; its edge belongs to it.

    Args:
        real: Features `(N, F)`.
        other: Features `(M, F)` of what is judged.
        k: Which neighbour; less than N and than M.
        chunk: Rows of a matrix of distances that are held at a time.

    Returns:
        `precision`: share of others in a real ball; `recall`: share of reals in a ball of the others; `density`: real
        balls that an other lies in, over k; `coverage`: share of real balls that hold an other. All are 0 to 1 but
        density, which is 1 on average if both sets are from one distribution.
    """
    if not 1 <= k < min(len(real), len(other)):
        raise ValueError(f"k is at least 1 and less than the points of a set; found k {k}, {len(real)}, {len(other)}")
    a, b = (torch.from_numpy(np.asarray(one, dtype=np.float32)) for one in (real, other))
    real_radius, other_radius = _radii(a, k, chunk), _radii(b, k, chunk)
    in_balls = torch.zeros(len(b), dtype=torch.int64)
    recalled = covered = 0
    for start in range(0, len(a), chunk):
        distance = torch.cdist(a[start : start + chunk], b, compute_mode="donot_use_mm_for_euclid_dist")
        inside = distance <= real_radius[start : start + chunk, None]
        in_balls += inside.sum(dim=0)
        covered += int(inside.any(dim=1).sum())
        recalled += int((distance <= other_radius).any(dim=1).sum())
    return {
        "precision": float((in_balls > 0).double().mean()),
        "recall": recalled / len(a),
        "density": float(in_balls.double().mean()) / k,
        "coverage": covered / len(a),
    }


def _radii(points: Tensor, k: int, chunk: int) -> Tensor:
    """Return each point's distance `(N,)` to its k-th nearest neighbour."""
    parts = [
        torch.cdist(part, points, compute_mode="donot_use_mm_for_euclid_dist").kthvalue(k + 1, dim=1).values
        for part in torch.split(points, chunk)
    ]
    return torch.cat(parts)


def two_sample_auc(real: np.ndarray, other: np.ndarray, *, steps: int = 1_000, batch: int = 64, seed: int = 0) -> float:
    """Return how well a fresh small network tells two sets apart, on the last third of each.

    Of what was made from one source, such as samples of one picture's posterior, the rows stand together, so that
    nearly no source is in both parts.

    Args:
        real: Pictures `(N, C, H, W)` uint8 with H and W a multiple of 4, or melody tokens `(N, T)` int64.
        other: Others of the same kind; the first N count if there are more.
        steps: Training steps.
        batch: Of each set in a step.
        seed: Seed of weights and batches.

    Returns:
        The AUC: 0.5 if it cannot tell them apart, 1 if it always can.
    """
    count = min(len(real), len(other))
    split = 2 * count // 3
    sets = [torch.from_numpy(np.ascontiguousarray(one[:count])) for one in (real, other)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = _picture_net(*real.shape[1:]) if real.ndim == 4 else _TokenNet(real.shape[1])
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    generator = block_generator(seed, 0, "two-sample")
    for _ in range(steps):
        x = torch.cat([one[torch.randint(split, (batch,), generator=generator)] for one in sets])
        logits = net(_input(x)).squeeze(1)
        loss = F.softplus(-logits[:batch]).mean() + F.softplus(logits[batch:]).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    with torch.inference_mode():
        said = [torch.cat([net(_input(part)).squeeze(1) for part in torch.split(one[split:], 256)]) for one in sets]
    value = auc(torch.cat(said).numpy(), np.arange(2 * len(said[0])) < len(said[0]))
    assert value is not None
    return value


def _input(x: Tensor) -> Tensor:
    return x.float() / 255 - 0.5 if x.dtype == torch.uint8 else x


def _picture_net(channels: int, height: int, width: int) -> nn.Module:
    block = 4 if height >= 32 else 2
    small = (-(-height // block // 2)) * (-(-width // block // 2))
    return nn.Sequential(
        nn.PixelUnshuffle(block),
        nn.Conv2d(channels * block**2, 48, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(48, 64, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(64 * small, 64),
        nn.ReLU(),
        nn.Linear(64, 1),
    )


class _TokenNet(nn.Module):
    """Melody tokens `(B, T)` to logits `(B, 1)`: convolutions over time, then a perceptron that sees all steps."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(TOKENS, 32)
        self.layers = nn.Sequential(
            nn.Conv1d(32, 64, 5, padding=2),
            nn.ReLU(),
            nn.Conv1d(64, 64, 5, padding=2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Dropout(0.2),
            nn.Linear(64 * steps, 128),
            nn.ReLU(),
            nn.Linear(128, 1),
        )

    def forward(self, tokens: Tensor) -> Tensor:
        logits: Tensor = self.layers(self.embed(tokens).transpose(1, 2))
        return logits
