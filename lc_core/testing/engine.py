"""Checks of an engine, on a toy problem whose solution is known.

The toy's latents are standard normal in 8 dimensions, its outputs are a linear map of them, and the rule wants one
coordinate of the output to be at least 1.5, which about 7 % of prior samples meet.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from lc_core.common.seeds import block_generator
from lc_core.constraints.constraint import Constraint
from lc_core.constraints.declare import measurement
from lc_core.constraints.evaluator import Evaluator
from lc_core.engines.base import Engine
from lc_core.engines.loop import run_engine
from lc_core.models.latent_model import LatentModel
from lc_core.spec.values import FitSettings
from lc_core.testing.base import BoundCheck, check_settings
from lc_core.testing.isolation import import_fault

if TYPE_CHECKING:
    from torch import Tensor

    from lc_core.fitting.prepare import Prepared

__all__ = ["ENGINE_CHECKS", "check_engine", "engine_checks"]

COUNT = 64
TOLERANCE = 1e-2  # in units of the latent, whose standard deviation is 1; rounding grows along a path


class Toy(LatentModel):
    """Outputs `(B, 4)`: a rotation of the latents `(B, 8)`, its first half."""

    name = "toy"
    latent_shape = (8,)
    output_type = "toy.vector/1"

    def decode(self, z: Tensor) -> Tensor:
        """Rotate."""
        import torch

        square = torch.randn(8, 8, generator=block_generator(0, 0, "check/toy"))
        outputs: Tensor = z @ torch.linalg.qr(square).Q[:, :4]
        return outputs


@measurement(accepts="toy.vector/1", unit="standard deviations", range=(-np.inf, np.inf), at_least=1.5)
def first_coordinate(outputs: np.ndarray) -> np.ndarray:
    """Return the first coordinate, `(B,)`."""
    first: np.ndarray = outputs[:, 0]
    return first


@dataclass
class Case:
    """An engine under check, and the toy problem."""

    target: Engine | type[Engine]

    @cached_property
    def engine(self) -> Engine:
        return self.target() if inspect.isclass(self.target) else self.target

    @cached_property
    def model(self) -> Toy:
        return Toy()

    @cached_property
    def prepared(self) -> Prepared:
        from lc_core.fitting.prepare import prepare

        small = FitSettings(prior_samples=1024, push_samples=256, steps=150, batch=128, hidden=32, rounds=0)
        return prepare(Evaluator(self.model, [Constraint(first_coordinate)]), self.engine, settings=small)

    @cached_property
    def z(self) -> Tensor:
        return self.draw(0)

    def draw(self, seed: int) -> Tensor:
        return self.model.sample_prior(COUNT, block_generator(seed, 0, "check"))

    def run(self, z: Tensor) -> Tensor:
        return run_engine(self.prepared.engine, self.model, z, self.prepared.energy).z

    @cached_property
    def result(self) -> Tensor:
        return self.run(self.z)


def settings(case: Case) -> str | None:
    """Its constructor's settings have types and defaults, come back the same from a spec, and can key a cache."""
    filled = check_settings("engine", type(case.engine), {})
    one, other = type(case.engine)(**filled).settings(), type(case.engine)(**filled).settings()
    if json.dumps(one, sort_keys=True, default=str) != json.dumps(other, sort_keys=True, default=str):
        return f"settings() is {one}, then {other}, for engines that were built alike"
    return None


def declared(case: Case) -> str | None:
    """It has a block of 1 try or more, 0 steps or more, and checks that lie within the steps."""
    engine = case.engine
    if not isinstance(engine, Engine):
        return f"{type(engine).__name__} does not derive from lc_core.Engine"
    if engine.block < 1 or engine.steps < 0:
        return f"block is {engine.block} and steps is {engine.steps}; expected 1 or more and 0 or more"
    wrong = [number for number in engine.checks if not 1 <= number <= engine.steps]
    return f"check {wrong[0]} lies outside steps 1 to {engine.steps}" if wrong else None


def state(case: Case) -> str | None:
    """Its state is a tuple of tensors with first dimension B, the latents first; a step keeps their shapes."""
    import torch

    now = case.prepared.engine.init(case.z.clone(), case.model)
    if not isinstance(now, tuple) or any(not torch.is_tensor(part) or len(part) != COUNT for part in now):
        return f"init returned {type(now).__name__}; expected a tuple of tensors with first dimension {COUNT}"
    if not torch.equal(now[0], case.z):
        return "the first part of init's state is not the starts"
    if case.prepared.energy is None:
        return None
    then = case.prepared.engine.step(now, case.prepared.energy, case.model, 1)
    shapes = [[tuple(part.shape) for part in parts] for parts in (now, then)]
    return None if shapes[0] == shapes[1] else f"shapes were {shapes[0]}, and {shapes[1]} after a step"


