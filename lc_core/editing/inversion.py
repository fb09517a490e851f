"""An encoder for a model that has none, so that outputs of it can be edited.

Where the decoder has a gradient, an output is encoded by optimisation: from the few of many prior samples that decode
to what is most like it, Adam lowers the mean square error of the decoded latent (Zhu et al., *Generative Visual
Manipulation on the Natural Image Manifold*, 2016), and the best is kept. A black box gets a small network that is
fitted to go back from decoded prior samples to their latents, and is cached as other fitted parts.

Neither knows whether an output is one that the model can make: decoding the encoding shows it, as it does for any
encoder.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lc_core.common.cache import Cache, key_of
from lc_core.common.nets import mlp
from lc_core.common.progress import Progress
from lc_core.common.seeds import block_generator
from lc_core.constraints.digest import code_digest
from lc_core.critics.realism import typical_realism
from lc_core.editing.settings import EncodingSettings
from lc_core.errors import LCError
from lc_core.models.latent_model import LatentModel, Posterior, decode_outputs, draw_prior

__all__ = ["Inverted", "with_encoder"]


class Inverted(LatentModel):
    """A model with an encoder that it does not ship.

    Args:
        inner: The model.
        unit: Standard deviation of the prior, `latent_shape`: distances of edits are measured in it, since there is no
            posterior that says how far an output's latents spread.
        network: Takes outputs `(B, ...)` to latents; None for encoding by optimisation.
        errors: Root mean square errors of the network, `latent_shape`.
        settings: How it is optimised.
    """

    def __init__(
        self,
        inner: LatentModel,
        unit: Tensor,
        network: Callable[[np.ndarray], Tensor] | None = None,
        errors: Tensor | None = None,
        settings: EncodingSettings | None = None,
    ) -> None:
        self.inner, self.network, self.settings = inner, network, settings or EncodingSettings()
        self.name, self.source, self.note = inner.name, inner.source, inner.note
        self.latent_shape, self.output_type = inner.latent_shape, inner.output_type
        self.block, self.device = inner.block, inner.device
        self.sigma_bar = unit
        self.errors = unit if errors is None else errors

    @property
    def how(self) -> str:
        """How it encodes, in words."""
        if self.network is None:
            starts = self.settings.starts
            return f"no encoder: inputs are encoded by optimisation through its decoder, from {starts} starts each"
        return "no encoder: inputs are encoded by a network fitted to go back from decoded prior samples"

    def decode(self, z: Tensor) -> Any:
        """Decode as the model does."""
        return self.inner.decode(z)

    def sample_prior(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw as the model does."""
        return self.inner.sample_prior(count, generator)

    def realism(self) -> nn.Module | None:
        """Return the model's realism critic, or how typical a latent is of its prior."""
        return self.inner.realism() or typical_realism(self.inner)

    @cached_property
    def digest(self) -> str:
        """The model's, and how it is encoded."""
        return f"{self.inner.digest}/inverted-1/{'optimised' if self.network is None else 'network'}"

    def encode(self, outputs: Any) -> Posterior:
        """Return latents that decode to what is like outputs `(B, ...)`; the standard deviation is of the errors above.

        By optimisation no errors are known, and it is the prior's.
        """
        array = np.asarray(outputs)
        if self.network is not None:
            mean = self.network(array)
        else:
            # An encoding by optimisation depends on its own output alone: it is always computed by itself.
            mean = torch.stack([self._optimised(one) for one in array])
        return Posterior(mean.to(self.device), self.errors.to(self.device).expand(mean.shape).clone())

    def encode_decoded(self, z: Tensor) -> Posterior:
        """Return latents as the best encodings of what they decode to; a network is asked all the same."""
        if self.network is not None:
            return super().encode_decoded(z)
        return Posterior(z, self.sigma_bar.to(z).expand(z.shape))

    @cached_property
    def _candidates(self) -> tuple[Tensor, np.ndarray]:
        z = draw_prior(self.inner, self.settings.candidates, block_generator(0, 0, "inversion"))
        return z, decode_outputs(self.inner, z)

    def _optimised(self, output: np.ndarray) -> Tensor:
        how = self.settings
        candidates, decoded = self._candidates
        if decoded.shape[1:] != output.shape:
            raise LCError(f"inputs have shape {output.shape}; {self.name} makes outputs of shape {decoded.shape[1:]}")
        off = np.square(decoded.reshape(len(decoded), -1) - output.reshape(1, -1)).mean(axis=1)
        starts = candidates[torch.from_numpy(np.argsort(off, kind="stable")[: how.starts])]
        with torch.inference_mode(False), torch.enable_grad():
            unit = self.sigma_bar.to(self.device).clone()
            target = torch.from_numpy(np.array(output)).to(self.device, torch.float32)
            z = (starts.clone() / unit).requires_grad_()
            optimiser = torch.optim.Adam([z], lr=how.rate)
            best, least = z.detach().clone(), torch.full((len(z),), math.inf, device=self.device)
            for step in range(how.steps + 1):
                for group in optimiser.param_groups:
                    group["lr"] = how.rate * 0.5 * (1 + math.cos(math.pi * step / how.steps))
                error = (self.inner.decode(z * unit) - target).square().flatten(1).mean(dim=1)
                better = error.detach() < least
                best[better], least[better] = z.detach()[better], error.detach()[better]
                loss = error + how.pull * z.square().flatten(1).mean(dim=1)
                optimiser.zero_grad(set_to_none=True)
                loss.sum().backward()
                optimiser.step()
        found: Tensor = best[int(least.argmin())] * unit
        return found


