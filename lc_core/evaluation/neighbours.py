"""How alike two sets of points are, by their neighbours: precision, recall, density, coverage.

Precision and recall are those of Kynkaanniemi et al. 2019 ("Improved precision and recall metric for assessing
generative models"), density and coverage those of Naeem et al. 2020 ("Reliable fidelity and diversity metrics for
generative models"). The authors' package `prdc` gives the same numbers; its last release is of 2020, it starts eight
processes and holds whole matrices of distances, so the few lines are written here, in chunks.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

__all__ = ["K", "neighbour_figures"]

K = 3
"""Which neighbour a ball reaches to."""


def neighbour_figures(real: np.ndarray, other: np.ndarray, *, k: int = K, chunk: int = 500) -> dict[str, float]:
    """Return precision, recall, density and coverage of a set against a real one.

    A point's ball reaches to its k-th nearest neighbour in its own set, itself left out; its edge belongs to it.

    Args:
        real: Features `(N, F)`.
        other: Features `(M, F)` of what is judged.
        k: Which neighbour; less than N and than M.
        chunk: Rows of a matrix of distances that are held at a time: of 500 rows, 20 MB for 10,000 others.

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
