"""The conformance kit: good components pass, and each check finds the fault that it is for."""

from __future__ import annotations

import random
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lc_core.common.seeds import block_generator
from lc_core.constraints.declare import measurement
from lc_core.constraints.measurement import Measurement
from lc_core.engines.base import Engine
from lc_core.engines.edit import Edit
from lc_core.errors import LCError
from lc_core.models.latent_model import LatentModel, Posterior
from lc_core.plugins.registry import Distribution, Registered, Registry
from lc_core.plugins.renderer import Renderer
from lc_core.testing import (
    CHECKS,
    CheckFailed,
    check_constraint,
    check_engine,
    check_model,
    check_renderer,
    checks_of,
    parametrize_with_checks,
    sample_outputs,
)

sys.path.append(str(Path(__file__).parents[1]))  # where worker processes find it too
import heavy_part
import sound_parts
from sound_parts import ABOUT, Short, Text, Wave, good, load_network, load_wave

NUMBERS = np.random.default_rng(0).normal(size=(20, 6))


# Constraints


def test_a_good_constraint_passes() -> None:
    check_constraint(good, NUMBERS)
    check_constraint(good, outputs=NUMBERS.tolist(), params={"above": 1.0})
    check_constraint(Measurement(good, {"above": 1.0}), NUMBERS)


def undeclared(numbers):
    """Share."""
    return (numbers > 0).mean(axis=1)


@measurement(accepts=(), unit="share", range=(0, 1))
def accepts_nothing(numbers):
    """Share."""
    return (numbers > 0).mean(axis=1)


@measurement(accepts="numbers/1", unit=" ", range=(0, 1))
def no_unit(numbers):
    """Share."""
    return (numbers > 0).mean(axis=1)


@measurement(accepts="numbers/1", unit="share", range=(1, 0))
def range_upside_down(numbers):
    """Share."""
    return (numbers > 0).mean(axis=1)


@measurement(**ABOUT, at_least=2)
def wants_the_impossible(numbers):
    """Share."""
    return (numbers > 0).mean(axis=1)


@measurement(**ABOUT)
def undocumented(numbers):
    return (numbers > 0).mean(axis=1)


@measurement(**ABOUT)
def untyped_setting(numbers, *, above=0.0):
    """Share."""
    return (numbers > above).mean(axis=1)


@measurement(**ABOUT)
def needs_a_setting(numbers, *, above: float):
    """Share."""
    return (numbers > above).mean(axis=1)


@measurement(**ABOUT)
def default_of_another_type(numbers, *, above: float = "zero"):  # type: ignore[assignment]
    """Share."""
    return (numbers > 0).mean(axis=1)


@measurement(**ABOUT)
def takes_nothing():
    """Share."""
    return 0.0


@measurement(accepts="unheard-of/1", unit="share", range=(0, 1))
def without_outputs(numbers):
    """Share."""
    return (numbers > 0).mean(axis=1)


@measurement(**ABOUT)
def changes_its_input(numbers):
    """Share."""
    numbers[3] = np.abs(numbers[3])
    return (numbers > 0).mean(axis=1)


@measurement(**ABOUT)
def raises(numbers):
    """Share."""
    raise ZeroDivisionError("no numbers")


@measurement(**ABOUT)
def one_value_for_all(numbers):
    """Share."""
    return (numbers > 0).mean()


@measurement(**ABOUT)
def undeclared_nan(numbers):
    """Share."""
    return np.where(numbers[:, 0] > 0, np.nan, 0.5)


@measurement(**ABOUT, undefined="no number")
def infinite(numbers):
    """Share."""
    return np.where(numbers[:, 0] > 0, np.inf, 0.5)


@measurement(**ABOUT)
def out_of_range(numbers):
    """Share."""
    return (numbers > 0).sum(axis=1)


@measurement(**ABOUT)
def another_value_each_time(numbers):
    """Share."""
    return np.random.default_rng().random(len(numbers))


@measurement(**ABOUT)
def relative_to_the_batch(numbers):
    """Share."""
    return 1 / (1 + np.exp(numbers.mean() - numbers[:, 0]))


@measurement(**ABOUT)
def by_place_in_the_batch(numbers):
    """Share."""
    return np.cumsum((numbers > 0).mean(axis=1)) / 100


