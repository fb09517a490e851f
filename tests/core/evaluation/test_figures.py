"""Samples beside exact ones: exact samples come out alike, others do not, and what cannot be compared is told."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import lc_core
from lc_core import Constraint, LCError, evaluation
from lc_core.evaluation import draw_exact
from lc_core.evaluation.exact import Asked
from lc_core.plugins.discover import registered_by
from lc_core.plugins.hookspecs import hookimpl
from lc_core.plugins.registry import Distribution, Registry


class Plane(lc_core.LatentModel):
    """Decodes to its two latents."""

    name, latent_shape, output_type = "plane", (2,), "plane/1"

    def __init__(self, data=None):
        self.data = data

    def decode(self, z):
        return z.numpy()

    def held_out(self):
        return self.data


class Higher(Plane):
    """Has data that lie one above prior samples."""

    def realism_alone(self):
        return lambda z: z + torch.tensor([0.0, 1.0])


def right(outputs):
    return outputs[:, 0]


def upper(outputs):
    return outputs[:, 1]


evaluate = partial(evaluation.evaluate, steps=150)
POSITIVE = Constraint(right, at_least=0.0)


def run(*, count=300, seed=0, constraints=(POSITIVE,), model=None, **options):
    asked = {"engine": "rejection", "count": count, "seed": seed, "cache": False, **options}
    return lc_core.sample(model=model or Plane(), constraints=constraints, **asked)


def shifted(**options):
    """Return what an engine would deliver that moves every start three to the right."""
    result = run(**options)
    report = {**result.report, "engine": "shift"}
    return replace(result, outputs=result.outputs + np.float32([3, 0]), report=report)


def one(result, **options):
    return evaluate([result], registry=Registry(), **options)["runs"][0]


def test_exact_samples_are_told_from_others_no_better_than_a_second_set_of_them():
    found = one(run())
    for figures in (found["figures"], found["best"]):
        assert figures["n"] == 300
        assert 0.4 < figures["auc"] < 0.6
        assert min(figures["precision"], figures["recall"], figures["coverage"]) > 0.85
        assert 0.8 < figures["density"] < 1.2
    assert found["against"]["n"] == 300 and found["against"]["looked"] % 1024 == 0


def test_shifted_samples_are_told_apart_and_lie_elsewhere():
    found = one(shifted())
    assert found["figures"]["auc"] > 0.9 and found["best"]["auc"] < 0.6
    assert found["figures"]["recall"] < 0.5 and found["figures"]["coverage"] < 0.5
    assert found["engines"][0]["exact"] is False


def test_what_stands_in_the_second_half_of_a_run_counts_as_much():
    """As where exact tries come first and another engine's follow."""
    first, second = run(count=150), shifted(count=150, seed=1)
    result = replace(run(), outputs=np.concatenate([first.outputs, second.outputs]))
    swapped = replace(result, outputs=np.concatenate([second.outputs, first.outputs]))
    for one_order in (result, swapped):
        assert 0.65 < one(one_order)["figures"]["auc"] < 0.85, "half of them cannot be told apart"
    assert one(result, exact=100)["figures"]["precision"] < 0.8


def test_shares_come_with_counts_and_intervals():
    preference = Constraint(upper, at_least=0.0, require=False)
    found = one(run(constraints=(POSITIVE, preference)))
    first, second, total = found["satisfied"]
    assert (first["label"], second["label"], total["label"]) == ("right", "upper", "all conditions")
    assert (second["require"], total["delivered"]["share"]) == (False, 1.0)
    assert first["tries"]["of"] == found["tried"] and first["delivered"]["count"] == 300
    for entry in (first, second, total):
        for shares in (entry["tries"], entry["delivered"]):
            assert shares["low"] <= shares["share"] <= shares["high"]
            assert shares["share"] == shares["count"] / shares["of"]
    assert found["distinct"]["count"] == 300
    assert total["delivered"]["low"] == pytest.approx(0.9874, abs=1e-3)


def test_a_group_is_told_with_what_is_in_it():
    either = lc_core.any_of(Constraint(right, at_least=1.0), Constraint(upper, at_least=1.0))
    found = one(run(constraints=(either,)))["satisfied"]
    assert [(entry["label"], entry["depth"]) for entry in found] == [
        ("any(right, upper)", 0), ("right", 1), ("upper", 1), ("all conditions", 0),
    ]  # fmt: skip


def test_the_same_figures_each_time():
    result = run()
    assert evaluate([result], registry=Registry()) == evaluate([result], registry=Registry())


def test_runs_under_the_same_conditions_are_compared_with_the_same_samples():
    first, second = evaluate([run(), shifted()], registry=Registry())["runs"]
    assert first["best"] == second["best"] and first["against"] == second["against"]


def test_several_conditions_are_looked_for_in_the_same_draws():
    above = Constraint(upper, at_least=0.5)
    asked = [Asked((POSITIVE,), 40), Asked((above,), 40)]
    together = draw_exact(Plane(), asked)
    for pair, single in zip(together, asked, strict=True):
        alone = draw_exact(Plane(), [single])[0]
        assert np.array_equal(pair.reference, alone.reference) and np.array_equal(pair.second, alone.second)
        assert not set(map(bytes, pair.reference)) & set(map(bytes, pair.second))
    assert (together[0].reference[:, 0] >= 0).all() and (together[1].second[:, 1] >= 0.5).all()


