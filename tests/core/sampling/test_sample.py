"""Sampling in memory: what is delivered, counted and reported, against sums over all tries done here by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from lc_core import Constraint, FitSettings, LCError, all_of, any_of, measurement, none_of
from lc_core.common.cache import Cache
from lc_core.common.seeds import block_generator
from lc_core.constraints.evaluator import Evaluator
from lc_core.engines.base import Engine
from lc_core.engines.gradient import Gradient
from lc_core.engines.rejection import Rejection
from lc_core.fitting.prepare import prepare
from lc_core.models.latent_model import draw_prior
from lc_core.sampling.problem import Problem
from lc_core.sampling.sample import collect

BLOCK = 64
SMALL = FitSettings(
    prior_samples=512, push_samples=128, steps=60, rounds=1, round_samples=64, round_steps=30, hidden=32
)


@pytest.fixture
def run(line, fitted):
    """Sample and return the result."""

    def run(*entries, engine=None, model=None, **settings):
        engine = engine or Rejection(block=BLOCK)
        problem = Problem(model=model or line.Line(), entries=entries, engine=engine, **settings)
        energy = prepare(Evaluator(line.Line(), entries), engine, settings=SMALL, cache=Cache(fitted)).energy
        return collect(problem, energy)[0]

    return run


class Clock:
    """Shows a second more each time that it is read."""

    now = 0.0

    def __call__(self):
        self.now += 1.0
        return self.now


class Late(Engine):
    """Tries prior samples for two blocks, then fits for an hour, and leaves tries where they start."""

    def __init__(self, clock):
        self.block, self.exact, self.clock, self.fits = 8, Rejection(block=8), clock, 0.0

    def part(self, number):
        return (self.exact if number < 2 else self), number * self.block

    def at_work(self, number, energy):
        if not self.fits:
            self.fits = 3_600.0
            self.clock.now += self.fits
        return self, energy

    def fit_seconds(self):
        return self.fits

    def step(self, state, energy, model, number):
        return state


def all_tries(line, count, *, seed=0):
    """Decode the tries of rejection from the first, by block."""
    import torch

    blocks = range(-(-count // BLOCK))
    starts = torch.cat([line.Line().sample_prior(BLOCK, block_generator(seed, number)) for number in blocks])
    return line.Line().decode(starts)[:count]


def gradient(**settings):
    return Gradient(**{"steps": 10, "check_every": 3, "block": 32, **settings})


def test_the_time_left_counts_no_fit_and_waits_for_the_engine_that_runs_the_rest(line, monkeypatch):
    clock, said = Clock(), []
    monkeypatch.setattr("time.monotonic", clock)
    problem = Problem(
        model=line.Line(), entries=(Constraint(line.first, at_least=99),), engine=Late(clock), budget=8 * 100
    )
    collect(problem, None, say=lambda text: said.append((clock.now, text)))
    ((when, told),) = [one for one in said if one[1].startswith("a block took")]
    assert when > 3_600
    assert told.startswith("a block took 1 s: at most 2 minutes if all tries are needed")


def test_the_first_that_meet_all_conditions_are_delivered_in_the_order_of_their_index(run, line):
    result = run(Constraint(line.first, at_least=2), Constraint(line.spread, at_most=8), count=20, seed=5)
    outputs = all_tries(line, 3200, seed=5)
    good = np.flatnonzero((line.first(outputs) >= 2) & (line.spread(outputs) <= 8))[:20]
    assert result.status == "done"
    assert result.index.tolist() == good.tolist()
    assert np.array_equal(result.outputs, outputs[good])
    assert result.report["tried"] == (good[-1] // BLOCK + 1) * BLOCK


@pytest.mark.parametrize("engine", [Rejection(block=BLOCK), gradient()], ids=["rejection", "gradient"])
def test_a_sample_depends_on_seed_and_index_alone(run, line, engine):
    few, many, other = (
        run(Constraint(line.first, at_least=3), engine=engine, count=count, seed=seed)
        for count, seed in ((3, 1), (90, 1), (90, 2))
    )
    assert few.index.tolist() == many.index[:3].tolist()
    assert few.latents.tobytes() == many.latents[:3].tobytes()
    assert few.outputs.tobytes() == many.outputs[:3].tobytes()
    assert not np.array_equal(many.latents, other.latents)


@pytest.mark.parametrize("engine", [Rejection(block=BLOCK), gradient()], ids=["rejection", "gradient"])
def test_whatever_is_delivered_meets_every_condition(run, line, engine):
    entries = (
        any_of(Constraint(line.first, at_least=2), Constraint(line.mean, at_least=1), label="either"),
        none_of(Constraint(line.spread, at_least=9), label="narrow"),
        all_of(Constraint(line.first, at_most=20, label="low"), Constraint(line.mean, at_most=9, label="flat")),
    )
    result = run(*entries, engine=engine, count=25)
    first, mean, spread = line.first(result.outputs), line.mean(result.outputs), line.spread(result.outputs)
    assert len(result) == 25
    assert (((first >= 2) | (mean >= 1)) & (spread < 9) & (first <= 20) & (mean <= 9)).all()
    assert result.satisfied["either"].all() and result.satisfied["narrow"].all()
    assert np.array_equal(result.satisfied["first"], first >= 2)
    assert np.array_equal(result.satisfied["spread"], spread >= 9)


def test_before_counts_every_try_of_every_block_that_was_run(run, line):
    entries = (
        Constraint(line.first, at_least=2),
        any_of(Constraint(line.mean, at_least=1), none_of(Constraint(line.spread, at_least=9)), label="either"),
        Constraint(line.first, at_least=5, label="high", require=False),
    )
    report = run(*entries, count=10, budget=100, seed=9).report
    outputs = all_tries(line, report["decodes"], seed=9)
    assert len(outputs) % BLOCK == 0
    first, mean, spread = line.first(outputs), line.mean(outputs), line.spread(outputs)
    either = (mean >= 1) | (spread < 9)
    one, two, three = report["constraints"]
    assert one["satisfied_before"] == (first >= 2).mean()
    assert two["satisfied_before"] == either.mean()
    assert (two["use"], [entry["use"] for entry in two["entries"]]) == ("any", ["mean", "not"])
    assert two["entries"][0]["satisfied_before"] == (mean >= 1).mean()
    assert two["entries"][1]["satisfied_before"] == (spread < 9).mean()
    assert two["entries"][1]["entries"][0]["satisfied_before"] == (spread >= 9).mean()
    assert three["satisfied_before"] == (first >= 5).mean()
    assert report["all"]["satisfied_before"] == ((first >= 2) & either).mean()


def test_a_preference_decides_nothing(run, line):
    condition = Constraint(line.first, at_least=1)
    preference = Constraint(line.mean, at_least=100, label="wish", require=False)
    alone, both = run(condition, count=9), run(condition, preference, count=9)
    assert both.index.tolist() == alone.index.tolist()
    assert both.status == "done"
    assert both.report["all"] == alone.report["all"]
    assert both.report["constraints"][1] | {"mean_measurement": 0} == {
        "label": "wish", "use": "mean", "params": {}, "wanted": {"at_least": 100}, "unit": "steps", "require": False,
        "satisfied_before": 0.0, "satisfied_after": 0.0, "mean_measurement": 0,
    }  # fmt: skip


@pytest.mark.parametrize("engine", [Rejection(block=BLOCK), gradient()], ids=["rejection", "gradient"])
def test_without_conditions_everything_passes(run, line, engine):
    result = run(engine=engine, count=70)
    assert result.index.tolist() == list(range(70))
    assert result.report["all"] == {"satisfied_before": 1.0, "satisfied_after": 1.0}
    assert result.report["constraints"] == []
    wished = run(Constraint(line.first, at_least=4, require=False), engine=engine, count=70)
    assert wished.index.tolist() == list(range(70))


def test_with_preferences_alone_an_engine_takes_every_step(run, line):
    result = run(Constraint(line.first, at_least=4, require=False), engine=gradient(steps=30), count=64)
    assert result.report["decodes"] == 64  # the last of every try, and none to stop at
    assert result.report["constraints"][0]["satisfied_after"] > 2 * (line.first(all_tries(line, 3000)) >= 4).mean()


def test_unique_delivers_distinct_outputs_and_counts_the_tries(run, line):
    outputs = all_tries(line, 3200)
    whole = [tuple(row) for row in np.sign(outputs[:, :2])]

    class Coarse(line.Line):
        def decode(self, z):
            return np.sign(super().decode(z)[:, :2])

    result = run(model=Coarse(), count=6, unique=True)
    delivered = [tuple(row) for row in result.outputs]
    assert delivered == list(dict.fromkeys(whole))[:6]
    assert result.index.tolist() == [whole.index(one) for one in delivered]
    spent = run(model=Coarse(), count=20, unique=True, budget=640)
    assert spent.status == "budget spent"
    assert sorted(map(tuple, spent.outputs)) == sorted(set(whole[:640]))
    assert spent.report["tried"] == 640
    needed, note = spent.report["notes"]
    assert needed.startswith(f"the budget is spent: {len(spent)} of 20 in 640 tries: going by this, --budget ")
    assert note.startswith(f"{640 - len(spent)} tries met all conditions but gave an output that is delivered already")


def test_every_decode_is_counted(run, line):
    model = line.Line()
    report = run(Constraint(line.first, at_least=2), model=model, engine=gradient(steps=30), count=200).report
    checks = report["decodes"] - -(-report["tried"] // 32) * 32
    assert checks > 0
    assert report["decodes"] == model.decoded


def test_each_decode_is_of_a_whole_block(run, line):
    sizes = []

    class Watched(line.Line):
        def decode(self, z):
            sizes.append(len(z))
            return super().decode(z)

    run(Constraint(line.first, at_least=4), model=Watched(), count=3)
    run(Constraint(line.first, at_least=4), model=Watched(), count=150)
    assert set(sizes) == {50, 14}  # a block of 64 in pieces of the model's 50, always the same


BUDGETS = [1, 2, 3, 10, 63, 64, 65, 100, 640]


@pytest.mark.parametrize("budget", BUDGETS)
def test_a_spent_budget_tells_which_condition_blocks(run, line, budget):
    entries = (
        Constraint(line.first, at_least=3),
        none_of(Constraint(line.mean, at_least=0), label="below"),
        Constraint(line.spread, at_most=5),
    )
    result = run(*entries, count=64, budget=budget, seed=2)
    tries = -(-budget // BLOCK) * BLOCK  # whole blocks
    outputs = all_tries(line, tries, seed=2)
    met = {
        "first": line.first(outputs) >= 3,
        "below": line.mean(outputs) < 0,
        "spread": line.spread(outputs) <= 5,
    }
    report = result.report
    assert (report["status"], report["tried"], report["budget"]) == ("budget spent", tries, tries)
    assert result.index.tolist() == np.flatnonzero(met["first"] & met["below"] & met["spread"]).tolist()
    assert {one["label"]: one["satisfied_before"] for one in report["constraints"]} == report["blocking"]["alone"]
    assert report["all"]["satisfied_before"] == np.logical_and.reduce(list(met.values())).mean()
    assert report["blocking"] == {
        "alone": {label: one.mean() for label, one in met.items()},
        "pairs": {f"{a} + {b}": (met[a] & met[b]).mean() for a, b in itertools.combinations(met, 2)},
        "all but": {
            label: np.logical_and.reduce([met[other] for other in met if other != label]).mean() for label in met
        },
    }


@pytest.mark.parametrize("budget", BUDGETS)
def test_the_nearest_of_all_tries_within_the_budget_are_reported(run, line, budget):
    entries = (
        Constraint(line.first, at_least=4),
        Constraint(line.mean, target=-1, tolerance=0.25),
        Constraint(line.spread, at_most=1, label="wish", require=False),
    )
    result = run(*entries, count=500, budget=budget, seed=2)
    outputs = all_tries(line, -(-budget // BLOCK) * BLOCK, seed=2)  # whole blocks
    first, mean = line.first(outputs), line.mean(outputs)
    short, off = np.maximum(4 - first, 0) / 4, np.maximum(abs(mean + 1) - 0.25, 0) / 1.25
    met = (short == 0).astype(int) + (off == 0)
    missed = np.flatnonzero(met < 2)
    ranked = sorted(missed, key=lambda row: (-met[row], round(short[row] + off[row], 12), row))[:4]
    assert [one["index"] for one in result.report["nearest"]] == ranked
    assert result.nearest.index.tolist() == ranked
    assert np.array_equal(result.nearest.outputs, outputs[ranked])
    for one in result.report["nearest"]:
        row = one["index"]
        assert one["measurements"] == {"first": first[row], "mean": mean[row], "wish": line.spread(outputs)[row]}


def test_the_nearest_to_a_negation_are_the_nearest_to_its_bound(run, line):
    outputs = all_tries(line, 640)
    result = run(none_of(Constraint(line.mean, between=(-100, 100))), count=1, budget=640)
    edge = np.minimum(line.mean(outputs) + 100, 100 - line.mean(outputs))
    assert result.nearest.index.tolist() == np.argsort(edge, kind="stable")[:4].tolist()
    either = run(any_of(Constraint(line.mean, at_least=50), Constraint(line.first, at_least=60)), count=1, budget=640)
    away = np.minimum((50 - line.mean(outputs)) / 50, (60 - line.first(outputs)) / 60)
    assert either.nearest.index.tolist() == np.argsort(away, kind="stable")[:4].tolist()


def test_an_undefined_value_meets_neither_an_entry_nor_its_negation(run, line):
    outputs = all_tries(line, 1280)
    undefined = outputs[:, 0] == 0
    assert undefined.any()
    positive = Constraint(line.ratio, at_least=0)
    met, unmet = (run(entry, count=2000, budget=1280) for entry in (positive, none_of(positive)))
    assert not set(met.index) & set(unmet.index)
    assert sorted([*met.index, *unmet.index]) == np.flatnonzero(~undefined).tolist()
    either = run(any_of(positive, none_of(Constraint(line.ratio, at_least=0, label="other"))), count=2000, budget=1280)
    assert either.index.tolist() == np.flatnonzero(~undefined).tolist()


def test_an_undefined_value_is_reported_as_none(run, line):
    result = run(Constraint(line.first, between=(0, 0)), Constraint(line.ratio, at_least=0, require=False), count=3)
    assert np.isnan(result.measurements["ratio"]).all()
    assert result.report["constraints"][1]["mean_measurement"] is None
    spent = run(Constraint(line.first, between=(0, 0)), Constraint(line.ratio, at_least=1e9), budget=640)
    assert [one["measurements"] for one in spent.report["nearest"]] == [{"first": 0.0, "ratio": None}] * 4


def test_a_rule_with_one_value_is_told_before_sampling(run, line):
    def one(outputs):
        return np.ones(len(outputs))

    with pytest.raises(LCError, match="one cannot be reached: one is 1 on every sample") as caught:
        run(Constraint(one, at_least=2), engine=gradient())
    assert "rejection" in str(caught.value.hint)
    with pytest.raises(LCError, match="never cannot be reached: one is 1 "):
        run(none_of(Constraint(one, at_least=1), label="never"), engine=gradient())
    with pytest.raises(LCError, match="one is 1 "):
        run(all_of(Constraint(one, at_least=2), Constraint(line.first, at_least=1)), engine=gradient())


@pytest.fixture
def fit(line):
    """Prepare the gradient engine for some entries without a cache; return the lines that were told, and the error."""

    def run(*entries):
        told, error = [], None
        try:
            prepare(Evaluator(line.Line(), entries), gradient(), settings=SMALL, progress=told.append)
        except LCError as caught:
            error = caught
        return told, error

    return run


def test_a_rule_with_one_value_is_told_before_anything_is_fitted(fit, line):
    told, error = fit(Constraint(line.first, at_least=1), Constraint(line.constant, at_least=0))
    assert error is None
    said = [number for number, text in enumerate(told) if text.startswith("constant is 0 on all of 512 prior samples")]
    assert len(said) == 1
    assert said[0] < next(number for number, text in enumerate(told) if text.startswith("fitting a critic"))


@pytest.mark.parametrize("guide", ["critic", "decoder"])
def test_a_condition_that_can_never_be_met_is_refused_before_anything_is_fitted(fit, line, guide):
    @measurement(accepts="*", unit="", range=(0, 9), differentiable=True)
    def same(outputs):
        return 0 * outputs[:, 0] + 3

    told, error = fit(Constraint(line.first, at_least=1), Constraint(same, at_least=4, guide=guide))
    assert "same cannot be reached: same is 3 on every sample" in str(error)
    assert not [text for text in told if text.startswith("fitting a critic")]


def test_a_rule_that_is_met_so_rarely_that_only_later_samples_meet_it_is_fitted(fit, line):
    model, seed = line.Line(), SMALL.seed
    counts = {"fit": SMALL.prior_samples, "fit/held-out": SMALL.prior_samples // 4, "fit/push": 2 * SMALL.push_samples}
    seen = {name: model.decode(draw_prior(model, n, block_generator(seed, 0, name))) for name, n in counts.items()}
    before = np.concatenate([seen["fit"], seen["fit/held-out"]])
    wanted = next(row for row in seen["fit/push"] if not (row == before).all(axis=1).any())

    def rare(outputs):
        return (outputs == wanted).all(axis=1).astype(float)

    told, error = fit(Constraint(line.first, at_least=1), Constraint(rare, at_least=1))
    assert error is None
    assert any(text.startswith("rare is 0 on all of 512 prior samples") for text in told)


def test_a_rule_with_one_value_that_is_wanted_is_no_obstacle(run, line):
    def one(outputs):
        return np.ones(len(outputs))

    fixed, wish = Constraint(one, at_least=1), Constraint(one, at_least=2, label="wish", require=False)
    either = any_of(Constraint(one, at_least=2, label="more"), Constraint(line.first, at_least=1), label="either")
    result = run(fixed, wish, either, engine=gradient(), count=5)
    assert (result.status, len(result)) == ("done", 5)


def test_a_rule_that_is_undefined_everywhere_is_told(run):
    @measurement(accepts="*", unit="", range=(0, 1), undefined="always", at_least=0)
    def nothing(outputs):
        return np.full(len(outputs), np.nan)

    with pytest.raises(LCError, match="nothing is undefined on every sample"):
        run(Constraint(nothing), engine=gradient())
    assert run(Constraint(nothing), count=1, budget=10).report["blocking"] == {"alone": {"nothing": 0.0}}


def test_realism_is_ignored_by_rejection_which_says_so(run, line):
    result = run(count=3, realism=0.5)
    assert result.report["notes"] == ["rejection ignores realism: it draws from the prior as it is"]


@pytest.mark.parametrize("wrong", [{"count": 0}, {"budget": 0}, {"seed": -1}])
def test_numbers_out_of_range_are_refused(run, wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(LCError, match=f"{name} must be .* or more; found {value}"):
        run(**wrong)
