"""The probe: how probable it is that each name of a label set holds, told from an output's encoding.

A perceptron on posterior means with one sigmoid a name, trained by mean cross-entropy on posterior *samples* (Engel,
Hoffman and Roberts 2018, the attribute critic), then calibrated name by name with Platt's two numbers on rows that it
was not trained on. What is told of it is measured on rows that neither saw.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lc_core.common import Cache, block_generator, counted, key_of, mlp
from lc_core.constraints import code_digest
from lc_core.critics import calibration
from lc_plugins.labels.label_set import LabelSet, check_classes

__all__ = ["PARTS", "Probe", "ProbeSettings", "fitted_probe", "split"]

PARTS = {"train": 14, "calibrate": 3, "report": 3}
"""How many of 20 rows go where."""
CHECK_EVERY = 50  # steps
BLOCK = 64  # encodings in a pass


@dataclass(frozen=True)
class ProbeSettings:
    """How a probe is fitted: a fixed number of steps, of which the best check is kept."""

    seed: int = 0
    hidden: int = 256
    steps: int = 1_500
    batch: int = 256
    lr: float = 2e-3
    weight_decay: float = 0.05


@dataclass(frozen=True)
class Probe:
    """A fitted probe.

    Args:
        names: K names.
        net: Standardised encodings `(B, D)` to logits `(B, K)`.
        centre: Mean of the encodings it was trained on, `(D,)`.
        scale: Their standard deviation, `(D,)`.
        platt: What a logit is multiplied by, and what is added, `(2, K)` float64.
        card: For each name how good it is on held-out rows; see `fitted_probe`.
    """

    names: tuple[str, ...]
    net: nn.Module
    centre: Tensor
    scale: Tensor
    platt: Tensor
    card: Mapping[str, Any]

    def probabilities(self, mean: Tensor) -> np.ndarray:
        """Return how probable it is that each name holds, `(B, K)` float64, for posterior means `(B, *latent_shape)`.

        They are taken in padded blocks of one size, since products round differently at other sizes.
        """
        flat = ((mean.flatten(1).cpu() - self.centre) / self.scale).float()
        found = [np.zeros((0, len(self.names)))]
        with torch.inference_mode():
            for part in torch.split(flat, BLOCK) if len(flat) else ():
                block = F.pad(part, (0, 0, 0, BLOCK - len(part)))
                logits = self.net(block)[: len(part)].double() * self.platt[0] + self.platt[1]
                found.append(logits.sigmoid().numpy())
        return np.concatenate(found)


def split(held: np.ndarray, *, seed: int = 0) -> dict[str, np.ndarray]:
    """Return the rows of each part, the same for the same labels and seed.

    Rows with the same labels are dealt out evenly, the rarest names first, so that each part has its share of each.

    Args:
        held: Which names hold, `(N, K)` bool.
        seed: Decides which of the rows with the same labels go where.
    """
    shuffled = np.random.default_rng(seed).permutation(len(held))
    rare = np.argsort(np.abs(held.mean(axis=0) - 0.5), kind="stable")  # the last key of lexsort counts most
    order = shuffled[np.lexsort(held[shuffled][:, rare].T)]
    turn = np.random.default_rng(0).permutation(np.repeat(np.arange(len(PARTS)), list(PARTS.values())))
    part = turn[np.arange(len(held)) % len(turn)]
    return {name: np.sort(order[part == number]) for number, name in enumerate(PARTS)}


def fitted_probe(
    labels: LabelSet,
    *,
    settings: ProbeSettings | None = None,
    cache: Cache | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Probe:
    """Return the probe of a label set, fitted or found in the cache.

    Its card has for each name the share of `rows` with a yes, and of the held-out rows their number, how many have a
    yes, `auc`, expected calibration error `ece`, `brier` score, and mean `probability`.

    Args:
        labels: A set that was read from a file, or written to one.
        settings: How to fit.
        cache: Where probes are kept; None keeps nothing.
        progress: Called with a line of text now and then.
    """
    chosen = settings or ProbeSettings()

    def fit() -> tuple[dict[str, Any], dict[str, Tensor]]:
        progress(
            f"fitting a probe of {', '.join(labels.names)} on {counted(len(labels), 'encoding')} of {labels.model.use}"
        )
        with torch.inference_mode(mode=False), torch.enable_grad():  # a measurement may be called without gradients
            probe = _fit(labels, chosen)
        tensors = {f"net.{name}": one for name, one in probe.net.state_dict().items()}
        tensors |= {"centre": probe.centre, "scale": probe.scale, "platt": probe.platt}
        what = f"probe of {', '.join(labels.names)} for {labels.model.use}"
        return {"what": what, "hidden": chosen.hidden, "names": list(labels.names), "card": probe.card}, tensors

    if cache is None:
        config, tensors = fit()
    else:
        made = {"labels": labels.digest, "model": labels.model.digest, "settings": asdict(chosen)}
        key = key_of({"probe": code_digest(__name__), **made})
        config, tensors, _ = cache.get_or_fit("probe", key, fit, progress=progress)
    with torch.random.fork_rng(devices=[]):  # the weights it starts with are replaced
        net = mlp(tensors["centre"].numel(), config["hidden"], len(config["names"]))
    net.load_state_dict({name.removeprefix("net."): one for name, one in tensors.items() if name.startswith("net.")})
    net.requires_grad_(False).eval()
    names = tuple(config["names"])
    return Probe(names, net, tensors["centre"], tensors["scale"], tensors["platt"], config["card"])


def _fit(labels: LabelSet, settings: ProbeSettings) -> Probe:
    held = labels.held()
    check_classes(labels.columns, held, where="label set")
    parts = split(held, seed=settings.seed)
    mean, std = (torch.from_numpy(one).flatten(1).float() for one in (labels.mean, labels.std))
    target = torch.from_numpy(held).float()
    train = torch.from_numpy(parts["train"])
    centre = mean[train].mean(dim=0)
    scale = (mean[train].var(dim=0) + std[train].square().mean(dim=0)).sqrt().clamp_min(1e-6)
    net = _trained(mean, std, target, train, torch.from_numpy(parts["calibrate"]), (centre, scale), settings)

    def logits(rows: np.ndarray) -> Tensor:
        with torch.no_grad():
            found: Tensor = net((mean[rows] - centre) / scale).double()
        return found

    platt = _platt(logits(parts["calibrate"]), target[parts["calibrate"]].double())
    probe = Probe(labels.names, net, centre, scale, platt, {})
    rows = parts["report"]
    told = probe.probabilities(mean[rows])
    card = {}
    for column, name in enumerate(labels.names):
        met = held[rows, column]
        about = {"rows": len(held), "rows_yes": int(held[:, column].sum())}
        about |= {"held_out": len(rows), "held_out_yes": int(met.sum())}
        card[name] = about | calibration(told[:, column], met)
    return Probe(labels.names, net, centre, scale, platt, card)


def _trained(
    mean: Tensor,
    std: Tensor,
    target: Tensor,
    train: Tensor,
    check: Tensor,
    standard: tuple[Tensor, Tensor],
    settings: ProbeSettings,
) -> nn.Module:
    """Train on posterior samples of some rows; keep the weights that do best on the posterior means of others."""
    centre, scale = standard
    generator = block_generator(settings.seed, 0, "probe")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        net = mlp(mean.shape[1], settings.hidden, target.shape[1])
    optimiser = torch.optim.AdamW(net.parameters(), lr=settings.lr, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.lr, total_steps=settings.steps, pct_start=0.1)
    best, kept = float("inf"), {name: one.clone() for name, one in net.state_dict().items()}
    for step in range(1, settings.steps + 1):
        rows = train[torch.randint(len(train), (settings.batch,), generator=generator)]
        z = mean[rows] + std[rows] * torch.randn((len(rows), mean.shape[1]), generator=generator)
        loss = F.binary_cross_entropy_with_logits(net((z - centre) / scale), target[rows])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        if step % CHECK_EVERY == 0 or step == settings.steps:
            with torch.no_grad():
                off = float(F.binary_cross_entropy_with_logits(net((mean[check] - centre) / scale), target[check]))
            if off < best:
                best, kept = off, {name: one.clone() for name, one in net.state_dict().items()}
    net.load_state_dict(kept)
    return net.requires_grad_(False).eval()


def _platt(logits: Tensor, target: Tensor) -> Tensor:
    """Return factor and offset `(2, K)` that calibrate logits `(N, K)`, by penalised maximum likelihood.

    Without the penalty (standard normal on the factor's logarithm, and of deviation 2 on the offset), classes that can
    be told apart without a mistake would have a factor without bound.
    """
    found = torch.zeros((2, logits.shape[1]), dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([found], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        total = F.binary_cross_entropy_with_logits(logits * found[0].exp() + found[1], target, reduction="sum")
        total = total + 0.5 * found[0].square().sum() + found[1].square().sum() / 8
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    return torch.stack([found[0].exp(), found[1]]).detach()