@measurement(**ABOUT)
def fails_on_no_outputs(numbers):
    """Share."""
    return (numbers > numbers[0, 0] * 0).mean(axis=1)


@measurement(accepts="numbers/1", unit="hue", range=(0, 1))
def without_direction(numbers):
    """Tint of it."""
    return (numbers > 0).mean(axis=1)


@measurement(accepts="numbers/1", unit="share", range=(0, 100))
def share_of_more_than_all(numbers):
    """Share."""
    return 100 * (numbers > 0).mean(axis=1)


@measurement(**ABOUT)
def undocumented_setting(numbers, *, above: float = 0.0):
    """Share of numbers that are large."""
    return (numbers > above).mean(axis=1)


def made_by_another() -> Any:
    @measurement(**ABOUT, workers=2)
    def inner(numbers):
        "Share."
        return (numbers > 0).mean(axis=1)

    return inner


sound_parts.HERE.append(1.0)  # in this process alone
held = measurement(**ABOUT)(sound_parts.Holder())


@measurement(**ABOUT)
def draws_from_numpy(numbers):
    """Share."""
    np.random.rand()
    return (numbers > 0).mean(axis=1)


@measurement(**ABOUT)
def draws_from_torch(numbers):
    """Share."""
    torch.rand(1)
    return (numbers > 0).mean(axis=1)


@measurement(**ABOUT)
def draws_from_python(numbers):
    """Share."""
    random.random()
    return (numbers > 0).mean(axis=1)


@measurement(**ABOUT, together=lambda numbers, settings: np.zeros((len(numbers), len(settings))))
def disagrees_with_itself(numbers):
    """Share."""
    return (numbers > 0).mean(axis=1)


@measurement(**ABOUT, differentiable=True)
def detached(numbers):
    """Share of the way to 1."""
    return 1 / (1 + (numbers**2).mean(1)) if isinstance(numbers, np.ndarray) else 1 / (1 + (numbers.data**2).mean(1))


@measurement(**ABOUT, differentiable=lambda numbers: 0.5 / (1 + (numbers**2).mean(1)))
def of_another_value(numbers):
    """Share of the way to 1."""
    return 1 / (1 + (numbers**2).mean(1))


@measurement(**ABOUT, differentiable=lambda numbers: 1 / (1 + (numbers * numbers.data).mean(1)))
def half_a_gradient(numbers):
    """Share of the way to 1."""
    return 1 / (1 + (numbers**2).mean(1))


FAULTY_CONSTRAINTS = [
    ("differentiable", detached, "no gradient comes back"),
    ("differentiable", of_another_value, "returns other values"),
    ("differentiable", half_a_gradient, "off from finite differences by 49%"),
    ("declared", undeclared, "@measurement"),
    ("declared", accepts_nothing, "accepts is ()"),
    ("declared", no_unit, "unit is empty"),
    ("declared", range_upside_down, "low < high"),
    ("declared", wants_the_impossible, "at_least 2"),
    ("documented", undocumented, "no docstring"),
    ("settings", untyped_setting, "'above' has no type"),
    ("settings", needs_a_setting, "'above' has no default"),
    ("settings", default_of_another_type, "zero"),
    ("settings", takes_nothing, "no parameter"),
    ("sample_outputs", without_outputs, "no installed model decodes to unheard-of/1"),
    ("input_unchanged", changes_its_input, "output 3"),
    ("values", one_value_for_all, "shape ()"),
    ("values", undeclared_nan, "nan for output"),
    ("values", infinite, "inf for output"),
    ("within_range", out_of_range, "outside the range (0.0, 1.0)"),
    ("deterministic", another_value_each_time, "then"),
    ("batch_split", relative_to_the_batch, "in smaller batches"),
    ("batch_split", by_place_in_the_batch, "in smaller batches"),
    ("together_agrees", disagrees_with_itself, "by `together`"),
    ("empty_batch", fails_on_no_outputs, "IndexError"),
    ("direction", without_direction, "which way is more"),
    ("direction", share_of_more_than_all, "expected (0, 1)"),
    ("settings_documented", undocumented_setting, "'above'"),
    ("picklable", made_by_another(), "cannot be sent"),
    ("picklable", held, "cannot be sent"),
    ("picklable", sound_parts.by_state_of_the_process, "in a worker process"),
    ("import_cost", heavy_part.heavy, "imports torch"),
    ("global_random_state", draws_from_numpy, "numpy"),
    ("global_random_state", draws_from_torch, "torch"),
    ("global_random_state", draws_from_python, "random"),
]


