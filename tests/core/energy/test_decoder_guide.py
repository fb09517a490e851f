"""`guide: decoder`: what is followed through the decoder, how far it gets, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import lc_core
from lc_core import Constraint, all_of, any_of, measurement, none_of
from lc_core.constraints.evaluator import Evaluator
from lc_core.energy.decoder_guide import DecoderGuide, Spread, check_guides
from lc_core.engines.actor import Actor
from lc_core.engines.edit import Edit
from lc_core.engines.gradient import Gradient
from lc_core.fitting.critics import FitSettings
from lc_core.fitting.prepare import prepare
from lc_core.spec import SpecError, load_spec

SMALL = FitSettings(
    prior_samples=512, push_samples=128, steps=60, rounds=2, round_samples=64, round_steps=30, hidden=32
)
MIX = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))


class Toy:
    """Six numbers in 0 to 1 from four, with a gradient; no encoder."""

    name, latent_shape = "toy", 4

    def decode(self, z):
        return torch.sigmoid(z @ MIX.to(z))


class Box(Toy):
    name = "box"

    def decode(self, z):
        return super().decode(z).detach().numpy()


class Rounded(Toy):
    name = "rounded"

    def decode(self, z):
        return (100 * super().decode(z)).long()


@measurement(accepts="*", unit="", range=(0, 100), differentiable=True)
def level(outputs):
    """Return the mean."""
    return outputs.mean(axis=1)


def torch_first(outputs):
    return outputs[:, 0]


@measurement(accepts="*", unit="", range=(0, 1), at_least=0.9, differentiable=torch_first)
def first(outputs: np.ndarray) -> np.ndarray:
    """Return the first number, by numpy alone."""
    return np.asarray(outputs)[:, 0].astype(np.float64)


@measurement(accepts="*", unit="", range=(0, 1), undefined="last below a half", differentiable=True)
def late(outputs):
    """Return the second number where the last is above a half."""
    if torch.is_tensor(outputs):
        return torch.where(outputs[:, -1] > 0.5, outputs[:, 1], torch.nan)
    return np.where(outputs[:, -1] > 0.5, outputs[:, 1], np.nan)


def sample(*constraints, engine=None, model=None, **more):
    engine = engine or Gradient(block=64, steps=40)
    return lc_core.sample(model=model or Toy(), constraints=constraints, engine=engine, fit=SMALL, cache=False, **more)


def test_a_rare_want_is_met_without_any_critic():
    told = []
    result = sample(Constraint(first, at_least=0.9, guide="decoder"), progress=told.append)
    # Latents keep the norm of their start, and the rule is linear in them: which starts can meet it is known.
    starts = torch.randn(10_000, 4, generator=torch.Generator().manual_seed(0)).norm(dim=1)
    able = (starts * MIX[:, 0].norm() >= np.log(9)).double().mean()
    assert result.report["all"]["satisfied_before"] == pytest.approx(float(able), abs=0.1)
    assert (result.outputs[:, 0] >= 0.9).all()
    assert not any("critic" in line for line in told)
    # 64 tries of 40 steps, and checks on the way.
    assert result.report["decodes"] >= 64 * 20


def test_groups_combine_what_is_followed_through_the_decoder_with_critics():
    def second(outputs):
        return outputs[:, 1]

    wanted = (
        any_of(Constraint(first, at_least=0.75, guide="decoder"), Constraint(second, at_most=0.2)),
        none_of(Constraint(level, at_least=0.5, guide="decoder")),
        all_of(Constraint(level, at_least=0.3, guide="decoder", label="floor")),
    )
    result = sample(*wanted)
    assert result.status == "done" and result.report["all"]["satisfied_before"] > 0.7


def test_the_actor_learns_through_the_decoder():
    result = sample(
        Constraint(level, between=(0.6, 0.65), guide="decoder"), engine=Actor(hidden=64, round_steps=100, block=256)
    )
    assert result.report["all"]["satisfied_before"] > 0.8


def test_an_edit_moves_little_through_the_decoder():
    inputs = Toy().decode(torch.randn(6, 4, generator=torch.Generator().manual_seed(3))).numpy()
    result = lc_core.transform(
        model=Toy(), inputs=inputs, constraints=[Constraint(level, at_least=0.55, guide="decoder")], cache=False
    )
    assert result.satisfied.all() and result.reconstruction.likeness.max() < 0.01
    assert result.distance.max() < 1.5
    assert result.report["notes"] == [
        "toy has no encoder: inputs are encoded by optimisation through its decoder, from 8 starts each"
    ]


def test_an_edit_ends_at_the_nearest_place_where_its_rule_has_a_gradient():
    inputs = Toy().decode(torch.randn(9, 4, generator=torch.Generator().manual_seed(4))).numpy()
    result = lc_core.transform(
        model=Toy(), inputs=inputs, constraints=[Constraint(first, at_least=0.9)], fit=SMALL, cache=False
    )
    assert result.satisfied.all()
    # The first number is the sigmoid of a product with the latent, so the shortest way to 0.9 is along that.
    lacking = np.log(9) - result.z_before @ MIX[:, 0].numpy()
    shortest = lacking / float(MIX[:, 0].norm()) / 2  # a root mean square over four
    assert (lacking > 0).any()
    np.testing.assert_allclose(result.distance, np.maximum(shortest, 0), rtol=0.02, atol=1e-3)


class Plain(lc_core.LatentModel):
    """Two numbers that are their own latents; real are those whose second is above -1."""

    name, latent_shape, output_type = "plain", (2,), "test.plain/1"

    def decode(self, z):
        return z * 1.0

    def realism(self):
        return lambda z: 5 * (z[:, 1] + 1)


@measurement(accepts="*", unit="", range=(-100, 100), differentiable=True)
def apart(outputs):
    """Return how much larger the first is than the second."""
    return outputs[:, 0] - outputs[:, 1]


@pytest.mark.parametrize("realism", [0.0, 1.0])
def test_an_edit_ends_where_it_is_real_if_realism_has_a_weight(realism):
    result = lc_core.transform(
        model=Plain(),
        inputs=np.zeros((3, 2), dtype=np.float32),
        constraints=[Constraint(apart, at_least=3)],
        realism=realism,
        fit=SMALL,
        cache=False,
    )
    assert result.satisfied.all()
    if realism:
        assert (result.outputs[:, 1] > -1).all()
    else:  # the nearest place: unreal
        np.testing.assert_allclose(result.outputs, [[1.5, -1.5]] * 3, atol=0.1)


def test_what_two_tries_leave_behind_comes_from_another_encoding_that_satisfies():
    result = lc_core.transform(
        model=Plain(),
        inputs=np.zeros((2, 2), dtype=np.float32),
        constraints=[Constraint(apart, at_least=1)],
        engine=Edit(steps=2, lr=1e-6),
        fit=SMALL,
        cache=False,
    )
    assert result.satisfied.all() and (result.tries == 3).all()
    np.testing.assert_allclose(result.outputs, [[0.5, -0.5]] * 2, atol=0.1)  # and is drawn back to the nearest place


def steep(outputs):
    return outputs[:, 0] + 0 * (outputs[:, 1] - outputs[:, 1]).sqrt()  # the gradient of a root at 0 is infinite


@measurement(accepts="*", unit="", range=(0, 1), differentiable=steep)
def cliff(outputs: np.ndarray) -> np.ndarray:
    """Return the first number."""
    return outputs[:, 0].astype(np.float64)


def test_an_edit_does_without_a_gradient_that_is_not_finite():
    inputs = Toy().decode(torch.randn(4, 4, generator=torch.Generator().manual_seed(4))).numpy()
    result = lc_core.transform(
        model=Toy(), inputs=inputs, constraints=[Constraint(cliff, at_least=0.8)], fit=SMALL, cache=False
    )
    assert result.satisfied.all() and np.isfinite(result.z_after).all()


def test_a_gradient_is_that_of_the_measured_value_and_an_undefined_value_has_none():
    model = lc_core.as_latent_model(Toy())
    leaf = Constraint(late, at_least=0.9, guide="decoder")
    guide = DecoderGuide(model, {leaf.label: Spread(0.2, 0.0, 1.0)})
    z = torch.randn(64, 4, generator=torch.Generator().manual_seed(1)).requires_grad_()
    odds = guide.odds(z, [leaf])[leaf.label]
    (gradient,) = torch.autograd.grad(odds.yes.sum(), z)
    outputs = model.decode(z).detach()
    known = outputs[:, -1] > 0.5
    assert guide.decodes == 64
    assert bool((gradient[~known] == 0).all()) and bool((odds.yes[~known] == odds.no[~known]).all())
    torch.testing.assert_close(odds.yes[known], 20 / 0.2 * (outputs[known, 1] - 0.9), atol=1e-3, rtol=1e-4)
    assert bool((gradient[known] != 0).any(dim=1).all())


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (Box(), "box is a black box: decode leaves torch for numpy|box is a black box: decode returns ndarray"),
        (Rounded(), r"rounded is a black box: decode makes whole numbers \(torch.int64\)"),
    ],
)
def test_a_decoder_without_a_gradient_is_refused_with_the_reason(model, reason):
    with pytest.raises(lc_core.LCError, match=reason) as caught:
        sample(Constraint(level, at_least=0.5, guide="decoder"), model=model)
    assert "guide: critic works" in str(caught.value)
    rejected = sample(Constraint(level, at_least=0.5, guide="decoder"), model=model, engine="rejection")
    assert rejected.status == "done"  # it follows nothing


def test_a_measurement_without_a_gradient_is_refused():
    @measurement(accepts="*", unit="", range=(0, 1))
    def plain(outputs):
        return outputs[:, 0]

    with pytest.raises(lc_core.LCError, match="plain declares no differentiable form"):
        Constraint(plain, at_least=0.5, guide="decoder")


def cut(outputs):
    return outputs[:, 0].detach()


def other(outputs):
    return 1 - outputs[:, 0]


def short(outputs):
    return outputs.mean()


def broken(outputs):
    return outputs.no_such_thing


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (cut, "gives none on 16 prior samples"),
        (other, "returns other values than the measurement: off by"),
        (short, r"returned shape \(\); expected a tensor of shape \(16,\)"),
        (broken, "raised AttributeError"),
    ],
)
def test_a_form_that_is_not_what_it_should_be_is_found_by_a_real_gradient(form, said):
    rule = measurement(accepts="*", unit="", range=(0, 1), differentiable=form)(lambda outputs: outputs[:, 0])
    with pytest.raises(lc_core.LCError, match=said):
        check_guides(lc_core.as_latent_model(Toy()), [Constraint(rule, at_least=0.5, guide="decoder")])


def test_what_never_varies_cannot_be_reached():
    rule = measurement(accepts="*", unit="", range=(0, 2), differentiable=True)(
        lambda outputs: 0 * outputs[:, 0] + 1 + 1e-9 * outputs[:, 0]
    )
    with pytest.raises(lc_core.LCError, match="cannot be reached"):
        model = lc_core.as_latent_model(Toy())
        prepare(Evaluator(model, [Constraint(rule, at_least=1.5, label="one", guide="decoder")]), Gradient())


SPEC = """
lc: 1
model: {model}
constraints:
  - {{use: {rule}, guide: {guide}}}
"""


@pytest.mark.parametrize(
    ("model", "rule", "guide", "said"),
    [
        (
            "melody.folk-2bar",
            "melody.note_density, at_least: 0.5",
            "decoder",
            "5:47: error: guide: decoder needs a measurement with a gradient; melody.note_density declares no",
        ),
        ("digits.8x8", "images.brightness, at_least: 0.5", "oracle", "should be 'critic' or 'decoder'"),
        (
            "avatars.64",
            "images.color_distance, params: {color: '#00ff00'}, at_most: 0.2, free: {at_most: [0.1, 0.3]}",
            "decoder",
            "guide: decoder follows one value, and something is free here",
        ),
    ],
)
def test_a_spec_that_asks_for_it_in_vain_is_told_at_once(tmp_path, model, rule, guide, said):
    path = tmp_path / "spec.yaml"
    path.write_text(SPEC.format(model=model, rule=rule, guide=guide))
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    assert said in str(caught.value)


def test_the_guide_comes_back_from_a_resolved_spec(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text(SPEC.format(model="digits.8x8", rule="images.brightness, at_most: 0.2", guide="decoder"))
    spec = load_spec(path)
    path.write_text(spec.to_yaml())
    assert load_spec(path) == spec and spec.entries[0].guide == "decoder"
