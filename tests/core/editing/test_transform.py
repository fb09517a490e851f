"""`lc transform` and `lc_core.transform`: what is edited, how far, what is told of it, and what is refused."""

from __future__ import annotations

import importlib
import json
import socket
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import lc_core
from lc_core.cli import main
from lc_core.editing.settings import EditSettings
from lc_core.engines.edit import Edit
from lc_core.fitting.critics import FitSettings
from lc_core.testing import check_engine

CURVE = Path(__file__).parents[1] / "curve_plugin.py"
SMALL = {"prior_samples": 2048, "push_samples": 512, "steps": 150, "rounds": 3, "round_samples": 128, "hidden": 32}
SPEC = """
    lc: 1
    name: up
    model: curve.model
    constraints:
      - {use: curve.first, at_least: 1}
      - {use: curve.middle, at_least: 9, require: false, label: high}
    render: [text]
"""


@pytest.fixture(scope="module")
def fits(tmp_path_factory):
    return tmp_path_factory.mktemp("fits")


@pytest.fixture
def small_fit():
    return SMALL


@pytest.fixture
def curve(install_plugin, fits, tmp_path, monkeypatch):
    """The plugin `lc-curve`, installed, in an empty working folder."""
    install_plugin("lc-curve", CURVE.read_text(encoding="utf-8"))
    monkeypatch.setenv("LC_CACHE_DIR", str(fits))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return importlib.import_module("lc_curve")


@pytest.fixture
def outputs(curve):
    """Outputs that the model can represent: 12, of which some meet the rule."""
    return np.random.default_rng(5).normal(size=(12, 4)) @ curve.WEIGHTS


@pytest.fixture
def files(outputs):
    """Each output in a file."""
    for number, row in enumerate(outputs):
        np.savetxt(f"{number:02d}.txt", row[None])
    return [f"{number:02d}.txt" for number in range(len(outputs))]


def transform(curve, outputs, *, want=1.0, **options):
    rule = lc_core.Constraint(curve.first, at_least=want)
    settings = FitSettings(**SMALL)
    return lc_core.transform(model=curve.Curve(), inputs=outputs, constraints=[rule], fit=settings, **options)


def test_what_is_wrong_with_a_rule_is_told(curve, outputs):
    @lc_core.measurement(accepts="curve/1", unit="m", range=(0, 1), at_least=0.5)
    def upper(outputs):
        """Return the first number, which can be any."""
        return outputs[:, 0]

    quick = FitSettings(prior_samples=256, push_samples=64, steps=20, rounds=0, hidden=16)
    with pytest.warns(UserWarning, match="it declares the range 0 to 1"):
        result = lc_core.transform(model=curve.Curve(), inputs=outputs[:2] + 3, constraints=[upper], fit=quick)
    assert any("measurement upper was" in note for note in result.report["notes"])


def test_every_example_is_met_and_moved_little(curve, outputs):
    result = transform(curve, outputs)
    assert result.satisfied.all()
    assert (curve.first(result.outputs) >= 1 - 1e-6).all()
    moved = np.sqrt(np.square((result.z_after - result.z_before) / 0.5).mean(axis=1))
    np.testing.assert_allclose(result.distance, moved, rtol=1e-5)
    # The rule is linear, so the shortest way is known: along the rule's own direction.
    short = np.maximum(0, 1 - outputs[:, 0]) / np.linalg.norm(curve.WEIGHTS[:, 0]) / 0.5 / 2
    assert np.median(result.distance[short > 0] / short[short > 0]) < 1.3


def test_an_engine_of_somebody_else_edits_as_ours_does(curve, outputs):
    result = transform(curve, outputs, engine=curve.Descent())
    assert result.satisfied.all()
    assert (curve.first(result.outputs) >= 1 - 1e-6).all()
    already = outputs[:, 0] >= 1
    assert np.array_equal(result.z_after[already], result.z_before[already])
    # One small step at a time it does not get there; it is tried again with larger ones.
    slow = transform(curve, outputs, engine=curve.Descent(steps=6))
    assert slow.tries.max() > 1
    check_engine(curve.Descent)