@pytest.mark.parametrize(("check", "faulty", "found"), FAULTY_CONSTRAINTS, ids=lambda one: getattr(one, "__name__", ""))
def test_a_faulty_constraint_is_found_by_the_check_for_its_fault(check: str, faulty: Any, found: str) -> None:
    with pytest.raises(CheckFailed) as caught:
        check_constraint(faulty, None if faulty is without_outputs else NUMBERS, registry=Registry())
    assert caught.value.check == check
    name = getattr(faulty, "__name__", type(faulty).__name__)
    assert caught.value.component == f"constraint {name}"
    assert found in caught.value.found
    assert all(part in str(caught.value) for part in (check, name, found))


def test_a_constraint_that_raises_is_told_with_its_error() -> None:
    with pytest.raises(CheckFailed, match="ZeroDivisionError: no numbers"):
        check_constraint(raises, NUMBERS)


def test_a_value_that_depends_on_the_order_of_the_batch_is_found() -> None:
    @measurement(**ABOUT)
    def alternating(numbers):
        "Share; each batch of up to 7 outputs looks right."
        values = (numbers > 0).mean(axis=1)
        return values if len(values) < 8 else np.sort(values)

    order = np.argsort((NUMBERS > 0).mean(axis=1), kind="stable")
    with pytest.raises(CheckFailed) as caught:
        check_constraint(alternating, NUMBERS[order])
    assert caught.value.check == "permutation"


def test_few_sample_outputs_are_refused() -> None:
    with pytest.raises(CheckFailed, match="at least 4"):
        check_constraint(good, NUMBERS[:3])


@parametrize_with_checks([sound_parts.sometimes, sound_parts.single, sound_parts.in_workers], outputs=NUMBERS)
def test_undefined_values_single_outputs_and_workers_are_allowed(check: Any) -> None:
    check()


def test_a_rule_of_a_notebook_cannot_go_to_a_worker_and_need_not(monkeypatch: pytest.MonkeyPatch) -> None:
    @measurement(**ABOUT)
    def local(numbers):
        "Share of numbers above 0."
        return (numbers > 0).mean(axis=1)

    monkeypatch.setattr(local, "__module__", "__main__")
    check_constraint(local, NUMBERS)


# Models


class Linear(LatentModel):
    """Outputs `(B, 3)`, with an encoder and a realism critic."""

    name = "linear"
    latent_shape = (4,)
    output_type = "numbers/1"

    def decode(self, z):
        return torch.tanh(z[:, :3])

    def encode(self, outputs):
        mean = torch.as_tensor(outputs, dtype=torch.float32)
        mean = torch.stack([mean[:, 0]] * 4, dim=1)
        return Posterior(mean, torch.ones_like(mean))

    def realism(self):
        return lambda z: z.sum(dim=1)


def linear(**faults: Any) -> LatentModel:
    """A `Linear` in which some attributes or methods are others."""
    return type("Faulty", (Linear,), faults)()


def test_a_good_model_passes() -> None:
    check_model(Linear())
    check_model(linear(decode=lambda self, z: (z > 0).long()))


def test_an_object_with_decode_passes() -> None:
    class Plain:
        latent_shape = 3
        output_type = "numbers/1"

        def decode(self, z):
            return z.numpy() > 0

    check_model(Plain())


class Unstable(Linear):
    counter = 0

    @property
    def digest(self):
        type(self).counter += 1
        return str(self.counter)


class Changes(Linear):
    def decode(self, z):
        return z.mul_(1.0).add_(1e-3)


class Forgets(Linear):
    calls = 0

    def decode(self, z):
        type(self).calls += 1
        return z + 1e-6 * self.calls


class StraightThrough(Linear):
    def decode(self, z):
        return z + (torch.round(z) - z).detach()


