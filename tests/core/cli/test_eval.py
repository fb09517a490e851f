"""`lc eval`: the tables, JSON, and what is refused."""

from __future__ import annotations

import json
import shutil

import pytest

SPEC = """
    lc: 1
    name: lines
    model: line.model
    constraints:
      - {use: line.first, at_least: 2}
      - any: [{use: line.mean, at_most: 0}, {use: line.spread, at_least: 5}]
      - {use: line.mean, at_most: 1, require: false, label: low}
    engine: {use: rejection, params: {block: 64}}
    sample: {count: 60, seed: 3}
"""


@pytest.fixture
def evaluate(lc):
    """Run `lc eval` with a few steps of its classifier."""
    return lambda *arguments: lc("eval", *arguments, "--steps", 20)


@pytest.fixture
def sample(line, lc, write_spec, tmp_path):
    """Run `lc sample` and return its folder."""

    def run(*options, text=SPEC, out="run"):
        result = lc("sample", write_spec(text), "--out", out, "--quiet", *options)
        assert result.exit_code in (0, 3), result.output
        return tmp_path / "work" / out

    return run


def test_a_run_is_told_in_tables_with_what_its_figures_are_figures_of(sample, evaluate):
    sample()
    result = evaluate("run")
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[0][:6] == ["run:", "lines,", "engine", "rejection,", "seed", "3;"]
    assert [line[0] for line in lines[2:8]] == ["first", "any", "mean", "spread", "low", "all"]
    assert ["60", "of", "60,"] == lines[8][1:4]
    heads = next(line for line in lines if "AUC" in line)
    assert heads[-6:] == ["N", "AUC", "precision", "recall", "density", "coverage"]
    assert [line[0] for line in lines[lines.index(heads) + 1 :][:2]] == ["delivered", "other"]
    assert "space: random projection/1" in result.stdout and "two-sample/1, 20 steps on 50 %" in result.stdout
    assert "100 %" in result.stdout and "note: 60 outputs in each set are few" in result.stdout


def test_json_is_all_that_is_printed_and_a_file_is_written_only_if_asked_for(sample, evaluate, tmp_path):
    folder = sample()
    before = sorted(folder.rglob("*"))
    result = evaluate("run", "--json", "--exact", 30, "--out", "figures/eval.json")
    figures = json.loads(result.stdout)
    assert figures["runs"][0]["figures"]["n"] == figures["runs"][0]["against"]["n"] == 30
    assert json.loads((tmp_path / "work" / "figures" / "eval.json").read_text()) == figures
    assert sorted(folder.rglob("*")) == before


def test_several_runs_are_told_in_turn_and_one_can_be_what_they_are_compared_with(sample, evaluate):
    sample(out="one")
    sample("--seed", 4, out="other")
    sample("--seed", 5, "--count", 120, out="exact")
    figures = json.loads(evaluate("one", "other", "--against", "exact", "--json").stdout)
    assert [one["run"] for one in figures["runs"]] == ["one", "other"]
    assert {one["against"]["what"] for one in figures["runs"]} == {"exact samples of exact"}
    assert "line has no held-out data" in evaluate("one", "--against", "data").stderr


def report_without(folder, key):
    report = json.loads((folder / "report.json").read_text())
    del report[key]
    (folder / "report.json").write_text(json.dumps(report))


def other_weights(folder):
    about = json.loads((folder / "environment.json").read_text())
    about["model"]["digest"] = "0" * 64
    (folder / "environment.json").write_text(json.dumps(about))


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (shutil.rmtree, "run is no folder of a run"),
        (lambda folder: shutil.rmtree(folder / "blocks") or (folder / "report.json").unlink(), "it has no report.json"),
        (lambda folder: (folder / "report.json").unlink(), "the run in run is not finished"),
        (lambda folder: (folder / "report.json").write_text("{"), "report.json cannot be read"),
        (lambda folder: (folder / "report.json").write_text("[]"), "report.json holds no object"),
        (lambda folder: (folder / "samples.safetensors").write_bytes(b"x"), "samples.safetensors cannot be read"),
        (lambda folder: (folder / "spec.yaml").unlink(), "saved from Python"),
        (lambda folder: report_without(folder, "distinct"), "report.json lacks distinct: it was written by lc "),
        (other_weights, "was made with other weights or another version of line"),
    ],
)
def test_what_is_no_run_that_can_be_read_is_refused(sample, evaluate, harm, message):
    harm(sample())
    result = evaluate("run")
    assert result.exit_code == 2 and message in result.stderr
    assert "Traceback" not in result.stderr and result.stdout == ""


def test_a_run_that_delivered_nothing_is_refused(sample, evaluate):
    sample("--set", "constraints.0.at_least=1000", "--budget", 64)
    result = evaluate("run")
    assert result.exit_code == 2 and "run delivered no output in 64 tries" in result.stderr


def test_runs_of_different_models_are_refused(sample, evaluate):
    sample()
    sample("--set", "model.params.scale=3.0", out="wide")
    result = evaluate("run", "wide")
    assert result.exit_code == 2
    assert "run and wide are runs of different models: line and line, with other weights" in result.stderr


def test_conditions_that_are_too_rare_are_told_with_the_tries_that_were_spent(sample, evaluate):
    sample()
    result = evaluate("run", "--budget", 1)
    assert result.exit_code == 0
    sample("--set", "constraints.0.at_least=13", "--count", 20, out="rare")
    result = evaluate("rare", "--budget", 1)
    assert result.exit_code == 2
    assert "exact samples under first, any cannot be had: " in result.stderr
    assert "of 1,024 draws meet all conditions" in result.stderr and "--against RUN" in result.stderr