def test_a_way_back_that_is_left_out_leaves_examples_farther_away(curve, outputs):
    near = transform(curve, outputs)
    far = transform(curve, outputs, edit=EditSettings(halvings=0, nearer=(), slides=0, parts=0))
    assert far.satisfied.all()
    assert (far.distance >= near.distance - 1e-6).all() and far.distance.max() > near.distance.max()


def test_what_meets_the_rule_already_is_left_as_it_is(curve, outputs):
    result = transform(curve, outputs)
    already = outputs[:, 0] >= 1
    assert 0 < already.sum() < len(outputs)
    assert (result.distance[already] == 0).all() and (result.distance[~already] > 0).all()
    assert (result.steps[already] == 0).all() and (result.tries[already] == 0).all()


def test_an_edit_depends_on_its_input_alone(curve, outputs):
    whole, alone = transform(curve, outputs), transform(curve, outputs[3:5])
    np.testing.assert_array_equal(whole.z_after[3:5], alone.z_after)


def test_an_edit_that_stops_early_ends_as_near_as_one_that_went_all_the_way_first(curve, outputs):
    early = transform(curve, outputs)
    late = transform(curve, outputs, engine=Edit(check_every=300))
    edited = early.steps > 0
    assert (early.steps[edited] < late.steps[edited]).all()
    assert np.median(early.distance[edited]) < 1.02 * np.median(late.distance[edited])


def test_what_is_kept_stays_where_it_can(curve, outputs):
    free = transform(curve, outputs)
    held = transform(curve, outputs, keep=[curve.last, curve.middle])
    assert held.satisfied.all()
    change = [np.abs(one.outputs - outputs)[:, [2]].mean() for one in (free, held)]
    assert change[1] < change[0]
    kept = {one["label"]: one for one in held.report["kept"]}
    assert kept["last"]["as"] == {"verdict": {"at_least": 0}}
    spread = np.random.default_rng(0).normal(size=(9999, 4)) @ curve.WEIGHTS[:, 2]
    assert kept["middle"]["as"]["tolerance"] == pytest.approx(0.25 * spread.std(), rel=0.1)
    within = np.abs(held.outputs - outputs)[:, 2] <= kept["middle"]["as"]["tolerance"]
    np.testing.assert_array_equal(held.unchanged["middle"], within)


def test_a_model_without_sigma_bar_is_measured_in_its_own_posterior(curve, outputs):
    result = transform(curve, outputs)
    assert not hasattr(curve.Curve(), "sigma_bar")
    assert result.report["distance"]["median"] == pytest.approx(np.median(result.distance[result.distance > 0]))


def test_a_rule_out_of_reach_leaves_examples_marked(curve, outputs):
    result = transform(curve, outputs, want=1e6, engine=Edit(steps=20))
    assert not result.satisfied.any()
    assert result.report["status"] == "some not met"
    assert (curve.first(result.outputs) > outputs[:, 0] - 1e-6).all(), "the nearest step is kept"


def test_the_actor_edits_in_one_pass(curve, outputs):
    from lc_core.engines.actor import Actor

    result = transform(curve, outputs, engine=Actor(hidden=64, round_steps=100))
    assert result.satisfied.mean() > 0.7
    assert set(result.steps) <= {0, 1}


def test_an_engine_that_keep_cannot_guide_is_told(curve, outputs):
    from lc_core.engines.actor import Actor

    result = transform(curve, outputs, engine=Actor(hidden=16, round_steps=5), keep=[curve.last])
    assert "engine actor is not guided by keep: what is kept is measured only" in result.report["notes"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"engine": "rejection"}, "engine rejection draws outputs and edits none"),
        ({"realism": 1.0}, "has no realism critic"),
    ],
)
def test_what_cannot_be_used_is_refused(curve, outputs, options, said):
    with pytest.raises(lc_core.LCError, match=said):
        transform(curve, outputs, **options)


def test_a_transformation_needs_a_condition_and_inputs_that_fit(curve, outputs):
    with pytest.raises(lc_core.LCError, match="nothing is asked"):
        lc_core.transform(model=curve.Curve(), inputs=outputs, constraints=[])
    with pytest.raises(lc_core.LCError, match="no inputs"):
        transform(curve, outputs[:0])
    with pytest.raises(lc_core.LCError, match="encode of curve raised"):
        transform(curve, outputs[:, :5])