def draws(self, z):
    torch.rand(1)
    return torch.tanh(z)


def by_order(self, z):
    """Return outputs that are wrong in any but the first order, and right in any part of that."""
    known = self.sample_prior(64, block_generator(0, 0, "check"))
    return torch.tanh(z[:, :3]) * (1.0 if len(z) < 64 or torch.equal(z, known) else 0.5)


FAULTY_MODELS = [
    ("declared", lambda: linear(latent_shape=()), "latent_shape is ()"),
    ("declared", lambda: linear(output_type="numbers"), "output_type is 'numbers'"),
    ("declared", lambda: linear(block=0), "block is 0"),
    ("prior", lambda: linear(sample_prior=lambda self, n, g: torch.zeros(n, 5)), "shape (64, 5)"),
    ("prior", lambda: linear(sample_prior=lambda self, n, g: torch.full((n, 4), torch.nan)), "not finite"),
    ("prior", lambda: linear(sample_prior=lambda self, n, g: torch.zeros(n, 4)), "another generator"),
    ("prior", lambda: linear(sample_prior=lambda self, n, g: _fresh(n)), "in the same state"),
    ("decode", lambda: linear(decode=lambda self, z: z[:1]), "expected (64, ...)"),
    ("decode", lambda: linear(decode=lambda self, z: z / 0), "not finite"),
    ("decode", lambda: Changes(), "changed the latents"),
    ("deterministic", lambda: Forgets(), "the second time"),
    ("batch_split", lambda: linear(decode=lambda self, z: z - z.mean(0)), "smaller batch"),
    ("permutation", lambda: linear(decode=by_order), "in another order"),
    ("varied", lambda: linear(decode=lambda self, z: torch.zeros(len(z), 2)), "the same output"),
    ("differentiable", lambda: StraightThrough(), "finite differences"),
    ("encode", lambda: linear(encode=lambda self, x: Posterior(torch.ones(8, 3), torch.ones(8, 3))), "(8, 3)"),
    ("encode", lambda: linear(encode=lambda self, x: Posterior(torch.ones(8, 4), torch.zeros(8, 4))), "above 0"),
    ("realism", lambda: linear(realism=lambda self: lambda z: z), "shape (64, 4)"),
    ("flow", lambda: linear(flow=lambda self: lambda z: z[:, :1]), "shape (64, 1)"),
    ("flow", lambda: linear(flow=lambda self: lambda z: z / 0), "not finite"),
    ("flow", lambda: linear(flow=lambda self: lambda z: z - z.mean(0)), "smaller batch"),
    ("digest", lambda: Unstable(), "digest was 1, then 2"),
    ("global_random_state", lambda: linear(decode=draws), "torch"),
]


def _fresh(count: int) -> torch.Tensor:
    generator = torch.Generator()
    generator.seed()
    return torch.randn(count, 4, generator=generator)


@pytest.mark.parametrize(("check", "build", "found"), FAULTY_MODELS)
def test_a_faulty_model_is_found_by_the_check_for_its_fault(check: str, build: Any, found: str) -> None:
    with pytest.raises(CheckFailed) as caught:
        check_model(build())
    assert caught.value.check == check
    assert found in caught.value.found
    assert caught.value.component == "model linear"


def test_a_good_loader_passes() -> None:
    check_model(load_wave)
    check_model(load_wave, params={"height": 2.5})
    check_model(Wave)


def test_a_loader_may_build_a_network_whose_first_weights_are_drawn() -> None:
    check_model(load_network)


def loads_undocumented(*, height: float = 1.0):
    return Wave(height=height)


class Undocumented(Wave):
    __doc__ = LatentModel.__doc__


def loads_with_an_undocumented_setting(*, height: float = 1.0):
    """Return a wave."""
    return Wave(height=height)


def loads_with_an_untyped_setting(*, height=1.0):
    """Return a wave of some height."""
    return Wave(height=height)


def loads_with_a_setting_that_has_no_default(*, height: float):
    """Return a wave of some height."""
    return Wave(height=height)


def loads_with_a_default_of_another_type(*, height: float = "high"):  # type: ignore[assignment]
    """Return a wave of some height."""
    return Wave()