def finite(case: Case) -> str | None:
    """It ends at finite latents in the shape of the starts, and leaves the starts as they are."""
    import torch

    before = case.z.clone()
    if case.result.shape != before.shape or not bool(torch.isfinite(case.result).all()):
        return f"it ended at {case.result.dtype} of shape {tuple(case.result.shape)}, or at a value that is not finite"
    return None if torch.equal(case.z, before) else "it changed the starts that it was given"


def deterministic(case: Case) -> str | None:
    """The same starts end at the same latents, bit by bit."""
    import torch

    return None if torch.equal(case.result, case.run(case.z)) else "the same starts ended elsewhere the second time"


def permutation(case: Case) -> str | None:
    """Starts in another order end at their latents in that order."""
    import torch

    order = torch.randperm(COUNT, generator=block_generator(0, 0, "check/order"))
    return _apart(case.result[order], case.run(case.z[order]), "in another order")


def rows_independent(case: Case) -> str | None:
    """Where a try ends does not depend on the other tries of its block."""
    import torch

    half = COUNT // 2
    mixed = torch.cat([case.z[:half], 3 * case.draw(1)[half:]])
    return _apart(case.result[:half], case.run(mixed)[:half], "beside other tries")


def reaches(case: Case) -> str | None:
    """It meets the toy's rule at least as often as the prior; an engine without an energy need not."""
    if not case.engine.needs_energy:
        return None
    before, after = ((case.model.decode(z)[:, 0] >= 1.5).float().mean().item() for z in (case.z, case.result))
    return None if after >= before else f"{before:.0%} of the starts met the rule, {after:.0%} of its latents do"


def edits(case: Case) -> str | None:
    """If it edits, each form of it runs, keeps near its anchor, and ends nearer with a heavier weight of distance."""
    editor, energy = case.prepared.engine.editing(), case.prepared.energy
    if editor is None or energy is None:
        return None
    away = []
    for form in (editor, editor.faster(1.0), editor.for_fit(), editor.keeping(()), editor.nearer(1_000.0)):
        now = form.init(case.draw(3), case.model, anchor=case.z)
        for number in range(1, editor.steps + 1):
            now = form.step(now, energy, case.model, number)
        away.append(float((now[0] - case.z).square().mean()))
    if not np.isfinite(away).all():
        return "it ended at a value that is not finite"
    return None if away[-1] < away[0] else "with 1,000 times the weight of distance it ended farther from its anchor"


def documented(case: Case) -> str | None:
    """Its docstring begins with a line that says what it does."""
    text = inspect.getdoc(type(case.engine))
    return None if text and text != inspect.getdoc(Engine) else "it has no docstring"


def import_cost(case: Case) -> str | None:
    """Importing its module imports no torch or other heavy library, and takes no longer than a second."""
    return import_fault(type(case.engine).__module__)


def global_random_state(case: Case) -> str | None:
    """It leaves the global random states of Python, numpy and torch alone (watched in every check)."""
    case.run(case.draw(2))
    return None


def _apart(expected: Tensor, found: Tensor, where: str) -> str | None:
    distance = (expected - found).abs().flatten(1).amax(1)
    row = int(distance.argmax())
    return f"try {row} ended {float(distance[row]):.2g} away {where}" if float(distance[row]) > TOLERANCE else None


ENGINE_CHECKS: tuple[Callable[[Case], str | None], ...] = (
    declared,
    documented,
    settings,
    state,
    finite,
    deterministic,
    permutation,
    rows_independent,
    reaches,
    edits,
    import_cost,
    global_random_state,
)


def check_engine(engine: Engine | type[Engine]) -> None:
    """Check that an engine does what sampling relies on.

    Args:
        engine: An engine, or its class, which is then built with its default settings.

    Raises:
        CheckFailed: At the first of `ENGINE_CHECKS` that fails.
    """
    for check in engine_checks(engine):
        check()


def engine_checks(engine: Engine | type[Engine], *, name: str = "") -> list[BoundCheck]:
    """Return what `check_engine` runs, one by one; `name` is the component's in ids and errors."""
    own_name = engine.__name__ if inspect.isclass(engine) else type(engine).__name__
    case = Case(engine)
    return [BoundCheck(check, case, f"engine {name or own_name}") for check in ENGINE_CHECKS]