def test_a_run_has_its_files(curve, lc, write_spec, files):
    result = lc("transform", write_spec(SPEC), "--input", *files, "--out", "run")
    assert result.exit_code == 0, result.output
    run = Path("run")
    names = {one.name for one in run.iterdir()}
    assert names >= {"spec.yaml", "environment.json", "samples.safetensors", "report.json", "report.html", "outputs"}
    assert (run / "outputs" / "000011.num").exists() and (run / "pairs.txt").read_text() == "12 pairs"
    before, after = (run / "pairs" / "000001.num").read_text().split(" -> ")
    assert float(after) >= 1 - 1e-3
    arrays = load_file(run / "samples.safetensors")
    assert arrays["z_before"].shape == arrays["z_after"].shape == (12, 4)
    report = json.loads((run / "report.json").read_text())
    assert (report["kind"], report["status"], report["inputs"], report["met"]) == ("transform", "done", 12, 12)
    one = report["examples"][1]
    assert one["input"] == "01.txt" and one["met"] and one["after"]["first"] >= 1 - 1e-6
    assert one["before"]["first"] == pytest.approx(float(before), abs=1e-3)
    assert [one["label"] for one in report["watched"]] == ["last"], "of the domain, with a default, not asked for"
    assert "01.txt" in (run / "report.html").read_text()
    assert "12 of 12 meet all conditions" in result.stdout and "median distance" in result.stdout


def test_judges_report_when_all_is_done(curve, lc, write_spec, files):
    result = lc("transform", write_spec(SPEC), "--input", *files, "--out", "run")
    report = json.loads(Path("run/report.json").read_text())
    tops = [one["after"]["first"] for one in report["examples"]]
    judged = [one["judge"]["met"] for one in report["examples"]]
    assert judged == [top - 0.5 >= 1 for top in tops] and not all(judged), "stricter than what guided"
    assert report["judge"] == {"of": ["curve.first", "curve.last"], "met": sum(judged), "unchanged": 0.5}
    assert [one["judge"]["changed"] for one in report["examples"]] == [[], ["last"]] * 6
    assert f"by the judge of curve.first, curve.last: {sum(judged)} of 12 meet all conditions" in result.stdout
    page = Path("run/report.html").read_text()
    assert "says the judge" in page and page.count("unchanged; changed, says the judge") == 6
    assert "by the judge" in result.stdout.splitlines()[0]


def test_the_same_command_writes_the_same_bytes_and_other_inputs_another_folder(curve, lc, write_spec, files):
    spec = write_spec(SPEC)
    assert lc("transform", spec, "--input", *files[:3], "--out", "run").exit_code == 0
    first = Path("run/samples.safetensors").read_bytes()
    assert lc("transform", spec, "--input", *files[:3], "--out", "run").exit_code == 0
    assert Path("run/samples.safetensors").read_bytes() == first
    other = lc("transform", spec, "--input", *files[3:5], "--out", "run")
    assert other.exit_code == 2 and "holds another run, which differs in inputs" in other.stderr


def test_the_status_is_3_where_some_are_not_met_and_they_are_saved(curve, lc, write_spec, files):
    hopeless = SPEC.replace("at_least: 1}", "at_least: 1000}")
    result = lc("transform", write_spec(hopeless), "--input", files[0], "--engine", "edit",
                "--set", "engine.params.steps=5", "--out", "run", "--json")  # fmt: skip
    assert result.exit_code == 3
    report = json.loads(result.stdout)
    assert report["status"] == "some not met" and not report["examples"][0]["met"]
    assert Path("run/outputs/000000.num").exists()


def test_an_input_that_cannot_be_represented_is_told_before_anything_is_fitted(curve, lc, write_spec):
    np.savetxt("odd.txt", 5 * np.random.default_rng(1).normal(size=(1, 6)))
    result = lc("transform", write_spec(SPEC), "--input", "odd.txt", "--refit")
    told = [line for line in result.stderr.splitlines() if "cannot represent it well" in line]
    assert told and told[0].startswith("odd.txt: curve cannot represent it well: its decoded encoding is off by")
    assert result.stderr.index("cannot represent") < result.stderr.index("fitting")
    assert "odd.txt (poorly represented)" in result.stdout