def loads_nothing():
    """Return a wave, it says."""


def loads_what_only_resembles_a_model():
    """Return an object with `decode` and a shape."""
    return type("Plain", (), {"latent_shape": 4, "output_type": "numbers/1", "decode": lambda self, z: z})()


def loads_what_it_cannot_find():
    """Return a wave from a file."""
    raise LCError("its weights are gone")


FAULTY_LOADERS = [
    ("documented", loads_undocumented, "no docstring"),
    ("documented", Undocumented, "no docstring"),
    ("documented", loads_with_an_undocumented_setting, "does not say what the setting 'height' is"),
    ("settings", loads_with_an_untyped_setting, "'height' has no type"),
    ("settings", loads_with_a_setting_that_has_no_default, "params={...}"),
    ("settings", loads_with_a_default_of_another_type, "high"),
    ("declared", loads_nothing, "returned NoneType; expected a LatentModel"),
    ("declared", loads_what_only_resembles_a_model, "returned Plain; expected a LatentModel"),
    ("declared", loads_what_it_cannot_find, "its weights are gone"),
    ("import_cost", heavy_part.load, "heavy_part imports torch"),
]


@pytest.mark.parametrize(("check", "faulty", "found"), FAULTY_LOADERS, ids=lambda one: getattr(one, "__name__", ""))
def test_a_faulty_loader_is_found_by_the_check_for_its_fault(check: str, faulty: Any, found: str) -> None:
    with pytest.raises(CheckFailed) as caught:
        check_model(faulty)
    assert caught.value.check == check
    assert found in caught.value.found
    assert caught.value.component == f"model {faulty.__name__}"


def test_settings_of_a_loader_that_are_wrong_are_told() -> None:
    with pytest.raises(CheckFailed, match="did you mean height"):
        check_model(load_wave, params={"hieght": 2.0})


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(LCError, match="needs decode"):
        check_model(object())


# Engines


def test_a_good_engine_passes() -> None:
    check_engine(Short)
    check_engine(Short(steps=3))


class NoEngine:
    """Has nothing of an engine."""


class CheckTooLate(Short):
    def __init__(self) -> None:
        super().__init__()
        self.checks = (7,)


class NoBlock(Short):
    block = 0

    def __init__(self) -> None:
        super().__init__()
        self.block = 0


class Untyped(Short):
    def __init__(self, *, steps=6) -> None:
        super().__init__(steps=steps)


class NewSettingsEachTime(Short):
    def __init__(self, *, steps: int = 6) -> None:
        super().__init__(steps=steps)
        self.started = object()


class StateIsNoTuple(Short):
    def init(self, z, model):
        return list(super().init(z, model))


class Shrinks(Short):
    def step(self, state, energy, model, number):
        return (state[0][:, :4], *state[1:])


class Overflows(Short):
    def step(self, state, energy, model, number):
        return (state[0] / 0, *state[1:])


class ChangesItsStarts(Short):
    def init(self, z, model):
        z.mul_(2.0)
        return super().init(z, model)


class StepsInPlace(Short):
    def step(self, state, energy, model, number):
        state[3].mul_(0.9)
        return super().step(state, energy, model, number)


class Noisy(Short):
    def step(self, state, energy, model, number):
        generator = torch.Generator()
        generator.seed()
        z, *others = super().step(state, energy, model, number)
        return (z + torch.randn(z.shape, generator=generator), *others)


class ByPlace(Short):
    def step(self, state, energy, model, number):
        z, *others = super().step(state, energy, model, number)
        return (z + torch.arange(len(z))[:, None] / len(z), *others)


class ByTheOthers(Short):
    def step(self, state, energy, model, number):
        z, *others = super().step(state, energy, model, number)
        return (z - z.mean(0), *others)


class NotDescribed(Engine):
    steps = 1

    def step(self, state, energy, model, number):
        return state


class GoesUp(Short):
    def step(self, state, energy, model, number):
        z, *others = super().step(state, energy, model, number)
        return (2 * state[0] - z, *others)


class Draws(Short):
    def step(self, state, energy, model, number):
        torch.rand(1)
        return super().step(state, energy, model, number)


class NeverNearer(Edit):
    """An edit that stays as far away, whatever the weight of distance."""

    def nearer(self, factor):
        return self


