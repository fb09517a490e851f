"""The two networks of a sampler: one predicts every rule's value, the other moves latents to what is asked.

The predictor is a critic of all rules at once: it reads what a model offers of a latent (`LatentModel.features`) and
gives log probabilities of the bins of any rule's value under any settings. The step network is a learned optimiser: it
reads a latent, the gradient of the log probability of all wants, and the wants, and says where to go. (Iterative
amortised inference: J. Marino, Y. Yue, S. Mandt, ICML 2018; a set of wants is read as in M. Zaheer et al., Deep Sets,
NeurIPS 2017.)
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lc_core.sampler.rules import BINS

__all__ = ["Predictor", "StepNetwork", "want_logs"]

FEWEST = -18.0
"""Log probabilities of a want are cut off here, so that one that seems hopeless does not drown the others."""
FIRST_STEP = 0.15
"""How far along the gradient an untrained step network goes, as a share of a latent's typical norm."""
FURTHEST = 4.0
"""Most that the logarithm of this share grows by: farther is of no use, and could overflow."""


class Residual(nn.Module):
    """x + W2 gelu(W1 norm(x)), the identity at first."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, hidden)
        self.down = nn.Linear(hidden, width)
        nn.init.zeros_(self.down.weight)
        nn.init.zeros_(self.down.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return `(B, width)` for `(B, width)`."""
        out: Tensor = x + self.down(F.gelu(self.up(self.norm(x))))
        return out


class Predictor(nn.Module):
    """Log probabilities of the bins of rules' values.

    Args:
        features: Numbers that the model offers of a latent.
        codes: For each rule the numbers that tell its settings; 0 for one without settings.
        width: Width of the trunk.
        hidden: Width inside its blocks.
        gate: Width in which settings meet what the trunk tells.
    """

    def __init__(
        self, *, features: int, codes: Sequence[int], width: int = 384, hidden: int = 384, gate: int = 128
    ) -> None:
        super().__init__()
        self.settings = {
            "features": features, "codes": list(codes), "width": width, "hidden": hidden, "gate": gate
        }  # fmt: skip
        self.codes = list(codes)
        self.read = nn.Linear(features, width)
        self.trunk = nn.Sequential(Residual(width, hidden), Residual(width, hidden), nn.LayerNorm(width))
        plain = [number for number, size in enumerate(codes) if size == 0]
        self.place = {number: at for at, number in enumerate(plain)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of a layer without outputs, where every rule has settings
            self.plain = nn.Linear(width, len(plain) * (BINS + 1))
        told = {str(number): size for number, size in enumerate(codes) if size}
        self.gates = nn.ModuleDict({number: nn.Linear(size, gate) for number, size in told.items()})
        self.heard = nn.ModuleDict({number: nn.Linear(width, gate) for number in told})
        self.heads = nn.ModuleDict(
            {number: nn.Sequential(nn.Linear(gate, gate), nn.GELU(), nn.Linear(gate, BINS + 1)) for number in told}
        )

    def forward(self, features: Tensor, rules: Sequence[int], codes: Tensor) -> tuple[Tensor, Tensor]:
        """Predict columns.

        Args:
            features: `(B, F)`.
            rules: Each column's rule, C numbers.
            codes: Each column's settings, `(C, S)`; a rule reads the first of its size.

        Returns:
            Log probabilities `(B, C, BINS + 1)`, the last of "undefined", and what the trunk tells, `(B, width)`.
        """
        trunk = self.trunk(F.gelu(self.read(features)))
        plain = self.plain(trunk).view(len(features), -1, BINS + 1)
        found: list[Tensor] = [plain[:, :0]] * len(rules)
        for rule in dict.fromkeys(rules):
            at = [number for number, one in enumerate(rules) if one == rule]
            if rule in self.place:
                logits = plain[:, self.place[rule], None].expand(-1, len(at), -1)
            else:
                gate = self.gates[str(rule)](codes[at, : self.codes[rule]])
                logits = self.heads[str(rule)](self.heard[str(rule)](trunk)[:, None] * gate)
            for number, one in zip(at, logits.unbind(1), strict=True):
                found[number] = one
        return torch.stack(found, dim=1).float().log_softmax(-1), trunk


class StepNetwork(nn.Module):
    """Where to move a latent, given the wants, how far each is from being met, and the gradient.

    Args:
        dimensions: D, the values of a latent.
        columns: Numbers that tell a column, `Rules.width`.
        trunk: Width of the predictor's trunk.
        width: Width of the residual stream.
        hidden: Width inside its blocks.
        wants: Width in which wants are told.
        blocks: Residual blocks.
    """

    def __init__(
        self,
        *,
        dimensions: int,
        columns: int,
        trunk: int = 384,
        width: int = 384,
        hidden: int = 512,
        wants: int = 192,
        blocks: int = 2,
    ) -> None:
        super().__init__()
        self.settings = {
            "dimensions": dimensions, "columns": columns, "trunk": trunk, "width": width, "hidden": hidden,
            "wants": wants, "blocks": blocks,
        }  # fmt: skip
        self.want = nn.Sequential(nn.Linear(columns + BINS + 2, wants), nn.GELU(), nn.Linear(wants, wants))
        self.all = nn.Sequential(nn.LayerNorm(wants), nn.Linear(wants, wants), nn.GELU())
        self.read = nn.Linear(2 * dimensions + 1 + trunk + wants, width)
        self.blocks = nn.ModuleList(Residual(width, hidden) for _ in range(blocks))
        self.scales = nn.ModuleList(nn.Linear(wants, width) for _ in range(blocks))
        last = nn.Linear(width, dimensions)
        self.move = nn.Sequential(nn.LayerNorm(width), last)
        self.along = nn.Linear(width, 1)
        for one in (last, self.along):
            nn.init.zeros_(one.weight)
            nn.init.zeros_(one.bias)

    def forward(
        self, z: Tensor, gradient: Tensor, trunk: Tensor, columns: Tensor, masks: Tensor, logs: Tensor, present: Tensor
    ) -> Tensor:
        """Return the moves `(B, D)`.

        Args:
            z: Latents `(B, D)`.
            gradient: Of the sum of the wants' log probabilities, `(B, D)`.
            trunk: What the predictor's trunk tells, `(B, width)`.
            columns: What each want's column is, `(B, L, Rules.width)`.
            masks: What is wanted of it, `(B, L, BINS + 1)`.
            logs: The log probability of each want, `(B, L)`.
            present: 1 where there is a want, `(B, L)`.
        """
        told = torch.cat([columns, masks, (logs / 8).clamp(-2, 0)[..., None]], dim=-1)
        wants = self.all((self.want(told) * present[..., None]).sum(1))
        norm = gradient.norm(dim=1, keepdim=True).clamp_min(1e-6)
        unit = gradient / norm * z.shape[1] ** 0.5
        x = self.read(torch.cat([z, unit, norm.log() / 4, trunk, wants], dim=1))
        for block, scale in zip(self.blocks, self.scales, strict=True):
            x = block(x * (1 + scale(wants)))
        moved: Tensor = self.move(x).float() + FIRST_STEP * self.along(x).float().clamp(max=FURTHEST).exp() * unit
        return moved


def want_logs(logs: Tensor, masks: Tensor) -> Tensor:
    """Return the log probability of wants, `(...)`.

    Args:
        logs: Log probabilities of bins, `(..., BINS + 1)`.
        masks: Which share of each is wanted, `(..., BINS + 1)`.
    """
    return (logs + (masks + 1e-8).log()).logsumexp(-1).clamp_min(FEWEST)