def test_exact_samples_are_no_draws_that_a_run_has_whatever_its_seed():
    pair = draw_exact(Plane(), [Asked((POSITIVE,), 300)])[0]
    assert not {row.tobytes() for row in pair.reference} & {row.tobytes() for row in run().outputs}


def test_fewer_than_asked_for_are_compared_if_more_cannot_be_had():
    found = one(run(), budget=256)
    assert found["against"]["looked"] == 1024 and found["figures"]["n"] == found["against"]["n"] < 300
    assert any("exact samples are rare" in note for note in found["notes"])


def test_a_few_outputs_are_counted_but_not_compared():
    found = one(run(count=5))
    assert found["figures"] is found["against"] is None and found["satisfied"][0]["delivered"]["of"] == 5
    assert "too few to compare" in found["notes"][0]


def test_conditions_that_are_too_rare_are_told_with_the_tries_that_were_spent():
    far = shifted(count=30)
    far.problem = replace(far.problem, entries=(Constraint(right, at_least=5.5),))
    with pytest.raises(LCError, match="exact samples under right cannot be had: 0 of 2,048 draws meet") as caught:
        evaluate([far], registry=Registry(), budget=2_048)
    assert "--against RUN" in (caught.value.hint or "")


def test_held_out_data_that_meet_the_conditions_can_be_compared_with():
    data = np.random.default_rng(0).normal(size=(1_000, 2)).astype(np.float32)
    found = one(run(model=Plane(data)), against="data")
    assert found["against"]["looked"] == 1_000 and 200 < found["against"]["n"] < 260
    assert found["figures"]["coverage"] > 0.8


def test_a_model_without_data_says_so():
    with pytest.raises(LCError, match="plane has no held-out data"):
        evaluate([run()], registry=Registry(), against="data")


def test_a_run_of_exact_samples_can_be_compared_with():
    found = one(run(), against=run(seed=5, count=600))
    assert found["against"]["n"] == 300 and found["figures"]["coverage"] > 0.8


@pytest.mark.parametrize("against", ["exact", "run", "data"])
def test_of_many_outputs_no_more_are_compared_than_asked_for(against):
    data = np.random.default_rng(0).normal(size=(1_000, 2)).astype(np.float32)
    given = {"exact": None, "run": run(seed=5, count=600), "data": "data"}[against]
    found = one(run(model=Plane(data)), against=given, exact=120)
    assert found["against"]["n"] == found["figures"]["n"] == found["best"]["n"] == 120
    assert found["satisfied"][0]["delivered"]["of"] == 300 and found["figures"]["coverage"] > 0.7
    assert "120 of 300 outputs are compared, drawn at random (--exact)" in found["notes"]
    assert not any("rare" in note for note in found["notes"])


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda: run(seed=0), "have the seed 0"),
        (lambda: run(seed=1, constraints=(Constraint(right, at_least=1.0),)), "other conditions"),
        (lambda: shifted(seed=1), "no run of exact samples: its engine is shift"),
        (lambda: run(seed=1, model=Higher(), base="data"), "has base: data, and result base: prior"),
        (lambda: run(seed=1, count=30), "30 of 30 can be used, and 40 are needed"),
    ],
)
def test_what_cannot_be_compared_with_is_refused(other, message):
    with pytest.raises(LCError, match=message):
        evaluate([run()], registry=Registry(), against=other())


def test_nothing_delivered_is_told():
    nothing = run(constraints=(Constraint(right, at_least=9.0),), budget=1_024)
    with pytest.raises(LCError, match="delivered no output in 1,024 tries"):
        evaluate([nothing], registry=Registry())


def test_models_that_differ_are_refused():
    class Other(Plane):
        name = "other"

        def decode(self, z):
            return 2 * z.numpy()

    with pytest.raises(LCError, match="runs of different models cannot be compared: plane and other"):
        evaluate([run(), run(model=Other())], registry=Registry())


def registry_with(features, **about):
    @hookimpl
    def lc_register_spaces(register):
        register("mine.space", features, output="plane/1", version=3, **about)

    plugin = SimpleNamespace(lc_register_spaces=lc_register_spaces)
    return Registry((Distribution("mine", "1.0", registered_by(plugin, distribution="mine", version="1.0"), 0.0),))


def test_a_registered_space_is_used_and_named():
    blind = evaluate([shifted()], registry=registry_with(lambda x: x[:, 1:]))
    assert blind["space"] == {"name": "mine.space", "version": 3, "from": "mine 1.0"}
    assert blind["runs"][0]["figures"]["coverage"] > 0.8, "the space does not see the shift"
    other = evaluate([run()], registry=registry_with(lambda x: x, models=("another",)))
    assert other["space"]["name"] == "random projection"


@pytest.mark.parametrize("features", [lambda x: x[1:], lambda x: x[:, 0], lambda x: x * np.nan, lambda x: 1 / 0])
def test_a_space_that_fails_is_named(features):
    with pytest.raises(LCError, match=r"space mine.space \(from mine\)"):
        evaluate([run(count=40)], registry=registry_with(features))
