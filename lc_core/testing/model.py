"""Checks of a latent model, and of the function that loads it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from lc_core.common.seeds import block_generator
from lc_core.models.adapt import as_latent_model
from lc_core.models.latent_model import LatentModel, Posterior, decode_array
from lc_core.testing.base import BoundCheck, check_settings, differing_row, untold_setting
from lc_core.testing.gradients import OFF, gradient_off
from lc_core.testing.isolation import import_fault

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["MODEL_CHECKS", "check_model", "is_loader", "model_checks"]

COUNT = 64


@dataclass
class Case:
    """A model under check, with prior samples and what they decode to.

    Attributes:
        target: The model, or the function that loads it.
        params: Settings of that function.
    """

    target: Any
    params: Mapping[str, Any]

    @property
    def loader(self) -> Callable[..., Any] | None:
        return self.target if is_loader(self.target) else None

    @cached_property
    def loaded(self) -> Any:
        """What the function returns, or the model that was given."""
        if self.loader is None:
            return self.target
        import torch

        filled = check_settings("model", self.loader, self.params)
        with torch.random.fork_rng(devices=[]):  # the weights that a network starts with are replaced
            return self.loader(**filled)

    @cached_property
    def model(self) -> LatentModel:
        return as_latent_model(self.loaded)

    def draw(self, seed: int = 0, count: int = COUNT) -> Tensor:
        return self.model.sample_prior(count, block_generator(seed, 0, "check"))

    @cached_property
    def z(self) -> Tensor:
        return self.draw()

    @cached_property
    def outputs(self) -> np.ndarray:
        return decode_array(self.model, self.z)


def documented(case: Case) -> str | None:
    """The docstring of the function that loads it, if that is known, says what it makes, and names every setting."""
    if case.loader is None:
        return None
    text = inspect.getdoc(case.loader) or ""
    if not text.partition("\n")[0].strip() or text == inspect.getdoc(LatentModel):
        return "the function that loads it has no docstring"
    return untold_setting(case.loader, inspect.signature(case.loader).parameters)


def settings(case: Case) -> str | None:
    """The settings of the function that loads it, if that is known, have types, and come back the same from a spec."""
    if case.loader is not None:
        check_settings("model", case.loader, case.params)
    return None


def declared(case: Case) -> str | None:
    """It tells the shape of a latent, its output type, and a block size; what loads it returns a `LatentModel`."""
    if case.loader is not None and not isinstance(case.loaded, LatentModel):
        return f"the function that loads it returned {type(case.loaded).__name__}; expected a LatentModel"
    model = case.model
    shape = getattr(model, "latent_shape", None)
    if not isinstance(shape, tuple) or not shape or any(not isinstance(n, int) or n < 1 for n in shape):
        return f"latent_shape is {shape!r}; expected a tuple of sizes such as (128,)"
    if not isinstance(model.output_type, str) or "/" not in model.output_type:
        return f"output_type is {model.output_type!r}; expected a name and version such as 'melody.tokens/1'"
    if not isinstance(model.block, int) or model.block < 1:
        return f"block is {model.block!r}; expected a number of latents, 1 or more"
    return None


def prior(case: Case) -> str | None:
    """The prior gives finite float32 latents of that shape, the same for the same generator, others for another."""
    import torch

    expected = (COUNT, *case.model.latent_shape)
    if tuple(case.z.shape) != expected or case.z.dtype != torch.float32:
        return f"sample_prior gave {case.z.dtype} of shape {tuple(case.z.shape)}; expected float32 {expected}"
    if not bool(torch.isfinite(case.z).all()):
        return "sample_prior gave a latent that is not finite"
    if not torch.equal(case.z, case.draw()):
        return "sample_prior gave other latents for a generator in the same state"
    if torch.equal(case.z, case.draw(seed=1)):
        return "sample_prior gave the same latents for another generator"
    return None


def decode(case: Case) -> str | None:
    """Decode gives one finite output for each latent, a single one too, and leaves the latents as they are."""
    before = case.z.clone()
    whole, one = case.outputs, decode_array(case.model, case.z[:1])
    if whole.shape[1:] != one.shape[1:]:
        return f"outputs have shape {whole.shape[1:]} in a batch, but {one.shape[1:]} alone"
    if not bool((before == case.z).all()):
        return "decode changed the latents that it was given"
    return None


def deterministic(case: Case) -> str | None:
    """The same latents decode to the same outputs again, bit by bit."""
    row = differing_row(case.outputs, decode_array(case.model, case.z), exact=True)
    return None if row is None else f"latent {row} decoded to another output the second time"


def batch_split(case: Case) -> str | None:
    """A latent decodes to the same output whatever else is in the batch; floats may round differently."""
    cuts = [0, 1, 2, COUNT // 3, COUNT]
    parts = [decode_array(case.model, case.z[a:b]) for a, b in zip(cuts, cuts[1:], strict=False)]
    row = differing_row(case.outputs, np.concatenate(parts))
    return None if row is None else f"latent {row} decoded to another output in a smaller batch"


def permutation(case: Case) -> str | None:
    """Latents in another order decode to their outputs in that order; floats may round differently."""
    import torch

    order = torch.randperm(COUNT, generator=block_generator(0, 0, "check/order"))
    row = differing_row(case.outputs[order.numpy()], decode_array(case.model, case.z[order]))
    return None if row is None else f"latent {int(order[row])} decoded to another output in another order"


def varied(case: Case) -> str | None:
    """Different latents decode to different outputs."""
    kinds = len(np.unique(case.outputs.reshape(COUNT, -1), axis=0))
    return None if kinds > 1 else f"all of {COUNT} prior samples decode to the same output"


def differentiable(case: Case) -> str | None:
    """Where it says it is differentiable, the gradient through decode is that of finite differences."""
    if not case.model.differentiable:
        return None
    import torch

    model = case.model
    weight = torch.randn(case.outputs.shape[1:], generator=block_generator(0, 0, "check/weight"))
    weight = weight.to(model.device).double()

    def height(at: Tensor) -> Tensor:
        outputs: Tensor = (model.decode(at).double() * weight).flatten(1).sum(1)
        return outputs

    off = gradient_off(height, case.z[:16].to(model.device))
    return f"the gradient is off from finite differences by {off:.0%}" if off > OFF else None


def encode(case: Case) -> str | None:
    """Its encoder, if it has one, gives finite means and standard deviations above 0 in the shape of the latents."""
    if type(case.model).encode is LatentModel.encode:
        return None
    posterior = case.model.encode(case.outputs[:8])
    if not isinstance(posterior, Posterior):
        return f"encode returned {type(posterior).__name__}; expected a Posterior"
    expected = (8, *case.model.latent_shape)
    for name, part in (("mean", posterior.mean), ("std", posterior.std)):
        if tuple(part.shape) != expected:
            return f"the posterior's {name} has shape {tuple(part.shape)}; expected {expected}"
        if not bool(part.isfinite().all()):
            return f"the posterior's {name} is not finite"
    return None if bool((posterior.std > 0).all()) else "the posterior's std is not above 0"


def realism(case: Case) -> str | None:
    """Its realism critic, if it has one, gives one finite logit for each latent."""
    critic = case.model.realism()
    if critic is None:
        return None
    logits = critic(case.z.to(case.model.device))
    if tuple(logits.shape) != (COUNT,):
        return f"realism gave shape {tuple(logits.shape)} for {COUNT} latents; expected ({COUNT},)"
    return None if bool(logits.isfinite().all()) else "realism gave a logit that is not finite"


def flow(case: Case) -> str | None:
    """What transports prior samples, if it has that, gives finite latents of their shape, whatever others there are."""
    z = case.z.to(case.model.device)
    for name, transport in (("flow", case.model.flow()), ("realism_alone", case.model.realism_alone())):
        if transport is None:
            continue
        moved = transport(z)
        if tuple(moved.shape) != tuple(z.shape):
            return f"{name} gave shape {tuple(moved.shape)} for latents {tuple(z.shape)}"
        if not bool(moved.isfinite().all()):
            return f"{name} gave a value that is not finite"
        off = float((transport(z[:3]) - moved[:3]).abs().max())
        if off > 1e-3:
            return f"{name} carried a latent {off:.2g} elsewhere in a smaller batch"
    return None


def digest(case: Case) -> str | None:
    """Its digest, by which fitted parts are cached, is a text and stays the same."""
    first = case.model.digest
    vars(case.model).pop("digest", None)  # computed anew where it is a cached property
    again = case.model.digest
    if not isinstance(first, str) or not first:
        return f"digest is {first!r}; expected a text"
    return None if first == again else f"digest was {first}, then {again}"


def import_cost(case: Case) -> str | None:
    """Importing the module of the function that loads it, if that is known, imports no torch, and takes no second."""
    return None if case.loader is None else import_fault(case.loader.__module__)


def global_random_state(case: Case) -> str | None:
    """It leaves the global random states of Python, numpy and torch alone (watched in every check)."""
    decode_array(case.model, case.draw(seed=2))
    return None


MODEL_CHECKS = (
    documented,
    settings,
    declared,
    prior,
    decode,
    deterministic,
    batch_split,
    permutation,
    varied,
    differentiable,
    encode,
    realism,
    flow,
    digest,
    import_cost,
    global_random_state,
)


def check_model(model: Any, *, params: Mapping[str, Any] | None = None) -> None:
    """Check that a model does what sampling, fitting and caching rely on.

    Args:
        model: The function that loads it, as it is registered; or a `LatentModel`, or any object that
            `as_latent_model` takes, of which the checks of a loader then say nothing.
        params: Settings of the function, as a spec has them, where there are some without a default.

    Raises:
        CheckFailed: At the first of `MODEL_CHECKS` that fails.
        LCError: If it is no model at all.
    """
    for check in model_checks(model, params):
        check()


def model_checks(model: Any, params: Mapping[str, Any] | None = None, *, name: str = "") -> list[BoundCheck]:
    """Return what `check_model` runs, one by one; `name` is the component's in ids and errors.

    A model is loaded when the first check needs it.
    """
    case = Case(model, params or {})
    own_name = getattr(model, "__name__", type(model).__name__) if is_loader(model) else case.model.name
    return [BoundCheck(check, case, f"model {name or own_name}") for check in MODEL_CHECKS]


def is_loader(target: Any) -> bool:
    """Return whether a thing is a function or class that returns models, and no model itself."""
    return inspect.isclass(target) or inspect.isroutine(target) or isinstance(target, partial)
