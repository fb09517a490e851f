"""Latent models: plain objects as models, priors, generators, decoding and its gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lc_core.common.seeds import block_generator
from lc_core.errors import LCError
from lc_core.models.adapt import as_latent_model
from lc_core.models.latent_model import LatentModel, decode_array, decode_outputs


class Plain:
    """An object with no more than decode and a latent shape."""

    latent_shape: Any = 4

    def decode(self, z):
        return z[:, :2] * 2


class Uniform(Plain):
    """Has a prior of its own."""

    name = "uniform"
    output_type = "pairs/1"
    block = 32

    def sample_prior(self, count, generator):
        return torch.rand(count, 4, generator=generator)


class Model(LatentModel):
    latent_shape = (2, 3)

    def decode(self, z):
        return z.flatten(1)


# Plain objects


def test_an_object_with_decode_and_a_shape_has_the_standard_normal_as_prior() -> None:
    model = as_latent_model(Plain())
    z = model.sample_prior(20_000, block_generator(0, 0))
    assert z.shape == (20_000, 4)
    assert z.dtype == torch.float32
    assert z.mean(0).tolist() == pytest.approx([0] * 4, abs=0.03)
    assert z.std(0).tolist() == pytest.approx([1] * 4, abs=0.03)
    assert (model.name, model.output_type, model.dimensions) == ("Plain", "any/1", 4)
    assert np.array_equal(decode_array(model, z[:3]), 2 * z[:3, :2].numpy())


def test_an_object_may_have_its_own_prior_name_type_and_block() -> None:
    model = as_latent_model(Uniform())
    assert (model.name, model.output_type, model.block) == ("uniform", "pairs/1", 32)
    z = model.sample_prior(100, block_generator(0, 0))
    assert z.min() >= 0
    assert z.max() <= 1


def test_a_shape_may_be_a_number_or_a_sequence() -> None:
    for given_shape, shape in ((4, (4,)), ((4,), (4,)), ([2, 3], (2, 3))):
        plain = Plain()
        plain.latent_shape = given_shape
        assert as_latent_model(plain).latent_shape == shape


def test_a_latent_model_stays_itself() -> None:
    model = Model()
    assert as_latent_model(model) is model


def test_what_lacks_decode_or_a_shape_is_refused() -> None:
    with pytest.raises(LCError, match=r"needs decode\(z\); dict has none"):
        as_latent_model({})
    with pytest.raises(LCError, match="latent_shape") as caught:
        as_latent_model(type("Shapeless", (), {"decode": lambda self, z: z})())
    assert "set model.latent_shape" in str(caught.value)


def test_a_prior_of_another_shape_is_refused() -> None:
    plain = Uniform()
    plain.latent_shape = 5
    with pytest.raises(LCError, match=r"shape \(3, 4\); expected \(3, 5\)"):
        as_latent_model(plain).sample_prior(3, block_generator(0, 0))


def test_a_model_without_encoder_or_realism_says_so() -> None:
    with pytest.raises(LCError, match="has no encoder"):
        Model().encode(np.zeros((1, 6)))
    assert Model().realism() is None


def test_a_model_is_not_moved_to_a_device_that_it_does_not_know() -> None:
    model = Model()
    assert model.to("cpu") is model
    with pytest.raises(LCError, match="runs on cpu only; asked for cuda"):
        model.to("cuda")


# The prior's shell


@given(scale=st.floats(1e-3, 1e3), seed=st.integers(0, 1000))
def test_project_keeps_the_direction_and_gives_the_norm_of_the_start(scale: float, seed: int) -> None:
    model = Model()
    start, z = (model.sample_prior(5, block_generator(seed, number)) for number in (0, 1))
    moved = model.project(scale * z, start)
    assert moved.shape == z.shape
    assert torch.allclose(moved.flatten(1).norm(dim=1), start.flatten(1).norm(dim=1), rtol=1e-4)
    assert torch.allclose(torch.cosine_similarity(moved.flatten(1), z.flatten(1)), torch.ones(5), atol=1e-4)


def test_project_leaves_starts_where_they_are_and_takes_a_latent_at_the_origin() -> None:
    model = Model()
    start = model.sample_prior(5, block_generator(0, 0))
    assert torch.allclose(model.project(start, start), start)
    assert torch.isfinite(model.project(torch.zeros_like(start), start)).all()


def test_latents_of_another_prior_are_not_moved_to_a_shell() -> None:
    model = as_latent_model(Uniform())
    start = model.sample_prior(5, block_generator(0, 0))
    assert torch.equal(model.project(3 * start, start), 3 * start)


# Generators


def test_a_block_has_the_same_generator_each_time_and_another_than_any_other() -> None:
    def numbers(*block: Any) -> tuple[float, ...]:
        return tuple(torch.randn(4, generator=block_generator(*block)).tolist())

    blocks = [(seed, block, purpose) for seed in (0, 1, 12) for block in (0, 1, 21) for purpose in ("sample", "fit")]
    assert [numbers(*block) for block in blocks] == [numbers(*block) for block in blocks]
    assert len({numbers(*block) for block in blocks}) == len(blocks)
    assert numbers(1, 21) != numbers(12, 1)


def test_generators_leave_the_global_random_state_alone() -> None:
    before = torch.get_rng_state()
    torch.randn(3, generator=block_generator(0, 0))
    assert torch.equal(torch.get_rng_state(), before)


# Decoding


def decoding(decode: Any) -> LatentModel:
    plain = Plain()
    plain.decode = decode  # type: ignore[method-assign]
    return as_latent_model(plain)


Z = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))


def test_decode_is_called_with_float32_and_gives_an_array() -> None:
    seen: list[torch.dtype] = []

    def decode(z):
        seen.append(z.dtype)
        return z > 0

    outputs = decode_array(decoding(decode), Z.double())
    assert seen == [torch.float32]
    assert outputs.dtype == bool
    assert np.array_equal(outputs, (Z > 0).numpy())


@pytest.mark.parametrize(
    ("decode", "message"),
    [
        (lambda z: z[:2], r"returned shape \(2, 4\) for 3 latents; expected \(3, ...\)"),
        (lambda z: z.sum(), r"returned shape \(\) for 3 latents"),
        (lambda z: torch.where(z == z[1], torch.nan, z), "not finite for latent 11"),
        (lambda z: np.full((3, 2), np.inf), "not finite for latent 10"),
        (lambda z: ["a", "b", "c"], "expected an array of numbers"),
        (lambda z: z.no_such_method(), "raised AttributeError"),
        (lambda z: (_ for _ in ()).throw(LCError("too few weights")), "too few weights"),
    ],
)
def test_a_decode_that_fails_is_told_with_the_models_name_or_its_own_message(decode: Any, message: str) -> None:
    with pytest.raises(LCError, match=message) as caught:
        decode_array(decoding(decode), Z, first_index=10)
    assert "Plain" in str(caught.value) or str(caught.value) == "too few weights"


def test_a_fault_in_a_later_block_names_the_latent_among_all() -> None:
    model = decoding(lambda z: torch.where(z[:, :1] == 5.0, torch.nan, z))
    model.block = 4
    with pytest.raises(LCError, match="not finite for latent 5$"):
        decode_outputs(model, torch.arange(8.0).repeat(4, 1).T)


@pytest.mark.parametrize(
    ("decode", "differentiable"),
    [
        (lambda z: torch.tanh(z), True),
        (lambda z: z[:, :1], True),
        (lambda z: (z > 0).long(), False),
        (lambda z: z.argmax(dim=1), False),
        (lambda z: z.detach(), False),
        (lambda z: torch.round(z), False),
        (lambda z: z * torch.nan, False),
        (lambda z: z.numpy(), False),
        (lambda z: np.asarray(z), False),
        (lambda z: [[0.0]] * len(z), False),
        (torch.no_grad()(lambda z: torch.tanh(z)), False),
    ],
)
def test_a_model_is_differentiable_only_if_a_real_gradient_comes_back(decode: Any, differentiable: bool) -> None:
    assert decoding(decode).differentiable is differentiable
    with torch.no_grad():
        assert decoding(decode).differentiable is differentiable


def test_the_digest_tells_models_apart_by_what_they_decode_to() -> None:
    assert decoding(torch.tanh).digest == decoding(torch.tanh).digest
    assert decoding(torch.tanh).digest != decoding(torch.sin).digest