FAULTY_ENGINES = [
    ("declared", NoEngine, "does not derive from"),
    ("declared", NoBlock, "block is 0"),
    ("declared", CheckTooLate, "check 7"),
    ("documented", NotDescribed, "no docstring"),
    ("import_cost", heavy_part.HeavyEngine, "imports torch"),
    ("settings", Untyped, "'steps' has no type"),
    ("settings", NewSettingsEachTime, "built alike"),
    ("state", StateIsNoTuple, "init returned list"),
    ("state", ChangesItsStarts, "not the starts"),
    ("state", Shrinks, "after a step"),
    ("finite", Overflows, "not finite"),
    ("finite", StepsInPlace, "changed the starts"),
    ("deterministic", Noisy, "the second time"),
    ("permutation", ByPlace, "in another order"),
    ("rows_independent", ByTheOthers, "beside other tries"),
    ("reaches", GoesUp, "met the rule"),
    ("edits", NeverNearer, "farther from its anchor"),
    ("global_random_state", Draws, "torch"),
]


@pytest.mark.parametrize(("check", "faulty", "found"), FAULTY_ENGINES, ids=lambda one: getattr(one, "__name__", ""))
def test_a_faulty_engine_is_found_by_the_check_for_its_fault(check: str, faulty: type[Engine], found: str) -> None:
    with pytest.raises(CheckFailed) as caught:
        check_engine(faulty)
    assert caught.value.check == check
    assert found in caught.value.found
    assert caught.value.component == f"engine {faulty.__name__}"


# Renderers


def text(**faults: Any) -> type[Renderer]:
    """A `Text` in which some attributes or methods are others."""
    return type("Faulty", (Text,), faults)


def test_a_good_renderer_passes() -> None:
    check_renderer(Text, NUMBERS)
    check_renderer(Text(digits=1), NUMBERS)
    check_renderer(text(write_sheet=lambda self, outputs, folder: None), NUMBERS)


def untyped_init(self, *, digits=3):
    self.digits = digits


def elsewhere(self, output, path):
    path.with_suffix(".other").write_text("something")


def more_than_asked(self, output, path):
    path.write_text("something")
    path.with_suffix(".z").write_text("something")


def in_place(self, output, path):
    output[:] = 0
    path.write_text("something")


def at_random(self, output, path):
    path.write_text(str(np.random.default_rng().random()))


def positive_only(self, output, path):
    if output[0] < 0:
        raise ValueError("too low")
    path.write_text("something")


def with_global_noise(self, output, path):
    np.random.rand()
    path.write_text("something")


class Bare(Renderer):
    accepts, suffix, media_type = ("numbers/1",), ".txt", "text/plain"

    def write(self, output, path):
        path.write_text("something")


FAULTY_RENDERERS = [
    ("declared", text(accepts="numbers/1"), "accepts is 'numbers/1'"),
    ("declared", text(suffix="txt"), "suffix is 'txt'"),
    ("declared", text(media_type="text"), "media_type is 'text'"),
    ("documented", Bare, "no docstring"),
    ("import_cost", heavy_part.HeavyText, "imports torch"),
    ("settings", text(__init__=untyped_init), "'digits' has no type"),
    ("writes_files", text(write=elsewhere), "no file at the path"),
    ("writes_files", text(write=lambda self, output, path: path.touch()), "empty"),
    ("writes_files", text(write=more_than_asked), ".z"),
    ("writes_files", text(write=positive_only), "ValueError: too low"),
    ("deterministic", text(write=at_random), "other bytes"),
    ("input_unchanged", text(write=in_place), "changed output 0"),
    ("sheet", text(write_sheet=lambda self, outputs, folder: folder / "none.png"), "none.png"),
    ("global_random_state", text(write=with_global_noise), "numpy"),
]


@pytest.mark.parametrize(("check", "faulty", "found"), FAULTY_RENDERERS)
def test_a_faulty_renderer_is_found_by_the_check_for_its_fault(check: str, faulty: Any, found: str) -> None:
    with pytest.raises(CheckFailed) as caught:
        check_renderer(faulty, NUMBERS)
    assert caught.value.check == check
    assert found in caught.value.found


