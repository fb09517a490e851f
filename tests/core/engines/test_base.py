"""Engines under the outer loop: where a try stops, what is decoded, and known optima."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from lc_core.constraints.constraint import Constraint
from lc_core.energy.energy import Energy, EnergyValue
from lc_core.engines.base import Engine
from lc_core.engines.gradient import Gradient
from lc_core.engines.loop import run_engine
from lc_core.engines.rejection import Rejection
from lc_core.models.latent_model import LatentModel

TARGET = torch.tensor([1.0, -2.0, 0.5])


class Plane(LatentModel):
    """Latents are the outputs, and may lie anywhere."""

    latent_shape = (3,)
    on_shell = False

    def decode(self, z: Tensor) -> Tensor:
        return z


class Shell(LatentModel):
    """Latents are the outputs, and stay on the shell of their start."""

    latent_shape = (3,)

    def decode(self, z: Tensor) -> Tensor:
        return z


class Bowl(Energy):
    """The squared distance to a target; what is near is called satisfied."""

    def __init__(self, *, near: float = 1.0) -> None:
        super().__init__(())
        object.__setattr__(self, "near", near)

    def __call__(self, z: Tensor) -> EnergyValue:
        distance = (z - TARGET).square().sum(1)
        return EnergyValue(distance, {"bowl": distance})

    def predicted_satisfied(self, z: Tensor) -> Tensor:
        return (z - TARGET).norm(dim=1) < self.near  # type: ignore[attr-defined]


class Walk(Engine):
    """Adds 1 to every value at each step."""

    def __init__(self, *, steps: int = 10, checks: tuple[int, ...] = ()) -> None:
        self.steps, self.checks = steps, checks

    def step(self, state: tuple[Tensor, ...], energy: Energy, model: LatentModel, number: int) -> tuple[Tensor, ...]:
        return (state[0] + 1,)


class Anything(Energy):
    """Calls every latent satisfied."""

    def predicted_satisfied(self, z: Tensor) -> Tensor:
        return torch.ones(len(z), dtype=torch.bool)


class Decoder:
    """Says which latents satisfy, and counts those that it is given."""

    def __init__(self, rule: Callable[[np.ndarray], np.ndarray]) -> None:
        self.rule = rule
        self.batches: list[int] = []

    def __call__(self, z: Tensor) -> np.ndarray:
        self.batches.append(len(z))
        return self.rule(z.numpy())


def starts(count: int = 16, seed: int = 0) -> Tensor:
    return torch.randn(count, 3, generator=torch.Generator().manual_seed(seed))


def above(bound: float) -> Decoder:
    return Decoder(lambda z: z[:, 0] >= bound)


# The outer loop


def test_a_try_stops_at_the_first_check_that_finds_it_satisfied() -> None:
    z = torch.tensor([[0.0], [-2.0], [2.9], [-50.0]]).expand(4, 3).contiguous()
    result = run_engine(Walk(checks=(3, 6)), Plane(), z, Anything(()), satisfied=above(3.0))
    # 0 is at 3 by the check at step 3; -2 is at 4 by that at step 6; 2.9 is there long before a check looks.
    assert result.z[:, 0].tolist() == pytest.approx([3.0, 4.0, 5.9, -40.0])


def test_every_decode_is_counted_and_finished_tries_are_not_decoded_again() -> None:
    z = torch.tensor([[0.0], [-2.0], [2.9], [-50.0]]).expand(4, 3).contiguous()
    decoder = above(3.0)
    result = run_engine(Walk(checks=(3, 6)), Plane(), z, Anything(()), satisfied=decoder)
    assert decoder.batches == [4, 2]
    assert result.decodes == 6


def test_only_what_the_critics_call_likely_is_decoded() -> None:
    z = TARGET + torch.tensor([[0.0, 0, 0], [0.1, 0, 0], [50, 0, 0], [60, 0, 0]])
    decoder = Decoder(lambda latents: np.zeros(len(latents), dtype=bool))
    result = run_engine(Gradient(steps=3, check_every=1, check_from=0), Plane(), z, Bowl(), satisfied=decoder)
    assert decoder.batches == [2, 2]
    assert result.decodes == 4


def test_a_critics_word_alone_stops_no_try() -> None:
    refuse = Decoder(lambda z: np.zeros(len(z), dtype=bool))
    result = run_engine(Walk(checks=(1, 2, 3)), Plane(), starts(), Anything(()), satisfied=refuse)
    assert torch.allclose(result.z, starts() + 10)


def test_the_last_step_is_not_checked_since_every_try_is_decoded_there() -> None:
    decoder = above(-100.0)
    result = run_engine(Walk(steps=4, checks=(4,)), Plane(), starts(), Anything(()), satisfied=decoder)
    assert decoder.batches == []
    assert result.decodes == 0


def test_a_block_ends_when_every_try_is_done() -> None:
    steps: list[int] = []

    class Counting(Walk):
        def step(self, state, energy, model, number):
            steps.append(number)
            return super().step(state, energy, model, number)

    run_engine(Counting(steps=50, checks=(2,)), Plane(), starts(), Anything(()), satisfied=above(-100.0))
    assert steps == [1, 2]


def test_without_a_verdict_every_try_takes_every_step() -> None:
    result = run_engine(Walk(checks=(2,)), Plane(), starts(), Anything(()))
    assert torch.allclose(result.z, starts() + 10)
    assert result.decodes == 0


def test_visited_latents_are_returned_for_the_steps_asked_for() -> None:
    result = run_engine(Walk(checks=(2,)), Plane(), starts(), Anything(()), satisfied=above(-100), visit=[1, 4, 10])
    assert [torch.allclose(z, starts() + number) for z, number in zip(result.visited, [1, 4, 10], strict=True)] == [
        True,
        True,
        True,
    ]
    assert torch.allclose(result.z, starts() + 10)


@pytest.mark.parametrize("model", [Plane(), Shell()], ids=["plane", "shell"])
def test_a_try_ends_in_the_same_place_whatever_the_other_tries_are(model: LatentModel) -> None:
    def end(z: Tensor) -> Tensor:
        near = Decoder(lambda latents: np.linalg.norm(latents - TARGET.numpy(), axis=1) < 0.5)
        return run_engine(Gradient(steps=30), model, z, Bowl(), satisfied=near).z

    together = end(starts())
    assert torch.allclose(end(starts()[:5]), together[:5], atol=1e-4)
    assert torch.allclose(end(torch.cat([starts()[:5], 5 * starts(11, seed=1)]))[:5], together[:5], atol=1e-4)
    order = torch.randperm(16, generator=torch.Generator().manual_seed(2))
    assert torch.allclose(end(starts()[order]), together[order], atol=1e-4)


def test_the_starts_stay_as_they_are() -> None:
    z = starts()
    run_engine(Gradient(steps=5), Shell(), z, Bowl(), satisfied=above(-100))
    assert torch.equal(z, starts())


# Gradient


def test_gradient_reaches_the_bottom_of_a_bowl() -> None:
    result = run_engine(Gradient(steps=400, lr=0.05), Plane(), starts(), Bowl())
    assert torch.allclose(result.z, TARGET.expand(16, 3), atol=0.02)


def test_gradient_keeps_each_latent_on_the_shell_that_its_start_lies_on() -> None:
    result = run_engine(Gradient(steps=40), Shell(), starts(), Bowl())
    assert torch.allclose(result.z.norm(dim=1), starts().norm(dim=1), rtol=1e-4)


def test_gradient_reaches_the_nearest_point_of_the_shell_that_its_start_lies_on() -> None:
    z = starts()
    result = run_engine(Gradient(steps=400, lr=0.02), Shell(), z, Bowl())
    nearest = TARGET / TARGET.norm() * z.norm(dim=1, keepdim=True)
    assert torch.allclose(result.z, nearest, atol=0.05)


def test_the_first_step_of_gradient_follows_the_gradient_by_the_learning_rate_in_root_mean_square() -> None:
    move = run_engine(Gradient(steps=1, lr=0.05), Plane(), starts(), Bowl()).z - starts()
    assert torch.allclose(move.square().mean(dim=1).sqrt(), torch.full((16,), 0.05), atol=1e-5)
    assert torch.allclose(torch.cosine_similarity(move, TARGET - starts()), torch.ones(16), atol=1e-5)


def test_gradient_agrees_with_adam_of_torch_where_a_latent_is_one_number() -> None:
    class Line(Plane):
        latent_shape = (1,)

    def well(z: torch.Tensor) -> Any:
        total = (z[:, 0] - 0.7).square() + z[:, 0].abs()
        return EnergyValue(total, {"well": total})

    z = torch.nn.Parameter(starts()[:, :1].clone())
    optimiser = torch.optim.Adam([z], lr=0.1)
    for _ in range(25):
        optimiser.zero_grad()
        well(z).total.sum().backward()
        optimiser.step()
    result = run_engine(Gradient(steps=25, lr=0.1), Line(), starts()[:, :1], well)  # type: ignore[arg-type]
    assert torch.allclose(result.z, z, atol=1e-4)


def test_gradient_stays_where_it_is_when_nothing_is_wanted() -> None:
    result = run_engine(Gradient(steps=5), Shell(), starts(), Energy(()))
    assert torch.allclose(result.z, starts(), atol=1e-6)


def test_latents_may_have_any_shape() -> None:
    class Grid(Shell):
        latent_shape = (2, 3)

    z = torch.randn(4, 2, 3, generator=torch.Generator().manual_seed(0))
    energy = Energy((), realism=lambda latents: latents.flatten(1).sum(1), realism_weight=1.0)
    result = run_engine(Gradient(steps=60), Grid(), z, energy)
    assert result.z.shape == z.shape
    assert (energy(result.z).total < energy(z).total).all()
    assert torch.allclose(result.z.flatten(1).norm(dim=1), z.flatten(1).norm(dim=1), rtol=1e-4)


@pytest.mark.parametrize(
    ("check_every", "check_from", "checks"),
    [(5, 0, (5, 10, 15)), (5, 0.5, (10, 15)), (0, 0, ()), (25, 0, ()), (5, 1, ())],
)
def test_checks_come_every_so_many_steps_from_a_share_of_them_on(
    check_every: int, check_from: float, checks: tuple[int, ...]
) -> None:
    assert Gradient(steps=20, check_every=check_every, check_from=check_from).checks == checks


# Rejection


def test_rejection_returns_the_prior_unchanged_and_decodes_nothing_on_the_way() -> None:
    decoder = above(0.0)
    result = run_engine(Rejection(), Shell(), starts(), None, satisfied=decoder)
    assert torch.equal(result.z, starts())
    assert result.decodes == 0
    assert decoder.batches == []


def test_rejection_says_that_it_ignores_realism() -> None:
    entries = [Constraint(lambda outputs: outputs, at_least=0)]
    assert "realism" in (Rejection().note(entries, 0.5) or "")
    assert Rejection().note(entries, 0.0) is None