def test_a_black_box_without_an_encoder_gets_a_network_and_says_so(curve, lc, write_spec, files):
    spec = write_spec(SPEC.replace("curve.model", "curve.deaf"))
    np.savetxt("odd.txt", 5 * np.random.default_rng(1).normal(size=(1, 6)))
    result = lc("transform", spec, "--input", files[0], "odd.txt", "--out", "deaf")
    assert result.exit_code in (0, 3)
    assert "fitting an encoder of curve on 16384 decoded prior samples" in result.stderr
    assert "odd.txt: curve cannot represent it well" in result.stderr
    report = json.loads(Path("deaf/report.json").read_text())
    assert report["notes"][0].startswith("curve has no encoder: inputs are encoded by a network")
    assert report["examples"][0]["met"]


def unreadable(result):
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    return [error.split(":")[1].strip() for error in errors]


def test_inputs_that_cannot_be_read_are_told_and_the_others_are_edited(curve, lc, write_spec, files):
    Path("words.txt").write_text("one two")
    result = lc("transform", write_spec(SPEC), "--input", files[0], "gone.txt", "words.txt", files[1], "song.mp3")
    assert (result.exit_code, unreadable(result)) == (2, ["gone.txt", "words.txt", "song.mp3"])
    assert "3 of 5 files could not be read and were left out" in result.stderr
    report = json.loads(Path("runs/up-transform-0/report.json").read_text())
    assert [one["input"] for one in report["examples"]] == [Path(files[0]).name, Path(files[1]).name]


def test_where_no_input_can_be_read_nothing_is_written(curve, lc, write_spec):
    result = lc("transform", write_spec(SPEC), "--input", "gone.txt", "song.mp3")
    assert (result.exit_code, unreadable(result)) == (2, ["gone.txt", "song.mp3"])
    assert not Path("runs").exists()


def test_each_hint_stands_below_its_error_or_once_if_all_are_the_same(curve, lc, write_spec):
    for name in ("one.txt", "two.txt"):
        Path(name).mkdir()
    lines = lc("transform", write_spec(SPEC), "--input", "one.txt", "gone.txt", "two.txt").stderr.splitlines()
    assert [line.split(":")[1].strip() for line in lines if "error" in line] == ["one.txt", "gone.txt", "two.txt"]
    assert "one.txt/*" in lines[1] and "two.txt/*" in lines[4] and len(lines) == 5
    for name in ("a.txt", "b.txt"):
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(name)
    lines = lc("transform", write_spec(SPEC), "--input", "a.txt", "b.txt").stderr.splitlines()
    assert [line[:12] for line in lines] == ["error: a.txt", "error: b.txt", "  hint: save"]


def test_a_file_may_hold_several_outputs(curve, lc, write_spec, outputs):
    np.savetxt("two.txt", outputs[:2])
    result = lc("transform", write_spec(SPEC), "--input", "two.txt", "--json", "--quiet")
    names = [one["input"] for one in json.loads(result.stdout)["examples"]]
    assert names == ["two.txt, output 1", "two.txt, output 2"]
    assert Path("runs/up-transform-0").is_dir() and not result.stderr


OF_SAMPLING = {
    "settings of gradient": (
        "    engine: {use: gradient, params: {steps: 120, lr: 0.2}}\n",
        ["engine.params.steps=120", "engine.params.lr=0.2"],
    ),
    "no settings": ("    engine: gradient\n", []),
    "rejection": (
        "    base: data\n    engine: {use: rejection, params: {block: 64}}\n",
        ["engine=rejection", "engine.params.block=64", "base=data"],
    ),
    "sample": (
        "    base: prior\n    sample: {count: 100, seed: 3, budget: 200, unique: true}\n",
        ["base=prior", "sample.count=100", "sample.budget=200", "sample.unique=True"],
    ),
    "a seed": ("    sample: {seed: 3}\n", []),
}