def test_a_renderer_without_sample_outputs_is_told_so() -> None:
    with pytest.raises(CheckFailed, match="no installed model decodes to numbers/1"):
        check_renderer(Text, registry=Registry())


# The kit itself


def registry_of(*models: Registered) -> Registry:
    return Registry((Distribution("toys", "1", models, 0.0),))


def test_sample_outputs_come_from_an_installed_model_of_an_accepted_type() -> None:
    registry = registry_of(Registered("model", "toy.linear", "toys", "1", Linear, {"output": "numbers/1"}))
    outputs = sample_outputs(["numbers/1"], count=5, registry=registry)
    assert outputs.shape == (5, 3)
    assert np.array_equal(outputs, sample_outputs(["*"], count=5, registry=registry))
    check_renderer(Text, registry=registry)
    with pytest.raises(LCError, match="outputs="):
        sample_outputs(["images/1"], registry=registry)


def test_a_model_that_does_not_load_is_named_where_no_other_gives_outputs() -> None:
    def broken() -> LatentModel:
        raise LCError("its weights are gone")

    registry = registry_of(Registered("model", "toy.broken", "toys", "1", broken, {"output": "numbers/1"}))
    with pytest.raises(LCError, match="toy.broken: its weights are gone"):
        sample_outputs(["numbers/1"], registry=registry)


def test_one_test_for_each_check_with_ids_that_can_be_read() -> None:
    mark = parametrize_with_checks([good, Short, Text, Linear(), load_wave], outputs=NUMBERS).mark
    ids = [mark.kwargs["ids"](check) for check in mark.args[1]]
    assert len(ids) == len(set(ids)) == sum(len(CHECKS[kind]) for kind in CHECKS) + len(CHECKS["model"])
    assert {"good-batch_split", "Short-reaches", "Text-sheet"} < set(ids)
    assert {"linear-differentiable", "load_wave-settings"} < set(ids)


def test_a_registered_model_is_checked_with_its_loader() -> None:
    registered = Registered("model", "toy.wave", "toys", "1", loads_with_an_undocumented_setting)
    checks = {str(check): check for check in checks_of(registered, params={"height": 2.0})}
    with pytest.raises(CheckFailed, match="model toy.wave fails the check 'documented'"):
        checks["toy.wave-documented"]()
    checks["toy.wave-settings"]()


def test_a_single_check_can_be_run_alone() -> None:
    (check,) = (one for one in checks_of(out_of_range, outputs=NUMBERS) if str(one) == "out_of_range-within_range")
    with pytest.raises(CheckFailed, match="outside the range"):
        check()


def test_what_there_are_no_checks_for_is_refused() -> None:
    with pytest.raises(LCError, match="no checks for int"):
        checks_of(3)
    with pytest.raises(LCError, match="no checks for undeclared\n.*@measurement"):
        checks_of(undeclared)
    with pytest.raises(LCError, match="no checks for judge toy.plain"):
        checks_of(Registered("judge", "toy.plain", "toys", "1", partial(print)))


def test_there_are_many_kinds_of_mutants() -> None:
    kinds = (FAULTY_CONSTRAINTS, FAULTY_MODELS, FAULTY_LOADERS, FAULTY_ENGINES, FAULTY_RENDERERS)
    assert sum(map(len, kinds)) >= 80


def test_a_failed_check_counts_as_a_failed_test_and_as_a_users_error() -> None:
    assert issubclass(CheckFailed, AssertionError)
    assert issubclass(CheckFailed, LCError)


TESTED = {
    "constraint": {*(check for check, *_ in FAULTY_CONSTRAINTS), "permutation"},
    "model": {check for check, *_ in [*FAULTY_MODELS, *FAULTY_LOADERS]},
    "engine": {check for check, *_ in FAULTY_ENGINES},
    "renderer": {*(check for check, *_ in FAULTY_RENDERERS), "sample_outputs"},
}


@pytest.mark.parametrize("kind", CHECKS)
def test_every_check_is_described_and_has_a_component_that_it_catches(kind: str) -> None:
    assert set(CHECKS[kind]) == TESTED[kind]
    assert all(line.endswith(".") for line in CHECKS[kind].values())
