"""`lc sample`, `lc show` and `lc fit`: what they print, where, and with which status they end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.numpy import load_file

SPEC = """
    lc: 1
    name: lines
    model: line.model
    constraints:
      - {use: line.first, at_least: 2}
      - any:
          - {use: line.mean, at_most: 0}
          - not: {use: line.spread, between: [2, 12]}
      - {use: line.ratio, target: 1, tolerance: 0.5, require: false}
    engine: {use: rejection, params: {block: 64}}
    sample: {count: 4}
    render: [text]
"""
RARE = """
    lc: 1
    name: rare
    model: line.model
    constraints:
      - {use: line.first, at_least: 5}
      - {use: line.mean, at_most: -1}
      - {use: line.spread, at_most: 30, label: narrow}
    engine: {use: rejection, params: {block: 64}}
    sample: {count: 64, budget: 12800}
    render: [text]
"""
NEVER = RARE.replace("at_most: -1", "at_most: -1000")


def test_a_run_ends_with_a_table_and_tells_where_the_files_are(line, lc, write_spec):
    result = lc("sample", write_spec(SPEC))
    assert result.exit_code == 0
    lines = [one.split("  ") for one in result.stdout.splitlines()]
    cells = [[cell.strip() for cell in one if cell.strip()] for one in lines]
    assert cells[0] == ["constraint", "wanted", "met by tries", "by delivered", "mean"]
    assert cells[1][:2] == ["first", "at least 2"] and cells[1][3] == "100.0%" and cells[1][4].endswith(" steps")
    assert [one[:2] for one in cells[2:7]] == [
        ["any", "any of"], ["mean", "at most 0"], ["not", "not"], ["spread", "2 to 12"],
        ["ratio (preference)", "1 ± 0.5"],
    ]  # fmt: skip
    assert cells[7][0] == "all conditions" and cells[7][-1] == "100.0%"
    assert "4 of 4 in 64 tries, 64 decodes; 0.0 s preparing, " in result.stdout
    assert "files: runs/lines-0/outputs" in result.stdout
    assert "report: runs/lines-0/report.html" in result.stdout
    assert result.stderr.splitlines() == [
        "sampling: 4 wanted, at most 1,000,000 tries, in 15,625 blocks of 64 (--budget)",
        "4 of 4 in 64 tries",
        "writing 4 outputs to runs/lines-0",
    ]


def test_without_a_renderer_it_says_why_there_are_no_files(line, lc, write_spec):
    without = write_spec(SPEC.replace("render: [text]", "render: []"))
    assert "files: none, since the spec has no render:" in lc("sample", without).stdout


def test_json_is_the_report_and_nothing_else(line, lc, write_spec, tmp_path):
    result = lc("sample", write_spec(SPEC), "--json", "--out", "run")
    assert result.exit_code == 0
    assert result.stdout == (tmp_path / "work" / "run" / "report.json").read_text()
    assert json.loads(result.stdout)["delivered"] == 4


def test_what_a_plugin_prints_does_not_get_between(line, lc, write_spec):
    noisy = SPEC.replace("use: line.first, at_least: 2", "use: line.faulty, params: {fault: print}")
    result = lc("sample", write_spec(noisy), "--json")
    assert json.loads(result.stdout)["delivered"] == 4
    assert "noise of a plugin" in result.stderr


def test_quiet_prints_nothing(line, lc, write_spec):
    result = lc("sample", write_spec(SPEC), "--quiet")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    spent = lc("sample", write_spec(NEVER), "--quiet", "--budget", 64)
    assert (spent.exit_code, spent.stdout, spent.stderr) == (3, "", "")


def test_a_spent_budget_saves_and_tells_what_there_is(line, lc, write_spec, tmp_path):
    result = lc("sample", write_spec(RARE), "--out", "run")
    assert result.exit_code == 3
    report = json.loads((tmp_path / "work" / "run" / "report.json").read_text())
    found = report["delivered"]
    assert 0 < found < 64
    assert f"{found} of 64 in 12,800 tries" in result.stdout
    assert f"{found} of 64 in 12,800 tries" in result.stderr
    assert "the budget is spent; of all tries, this share met" in result.stdout
    assert "all but first" in result.stdout
    assert "first + mean" in result.stdout
    assert "the same command with a larger --budget goes on from here" in result.stdout
    assert "the tries that came nearest are in run/nearest" in result.stdout
    folder = tmp_path / "work" / "run"
    assert len(load_file(folder / "samples.safetensors")["z"]) == found
    assert len(list((folder / "outputs").iterdir())) == found
    assert (folder / "sheet.txt").read_text() == f"{found} outputs"
    nearest = load_file(folder / "nearest" / "samples.safetensors")
    assert {one.name for one in (folder / "nearest").glob("0*")} == {f"{n:06d}.txt" for n in range(4)}
    assert nearest["index"].tolist() == [one["index"] for one in report["nearest"]]
    assert (folder / "nearest" / "000000.txt").read_text() == " ".join(map(str, nearest["x"][0]))
    assert "12,800" in (folder / "report.html").read_text()


def test_what_no_output_meets_ends_with_none_and_the_nearest(line, lc, write_spec, tmp_path):
    result = lc("sample", write_spec(NEVER), "--budget", 100, "--out", "run")
    assert result.exit_code == 3
    assert "0 of 64 in 128 tries" in result.stdout
    report = json.loads((tmp_path / "work" / "run" / "report.json").read_text())
    assert report["blocking"]["alone"]["mean"] == 0
    assert report["all"] == {"satisfied_before": 0.0, "satisfied_after": None}
    assert len(report["nearest"]) == 4
    samples = load_file(tmp_path / "work" / "run" / "samples.safetensors")
    assert {name: array.shape for name, array in samples.items()} == {
        "z": (0, 4), "x": (0, 6), "index": (0,), "first": (0,), "mean": (0,), "narrow": (0,),
    }  # fmt: skip


def test_a_spent_budget_as_json_still_ends_with_its_status(line, lc, write_spec):
    result = lc("sample", write_spec(NEVER), "--budget", 64, "--json")
    assert result.exit_code == 3
    assert json.loads(result.stdout)["status"] == "budget spent"
    assert "0 of 64 in 64 tries" in result.stderr


def test_the_same_command_on_a_spent_budget_gives_the_same_and_a_larger_one_goes_on(
    line, lc, write_spec, tmp_path, content_of
):
    run, other = tmp_path / "work" / "run", tmp_path / "work" / "other"
    for _ in range(2):
        assert lc("sample", write_spec(RARE), "--budget", 100, "--out", "run").exit_code == 3
        assert lc("sample", write_spec(RARE), "--budget", 100, "--out", "other").exit_code == 3
        assert content_of(run) == content_of(other)
        other.rename(tmp_path / f"old-{len(list(tmp_path.iterdir()))}")
    blocks = {one.name: one.read_bytes() for one in (run / "blocks").glob("0*")}
    assert lc("sample", write_spec(RARE), "--budget", 9000, "--count", 5, "--out", "run").exit_code == 0
    assert lc("sample", write_spec(RARE), "--budget", 9000, "--count", 5, "--out", "other").exit_code == 0
    assert content_of(run) == content_of(other)
    assert blocks.items() <= {one.name: one.read_bytes() for one in (run / "blocks").glob("0*")}.items()
    assert not (run / "nearest").exists()


def test_a_missing_spec_and_a_bad_option_are_mistakes_of_the_user(line, lc):
    assert lc("sample", "nowhere.yaml").exit_code == 2
    assert lc("sample", "nowhere.yaml", "--count", "0").exit_code == 2
    assert lc("sample", "nowhere.yaml", "--device", "abacus").exit_code == 2


def test_show_writes_the_resolved_spec_and_the_engines_that_fit(line, lc, write_spec):
    result = lc("show", write_spec(SPEC), "--set", "sample.count=9")
    assert result.exit_code == 0
    assert "count: 9" in result.stdout and "block: 64" in result.stdout
    assert "model: latents (4,), line/1, decode without a gradient, no encoder and no realism critic:" in result.stdout
    assert "  rejection: fits\n" in result.stdout
    assert "  gradient: fits\n" in result.stdout


def test_show_says_what_an_engine_leaves_out(line, lc, write_spec):
    assert "rejection: fits; rejection ignores realism" in lc("show", write_spec(SPEC + "    realism: 1.0\n")).stdout


def test_fit_keeps_what_a_run_then_finds(line, lc, write_spec, monkeypatch, tmp_path):
    monkeypatch.setenv("LC_CACHE_DIR", str(tmp_path / "cache"))
    gradient = SPEC.replace("{use: rejection, params: {block: 64}}", "{use: gradient, params: {steps: 8}}")
    fit = lc("fit", write_spec(gradient))
    assert fit.exit_code == 0
    assert [one.split(":")[0] for one in fit.stdout.splitlines()[:4]] == [
        "critic of first", "critic of mean", "critic of spread", "critic of ratio",
    ]  # fmt: skip
    assert "satisfied at the last step, by round:" in fit.stdout
    assert "fitting a critic of line.first" in fit.stderr
    run = lc("sample", write_spec(gradient), "--json")
    assert "fitting" not in run.stderr
    card = json.loads(run.stdout)["fit"]
    quiet = lc("fit", write_spec(gradient), "--quiet")
    assert (quiet.exit_code, quiet.output) == (0, "")
    again = lc("fit", write_spec(gradient), "--json")
    assert again.stderr == ""
    assert json.loads(again.stdout) == card
    refit = lc("fit", write_spec(gradient), "--refit", "--json")
    assert "fitting a critic of line.first" in refit.stderr
    assert json.loads(refit.stdout) == card


def test_a_critic_that_is_cached_is_judged_at_the_want_of_each_spec(line, lc, write_spec):
    gradient = SPEC.replace("{use: rejection, params: {block: 64}}", "{use: gradient, params: {steps: 8}}")
    rates = []
    for bound in (1, 4):
        card = lc("fit", write_spec(gradient), "--json", "--set", f"constraints.0.at_least={bound}").stdout
        rates.append(json.loads(card)["held_out"]["first"]["rate"])
    assert rates[0] > rates[1] > 0


def test_fit_of_what_needs_none_says_so(line, lc, write_spec):
    assert lc("fit", write_spec(SPEC)).stdout == "rejection needs no fit\n"


def test_a_damaged_cache_is_fitted_again_and_told(line, lc, write_spec, monkeypatch, tmp_path, content_of):
    cache = tmp_path / "cache"
    monkeypatch.setenv("LC_CACHE_DIR", str(cache))
    text = SPEC.replace("{use: rejection, params: {block: 64}}", "{use: gradient, params: {steps: 8}}")
    spec = write_spec(text)
    lc("sample", spec, "--out", "before")
    (critic,) = [one for one in cache.glob("critic-*/") if "line.first" in (one / "config.json").read_text()]
    weights, config = critic / "weights.safetensors", critic / "config.json"
    damages = {
        "truncated": lambda: weights.write_bytes(weights.read_bytes()[:500]),
        "changed": lambda: weights.write_bytes(weights.read_bytes()[:-8] + bytes(8)),
        "without weights": weights.unlink,
        "without config": config.unlink,
        "no JSON": lambda: config.write_text("{"),
    }
    for name, damage in damages.items():
        damage()
        result = lc("sample", spec, "--out", name)
        assert result.exit_code == 0
        assert f"cached critic {critic.name} is damaged" in result.stderr and "fitting it again" in result.stderr
        assert content_of(tmp_path / "work" / name) == content_of(tmp_path / "work" / "before")
    assert lc("fit", spec).stderr == ""


def test_a_fit_that_cannot_be_kept_for_a_full_disk_still_serves(line, lc, write_spec, monkeypatch, tmp_path):
    opened = Path.open

    def full(path, *arguments, **settings):
        if path.name.startswith(".weights.safetensors"):
            raise OSError(28, "No space left on device")
        return opened(path, *arguments, **settings)

    monkeypatch.setenv("LC_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(Path, "open", full)
    text = SPEC.replace("{use: rejection, params: {block: 64}}", "{use: gradient, params: {steps: 8}}")
    result = lc("sample", write_spec(text))
    assert result.exit_code == 0
    assert "the fitted critic cannot be kept" in result.stderr and "No space left" in result.stderr
    assert not list((tmp_path / "cache").glob("critic-*/weights.safetensors"))


def test_a_cache_that_cannot_be_written_is_told(line, lc, write_spec, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("LC_CACHE_DIR", str(tmp_path / "file"))
    spec = write_spec(SPEC.replace("{use: rejection, params: {block: 64}}", "{use: gradient, params: {steps: 8}}"))
    result = lc("sample", spec)
    assert result.exit_code == 2
    assert "cannot be written" in result.stderr and "set LC_CACHE_DIR" in result.stderr


def test_realism_of_a_model_without_an_encoder_is_what_is_typical_of_its_prior_and_the_report_says_so(
    line, lc, write_spec
):
    result = lc("sample", write_spec(SPEC), "--engine", "gradient", "--set", "realism=0.5", "--out", "typical")
    assert result.exit_code == 0
    assert "note: line has no encoder and no realism critic: realism is how typical a latent is" in result.stdout
    assert json.loads(Path("typical/report.json").read_text())["realism"] < 2


def test_an_interruption_says_how_to_go_on(line, lc, write_spec, monkeypatch, tmp_path):
    decode = line.Line.decode

    def interrupt(self, z):
        decoded.append(len(z))
        if sum(decoded) > 500:  # that a model is sane is seen before
            raise KeyboardInterrupt
        return decode(self, z)

    monkeypatch.setenv("LC_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(line.Line, "decode", interrupt)
    gradient = SPEC.replace("{use: rejection, params: {block: 64}}", "{use: gradient, params: {steps: 8}}")
    decoded = []
    result = lc("sample", write_spec(gradient), "--quiet")
    assert (result.exit_code, result.stdout) == (130, "")
    assert "interrupted; give the same command again to go on" in result.stderr
    decoded = []
    assert "give the same command again to go on" in lc("fit", write_spec(gradient)).stderr


@pytest.mark.parametrize("count", [1, 7])
def test_melodies_are_the_same_whatever_the_count(lc, tmp_path, monkeypatch, write_spec, count):
    monkeypatch.chdir(tmp_path)
    text = """
        lc: 1
        model: melody.folk-2bar
        constraints: [{use: melody.in_scale, params: {tonic: C, mode: major}}]
        engine: {use: rejection, params: {block: 128}}
        render: [midi]
    """
    few, many = (lc("sample", write_spec(text), "--count", n, "--out", f"run{n}") for n in (count, 20))
    assert (few.exit_code, many.exit_code) == (0, 0)
    for name in sorted(one.name for one in (tmp_path / f"run{count}" / "outputs").iterdir()):
        parts = [(tmp_path / f"run{n}" / "outputs" / name).read_bytes() for n in (count, 20)]
        assert parts[0] == parts[1]
    fewer, more = (load_file(tmp_path / f"run{n}" / "samples.safetensors") for n in (count, 20))
    assert all(fewer[name].tobytes() == more[name][:count].tobytes() for name in more)