@pytest.mark.parametrize(("more", "left"), OF_SAMPLING.values(), ids=OF_SAMPLING)
def test_what_a_spec_says_for_sampling_is_left_and_told_in_one_line(more, left, curve, lc, write_spec, files):
    plain = lc("transform", write_spec(SPEC), "--input", files[0], files[1], "--out", "plain", "--seed", "3")
    result = lc("transform", write_spec(SPEC + more), "--input", files[0], files[1], "--out", "run", "--seed", "3")
    assert (plain.exit_code, result.exit_code) == (0, 0), result.output
    told = [line for line in result.stderr.splitlines() if line.startswith("left out, since it is for sampling")]
    assert [line.rpartition(": ")[2] for line in told] == ([", ".join(left)] if left else [])
    assert json.loads(Path("run/report.json").read_text()).get("left_out", []) == left
    samples = [Path(run, "samples.safetensors").read_bytes() for run in ("plain", "run")]
    assert samples[0] == samples[1], "the edit is that of the same spec without them"


def test_an_actor_that_was_fitted_to_sample_is_fitted_anew_for_edits(curve, lc, write_spec, files):
    small = ("--set", "engine.params={hidden: 16, round_steps: 5}")
    assert lc("fit", write_spec(SPEC), "--engine", "actor", *small, "--out", "fitted").exit_code == 0
    spec = write_spec(SPEC + "    engine: {use: actor, params: {folder: fitted}}\n")
    assert lc("sample", spec, "--count", "2").exit_code == 0
    result = lc("transform", spec, "--input", *files[:2], "--json", "--out", "run")
    assert result.exit_code in (0, 3), result.stderr
    assert json.loads(result.stdout)["left_out"] == ["engine.params.folder=fitted"]


def test_a_command_that_names_an_engine_for_sampling_is_refused(curve, lc, write_spec, files):
    given = ("transform", write_spec(SPEC), "--input", files[0], "--engine")
    result = lc(*given, "gradient", "--set", "engine.params.steps=9")
    assert result.exit_code == 2 and "--engine edit" in result.stderr
    result = lc(*given, "rejection")
    assert result.exit_code == 2 and "rejection draws outputs and edits none" in result.stderr
    assert lc(*given, "edit", "--set", "engine.params.steps=50", "--out", "edited").exit_code == 0
    assert lc("transform", write_spec(SPEC)).exit_code == 2, "no input"


def test_keep_in_a_spec(curve, lc, write_spec, files):
    spec = write_spec(SPEC + "    keep: all\n")
    result = lc("transform", spec, "--input", *files, "--json")
    report = json.loads(result.stdout)
    assert result.exit_code == 0
    assert [(one["label"], one["as"]) for one in report["kept"]] == [("last", {"verdict": {"at_least": 0.0}})]
    assert report["watched"] == []
    assert "- use: curve.last\n" in Path("runs/up-transform-0/spec.yaml").read_text().partition("keep:")[2]
    named = "    keep: [high, {use: curve.last, tolerance: 0.5}]\n"
    report = json.loads(lc("transform", write_spec(SPEC + named), "--input", *files, "--json", "--out", "b").stdout)
    assert [one["use"] for one in report["kept"]] == ["curve.middle", "curve.last"]
    assert report["kept"][1]["as"] == {"tolerance": 0.5}


def test_what_is_wrong_in_keep_is_told_at_its_place(curve, lc, write_spec):
    named = "    keep: [curve.lst, {use: curve.last, tolerance: -1}, {use: curve.last, tolerence: 1}, curve.other]\n"
    told = lc("validate", write_spec(SPEC + named)).output
    assert "9:8: error: unknown constraint 'curve.lst' (did you mean curve.last?)" in told
    assert "greater than or equal to 0; found -1" in told
    assert "unknown key 'tolerence' (did you mean tolerance?)" in told
    assert "curve.other measures other/1, but the model makes curve/1" in told


def test_sampling_says_that_it_ignores_keep(curve, lc, write_spec):
    spec = write_spec(SPEC + "    keep: [curve.last]\n")
    result = lc("sample", spec, "--engine", "rejection", "--count", 2)
    assert "note: keep says what lc transform must not change" in result.stdout


def test_transform_is_listed_and_needs_a_spec():
    assert main.get_command(None, "transform") is not None