def with_encoder(
    model: LatentModel,
    *,
    settings: EncodingSettings | None = None,
    cache: Cache | None = None,
    progress: Progress = lambda _: None,
) -> tuple[LatentModel, str]:
    """Return a model that encodes, itself if it does, and what a user should know of how, else nothing.

    Args:
        model: The model.
        settings: How outputs are encoded where it does not.
        cache: Where a fitted network is kept.
        progress: Called with a line of text now and then.
    """
    if model.encodes:
        return model, ""
    how = settings or EncodingSettings()
    unit = draw_prior(model, how.unit_samples, block_generator(0, 0, "inversion/unit")).std(dim=0).clamp_min(1e-6)
    if model.differentiable:
        found = Inverted(model, unit, settings=how)
    else:
        found = _by_network(model, unit, how, cache, progress)
    note = f"{model.name} has {found.how}"
    progress(note)
    return found, note


def _by_network(
    model: LatentModel, unit: Tensor, how: EncodingSettings, cache: Cache | None, progress: Progress
) -> Inverted:
    def fit() -> tuple[dict[str, Any], dict[str, Tensor]]:
        progress(f"fitting an encoder of {model.name} on {how.samples} decoded prior samples")
        return _fitted(model, how)

    if cache is None:
        config, tensors = fit()
    else:
        where = {"device": model.device.partition(":")[0], "code": code_digest(__name__)}
        key = key_of({"model": model.digest, "settings": asdict(how), **where})
        config, tensors, _ = cache.get_or_fit("encoder", key, fit, progress=progress)
    network = _Network(model, config, how.hidden)
    network.load_state_dict({name: tensor for name, tensor in tensors.items() if name != "errors"})
    network.to(model.device).requires_grad_(False).eval()
    return Inverted(model, unit, network.latents, tensors["errors"], how)


class _Network(nn.Module):
    """Outputs to latents: a perceptron on standardised numbers, or on each whole number's own column of 0 and 1."""

    mean: Tensor
    scale: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, model: LatentModel, config: dict[str, Any], hidden: int) -> None:
        super().__init__()
        self.model, self.shape = model, tuple(config["shape"])
        self.lowest, self.kinds = config["lowest"], config["kinds"]
        size = math.prod(self.shape)
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("scale", torch.ones(size))
        self.register_buffer("low", torch.full((model.dimensions,), -torch.inf))
        self.register_buffer("high", torch.full((model.dimensions,), torch.inf))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.net = mlp(size * max(1, self.kinds), hidden, model.dimensions)

    def forward(self, outputs: Tensor) -> Tensor:
        flat = outputs.flatten(1)
        if self.kinds:
            index = (flat.long() - self.lowest).clamp(0, self.kinds - 1)
            flat = nn.functional.one_hot(index, self.kinds).flatten(1)
        else:
            flat = (flat.float() - self.mean) / self.scale
        found: Tensor = self.net(flat.float())
        return found

    def latents(self, outputs: np.ndarray) -> Tensor:
        """Return latents `(B, *latent_shape)`, none beyond the values that prior samples have."""
        if outputs.shape[1:] != self.shape:
            raise LCError(
                f"inputs have shape {outputs.shape[1:]}; {self.model.name} makes outputs of shape {self.shape}"
            )
        device = next(self.parameters()).device
        with torch.no_grad():
            z: Tensor = self(torch.from_numpy(np.array(outputs)).to(device)).clamp(self.low, self.high)
            return z.view(-1, *self.model.latent_shape)


def _fitted(model: LatentModel, how: EncodingSettings) -> tuple[dict[str, Any], dict[str, Tensor]]:
    generator = block_generator(0, 0, "encoder")
    z = draw_prior(model, how.samples + how.held_out, generator)
    outputs = decode_outputs(model, z)
    lowest, kinds = 0, 0
    if outputs.dtype.kind in "biu" and (distinct := int(outputs.max()) - int(outputs.min()) + 1) <= how.most_kinds:
        lowest, kinds = int(outputs.min()), distinct
    config = {
        "what": f"encoder of {model.name}",
        "shape": list(outputs.shape[1:]),
        "lowest": lowest,
        "kinds": kinds,
    }
    network = _Network(model, config, how.hidden).to(model.device)
    x = torch.from_numpy(outputs).to(model.device)
    if not kinds:
        flat = x.flatten(1).float()
        network.mean.copy_(flat.mean(dim=0))
        network.scale.copy_(flat.std(dim=0).clamp_min(1e-3 * float(flat.std()) + 1e-6))
    optimiser = torch.optim.Adam(network.net.parameters(), lr=how.fit_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, how.fit_rate, total_steps=how.fit_steps, pct_start=0.1)
    target = z.flatten(1)
    network.low.copy_(target.amin(dim=0))
    network.high.copy_(target.amax(dim=0))
    for _ in range(how.fit_steps):
        rows = torch.randint(how.samples, (how.batch,), generator=generator).to(model.device)
        loss = (network(x[rows]) - target[rows]).square().mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
    with torch.no_grad():
        off = (network(x[how.samples :]) - target[how.samples :]).square().mean(dim=0).sqrt()
    errors = off.clamp_min(1e-3).view(model.latent_shape)
    return config, {**{name: one.detach().cpu() for name, one in network.state_dict().items()}, "errors": errors.cpu()}
