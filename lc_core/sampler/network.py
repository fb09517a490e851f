"""The network of a sampler: it predicts every rule's value.

The predictor is a critic of all rules at once: it reads what a model offers of a latent (`LatentModel.features`) and
gives log probabilities of the bins of any rule's value under any settings.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lc_core.common.residual import Residual
from lc_core.sampler.rules import BINS

__all__ = ["Predictor", "want_logs"]

FEWEST = -18.0
"""Log probabilities of a want are cut off here, so that one that seems hopeless does not drown the others."""


class Predictor(nn.Module):
    """Log probabilities of the bins of rules' values.

    Args:
        features: Numbers that the model offers of a latent.
        codes: For each rule the numbers that tell its settings; 0 for one without settings.
        width: Width of the trunk.
        blocks: Its residual blocks.
        gate: Width in which settings meet what the trunk tells.
    """

    def __init__(
        self, *, features: int, codes: Sequence[int], width: int = 384, blocks: int = 4, gate: int = 128
    ) -> None:
        super().__init__()
        self.settings = {
            "features": features, "codes": list(codes), "width": width, "blocks": blocks, "gate": gate
        }  # fmt: skip
        self.codes = list(codes)
        self.read = nn.Linear(features, width)
        self.trunk = nn.Sequential(*(Residual(width, width, identity=True) for _ in range(blocks)), nn.LayerNorm(width))
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

    def forward(self, features: Tensor, rules: Sequence[int], codes: Tensor) -> Tensor:
        """Predict columns.

        Args:
            features: `(B, F)`.
            rules: Each column's rule, C numbers.
            codes: Each column's settings, `(C, S)`; a rule reads the first of its size.

        Returns:
            Log probabilities `(B, C, BINS + 1)`, the last of "undefined".
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
        return torch.stack(found, dim=1).float().log_softmax(-1)


def want_logs(logs: Tensor, masks: Tensor) -> Tensor:
    """Return the log probability of wants, `(...)`.

    Args:
        logs: Log probabilities of bins, `(..., BINS + 1)`.
        masks: Which share of each is wanted, `(..., BINS + 1)`.
    """
    return (logs + (masks + 1e-8).log()).logsumexp(-1).clamp_min(FEWEST)
