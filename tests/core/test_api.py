"""`lc_core.sample`: plain functions and objects, without YAML and without a folder."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest
from safetensors.numpy import load_file

import lc_core
from lc_core import Constraint, FitSettings, LCError, any_of, none_of
from lc_core.engines.rejection import Rejection

SMALL = FitSettings(
    prior_samples=512, push_samples=128, steps=60, rounds=1, round_samples=64, round_steps=30, hidden=32
)
QUICK = {"fit": SMALL, "cache": False}


class Scale:
    """No `LatentModel`: an object with `decode` and a shape."""

    latent_shape = 3

    def decode(self, z):
        return z * 2


class Uniform(Scale):
    """An object with a prior of its own, in numpy."""

    latent_shape = (2, 2)

    def sample_prior(self, count, generator):
        import torch

        return torch.rand(count, 2, 2, generator=generator).numpy()


def largest(outputs):
    return outputs.reshape(len(outputs), -1).max(axis=1)


def total(outputs):
    return outputs.reshape(len(outputs), -1).sum(axis=1)


@pytest.mark.parametrize("engine", ["rejection", "gradient", Rejection(block=32)])
@pytest.mark.parametrize("model", [Scale(), Uniform()], ids=["normal", "own prior"])
def test_plain_objects_and_functions_will_do(model, engine):
    result = lc_core.sample(
        model=model,
        constraints=[Constraint(largest, at_least=1.5), Constraint(total, between=(0, 9), require=False)],
        engine=engine,
        count=12,
        seed=4,
        **QUICK,
    )
    assert len(result) == 12
    assert result.status == "done"
    assert result.latents.shape == (12, *((3,) if type(model) is Scale else (2, 2)))
    assert result.latents.dtype == np.float32
    assert np.allclose(result.outputs, result.latents * 2)
    assert (largest(result.outputs) >= 1.5 - 1e-9).all()
    assert set(result.measurements) == set(result.satisfied) == {"largest", "total"}
    assert np.array_equal(result.measurements["largest"], largest(result.outputs).astype(np.float64))
    assert result.satisfied["largest"].all()
    assert np.array_equal(result.satisfied["total"], (total(result.outputs) >= 0) & (total(result.outputs) <= 9))
    assert result.index.tolist() == sorted(result.index.tolist())
    assert result.nearest is None
    assert (result.report["delivered"], result.report["seed"], result.report["spec"]) == (12, 4, None)


def test_a_result_is_the_same_for_the_same_seed():
    one, same, other = (
        lc_core.sample(model=Scale(), constraints=[Constraint(largest, at_least=1)], seed=seed, count=count, **QUICK)
        for seed, count in ((1, 9), (1, 30), (2, 9))
    )
    assert one.latents.tobytes() == same.latents[:9].tobytes()
    assert one.latents.tobytes() != other.latents.tobytes()


def test_a_declared_function_needs_no_constraint():
    @lc_core.measurement(accepts="*", unit="", range=(-math.inf, math.inf), at_least=1)
    def first(outputs):
        return outputs[:, 0]

    result = lc_core.sample(model=Scale(), constraints=[first], engine="rejection", count=5)
    assert (result.outputs[:, 0] >= 1).all()


def noise(outputs):
    return np.random.default_rng().normal(size=len(outputs))


def above_others(outputs):
    return outputs[:, 0] - outputs[:, 0].mean()


@pytest.mark.parametrize("function", [noise, above_others])
def test_a_rule_that_is_not_the_same_when_it_is_measured_again_is_told_and_nothing_is_called_exact(function):
    with pytest.warns(UserWarning, match=f"measurement {function.__name__} was .* what comes of it is not exact"):
        result = lc_core.sample(model=Scale(), constraints=[Constraint(function, at_least=0.5)], count=12, **QUICK)
    assert [note for note in result.report["notes"] if "is measured again beside other outputs" in note]
    reasons = result.report["fit"]["plan"]["reasons"]
    assert reasons[0].endswith("the run tries until it has enough")
    assert reasons[1:] == ["a rule had other values when it was measured again: nothing is exact under it"]


@pytest.mark.parametrize("bound", [1.5, 90], ids=["some are delivered", "none is delivered"])
def test_values_outside_the_range_that_a_rule_declares_are_told_once(bound):
    @lc_core.measurement(accepts="*", unit="", range=(-1, 1))
    def narrow(outputs):
        """Return the first number."""
        return outputs[:, 0]

    wanted = [Constraint(narrow, at_least=bound)]
    with pytest.warns(UserWarning) as told:
        result = lc_core.sample(model=Scale(), constraints=wanted, engine="rejection", budget=1024, **QUICK)
    (fault,) = [str(one.message) for one in told]
    assert re.match(
        r"measurement narrow was -?\d.* for output \d+; it declares the range -1 to 1, and \d+ of 1,024", fault
    )
    assert result.report["notes"].count(fault) == 1


def test_constraints_of_one_function_get_labels_of_their_own():
    constraints = [
        Constraint(largest, at_least=0),
        Constraint(largest, at_most=3),
        any_of(Constraint(largest, at_least=2), none_of(Constraint(largest, at_least=1))),
    ]
    result = lc_core.sample(model=Scale(), constraints=constraints, engine="rejection", count=5)
    assert list(result.measurements) == [
        f"largest {one}" for one in ("at_least 0", "at_most 3", "at_least 2", "at_least 1")
    ]
    assert len(result.satisfied) == 6
    labels = [entry["label"] for entry in result.report["constraints"]]
    assert len(set(labels)) == 3


def test_a_label_that_is_the_name_of_realism_is_numbered():
    rule = Constraint(largest, at_least=0, label="realism")
    result = lc_core.sample(model=Scale(), constraints=[rule], engine="rejection", count=5)
    assert list(result.measurements) == ["realism-2"]


def test_too_few_is_a_status_and_no_error():
    result = lc_core.sample(
        model=Scale(), constraints=[Constraint(largest, at_least=1e6)], engine="rejection", count=3, budget=50
    )
    assert (len(result), result.status) == (0, "budget spent")
    assert result.report["blocking"] == {"alone": {"largest": 0.0}}
    assert len(result.nearest) == 4
    assert largest(result.nearest.outputs).tolist() == sorted(largest(result.nearest.outputs), reverse=True)


@pytest.mark.parametrize(
    ("engine", "count", "tries"), [("rejection", 1, 1_000_448), ("rejection", 6, 1_500_160), ("auto", 3, 6_144)]
)
def test_an_engine_that_is_named_and_only_decodes_may_try_long_unless_a_budget_is_given(engine, count, tries):
    told = []
    rare = Constraint(largest, at_least=-1e6)
    result = lc_core.sample(model=Scale(), constraints=[rare], engine=engine, count=count, progress=told.append)
    assert (result.report["budget"], result.report["tried"]) == (tries, 1024)
    assert told[-1].startswith(f"sampling: {count} wanted, at most {tries:,} tries")


@pytest.mark.parametrize("wrong", [{"prior_samples": 3}, {"lr": 0.0}, {"stop_at": 1.5}, {"rounds": -1}, {"steps": 2.5}])
def test_a_fit_setting_out_of_range_is_refused(wrong):
    (name,) = wrong
    with pytest.raises(LCError, match=f"FitSettings: {name} should be"):
        FitSettings(**wrong)


@pytest.mark.parametrize("steps", [9, 10, 11])
def test_a_fit_may_take_any_number_of_steps(steps):
    small = {"prior_samples": 256, "push_samples": 64, "hidden": 8, "rounds": 1, "round_samples": 32}
    fit = FitSettings(steps=steps, round_steps=steps, **small)
    rule = Constraint(largest, at_least=-1e6)
    assert len(lc_core.sample(model=Scale(), constraints=[rule], engine="gradient", count=2, fit=fit)) == 2


def test_a_result_is_saved_to_a_folder(tmp_path):
    def index(outputs):
        return outputs[:, 0]

    result = lc_core.sample(
        model=Scale(),
        constraints=[Constraint(index, at_least=0), Constraint(lambda x: x[:, 1], at_most=0, label="low")],
        engine="rejection",
        count=6,
    )
    assert result.save(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    samples = load_file(tmp_path / "a" / "b" / "samples.safetensors")
    assert np.array_equal(samples["z"], result.latents)
    assert np.array_equal(samples["x"], result.outputs)
    assert samples["index"].tolist() == result.index.tolist()
    assert np.array_equal(samples["measurement:index"], result.measurements["index"])
    assert np.array_equal(samples["low"], result.measurements["low"])
    assert json.loads((tmp_path / "a" / "b" / "report.json").read_text()) == result.report


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(LCError, match="file is a file; expected a folder"):
        lc_core.sample(model=Scale(), engine="rejection", count=1).save(tmp_path / "file" / "inside")


def test_settings_of_a_rule_may_be_of_any_type(tmp_path):
    def weighted(outputs, *, weights, of):
        return outputs @ weights

    rule = lc_core.Measurement(weighted, {"weights": np.array([1.0, 0.0, 2.0]), "of": {3, 1}})
    result = lc_core.sample(model=Scale(), constraints=[Constraint(rule, at_least=0)], engine="rejection", count=2)
    result.save(tmp_path)
    params = json.loads((tmp_path / "report.json").read_text())["constraints"][0]["params"]
    assert params == {"weights": [1.0, 0.0, 2.0], "of": [1, 3]}


def test_a_spec_says_the_same(line, write_spec, lc, content_of, tmp_path):
    path = write_spec(
        """
        lc: 1
        name: lines
        model: line.model
        constraints: [{use: line.first, at_least: 2}]
        engine: {use: rejection, params: {block: 64}}
        sample: {count: 7, seed: 3, unique: true}
        """
    )
    result = lc_core.sample(lc_core.load_spec(path))
    assert lc("sample", path, "--out", "run").exit_code == 0
    report = content_of(tmp_path / "work" / "run")["report.json"]
    assert {key: value for key, value in result.report.items() if key != "seconds"} == report
    assert set(result.report["seconds"]) == {"fit", "sample", "total"}
    assert np.array_equal(load_file(tmp_path / "work" / "run" / "samples.safetensors")["z"], result.latents)


def test_a_fit_is_kept_for_the_next_time(line, tmp_path, monkeypatch):
    monkeypatch.setenv("LC_CACHE_DIR", str(tmp_path / "cache"))
    told = []
    for _ in range(2):
        told.append([])
        lc_core.sample(
            model=line.Line(),
            constraints=[Constraint(line.first, at_least=2)],
            engine="gradient",
            fit=SMALL,
            progress=told[-1].append,
        )
    assert told[0][:-1] and [line.partition(":")[0] for line in told[1]] == ["sampling"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "sample needs a spec or a model"),
        ({"model": object()}, r"a model needs decode\(z\); object has none"),
        ({"model": type("Shapeless", (), {"decode": print})()}, "Shapeless does not say its latent_shape"),
        ({"model": Scale(), "engine": "gradeint"}, r"unknown engine 'gradeint' \(did you mean gradient"),
        ({"model": Uniform(), "realism": 0.5}, "realism 0.5 is asked for, but Uniform has no realism critic"),
        ({"model": Scale(), "constraints": [largest]}, "largest has no default want"),
        ({"model": Scale(), "constraints": [5]}, "a constraint is a Constraint, a Group or a function; found int"),
        ({"model": Scale(), "count": 0}, "count must be 1 or more; found 0"),
        ({"model": Scale(), "seed": -1}, "seed must be 0 or more; found -1"),
        ({"model": Scale(), "budget": 0}, "budget must be 1 or more; found 0"),
        ({"spec": "melody/c_major"}, "sample takes a Spec; found str"),
    ],
)
def test_what_cannot_be_used_is_told(arguments, told):
    with pytest.raises(LCError, match=told):
        lc_core.sample(**arguments)


@pytest.mark.parametrize("more", [{"count": 3}, {"model": Scale()}, {"seed": 1}, {"engine": "rejection"}])
def test_a_spec_and_what_it_says_already_are_not_taken_together(line, write_spec, more):
    spec = lc_core.load_spec(write_spec("lc: 1\nmodel: line.model\n"))
    with pytest.raises(LCError, match="not both"):
        lc_core.sample(spec, **more)


def test_a_rule_that_does_not_accept_the_outputs_is_told(line):
    with pytest.raises(LCError, match="first measures line/1, but Scale decodes to any/1"):
        lc_core.sample(model=Scale(), constraints=[Constraint(line.first)])


def test_a_model_is_loaded_by_its_name(line):
    assert lc_core.load_model("line.model", scale=1.0).latent_shape == (4,)
    with pytest.raises(LCError, match="unknown model"):
        lc_core.load_model("line.modle")
    with pytest.raises(LCError, match="scale"):
        lc_core.load_model("line.model", scale="long")


def test_refinement_ends_at_the_share_that_is_asked_for():
    settings = {**vars(SMALL), "rounds": 4}

    def rounds(**more):
        fit = FitSettings(**settings | more)
        constraints = [Constraint(largest, at_least=2.0)]
        result = lc_core.sample(model=Scale(), constraints=constraints, engine="gradient", fit=fit, cache=False)
        return result.report["fit"]["refinement"]["satisfied_by_round"]

    assert len(rounds()) >= 3
    stopped = rounds(stop_at=0.01)
    assert len(stopped) == 1 and stopped[0] >= 0.01


@pytest.mark.parametrize(
    ("engine", "require", "advice"),
    [
        ("gradient", True, ["engine: rejection", "fit: {prior_samples: 4096", "fit: {stop_at: 0.9}"]),
        ("auto", False, ["fit: {prior_samples: 4096", "for many specs of this model: lc amortise"]),
    ],
    ids=["refined", "not refined, and a preference"],
)
def test_a_long_fit_says_before_it_starts_what_it_takes_and_what_is_cheaper(engine, require, advice):
    class Stop(Exception):
        pass

    told = []

    def progress(line):
        told.append(line)
        if line.startswith("cheaper:"):
            raise Stop

    fit = FitSettings(**{**vars(SMALL), "prior_samples": 8_000_000, "push_samples": 500, "steps": 9_000_000})
    with pytest.raises(Stop):
        lc_core.sample(
            model=Scale(),
            constraints=[Constraint(largest, at_least=2.0, require=require)],
            engine=engine,
            fit=fit,
            cache=False,
            progress=progress,
        )
    (fit_line,) = [line for line in told if line.startswith("fit:")]
    assert fit_line.startswith("fit: 10,001,000 decodes for 1 critic, about ")
    ways = told[-1].removeprefix("cheaper: ").split("; ")
    assert len(ways) == len(advice) and all(map(str.startswith, ways, advice))
