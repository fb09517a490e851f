"""Plugins that fail while a run goes on: each is named, with what it did and on which output; the status is 2."""

from __future__ import annotations

import json
import sys
import time

import numpy as np
import pytest

from lc_core.errors import LCError

SPEC = """
    lc: 1
    name: lines
    model: line.model
    constraints: [{use: line.first, at_least: 2}]
    engine: {use: rejection, params: {block: 64}}
    sample: {count: 4, seed: 1}
    render: [text]
"""


@pytest.fixture
def fails(line, lc, write_spec):
    """Run `lc sample` on a changed spec and return what it tells as an error."""

    def run(*changes, text=SPEC):
        options = [part for one in changes for part in ("--set", one)]
        result = lc("sample", write_spec(text), "--out", "run", "--quiet", *options)
        assert (result.exit_code, result.stdout) == (2, ""), result.output
        assert "Traceback" not in result.stderr
        return result.stderr

    return run


def rule(fault, above=5):
    return f"constraints.0={{use: line.faulty, params: {{fault: {fault}, above: {above}}}}}"


def offending(line, above, *, seed=1):
    """Return the index of the first try whose first number is above a bound."""
    import torch

    from lc_core.common.seeds import block_generator

    starts = [line.Line().sample_prior(64, block_generator(seed, number)) for number in range(10)]
    return int(np.flatnonzero(line.Line().decode(torch.cat(starts))[:, 0] > above)[0])


@pytest.mark.parametrize("above", [0, 5, 7])
@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("nan", "returned nan for output {index}"),
        ("inf", "returned inf for output {index}"),
        ("change", "changed its input (output {index}); it must leave it as it is"),
        ("raise", "raised ZeroDivisionError: oh"),
        ("exit", "raised SystemExit: 0"),
    ],
)
def test_a_rule_that_fails_is_named_with_the_output(fails, line, fault, told, above):
    index = offending(line, above)
    text = fails(rule(fault, above), "sample.count=500")
    assert f"error: measurement line.faulty (from lc-line) {told.format(index=index)}" in text
    if fault in ("raise", "exit"):
        assert f"output {index} was being measured" in text
    if fault == "nan":
        assert "undefined=" in text


def test_a_slow_rule_that_fails_is_not_called_for_long_to_find_the_output(monkeypatch):
    from lc_core.constraints.measurement import Measurement

    calls = []
    monkeypatch.setattr("time.monotonic", lambda: 3.0 * len(calls))

    def slow(outputs):
        calls.append(len(outputs))
        if 63 in outputs:
            raise ValueError("odd")
        return outputs

    with pytest.raises(LCError, match="raised ValueError: odd") as caught:
        Measurement(slow)(np.arange(64))
    assert caught.value.hint == "outputs 0 to 63 were being measured"
    assert len(calls) < 5, "three seconds each"


def test_a_differentiable_form_that_ends_the_process_is_named():
    import torch

    from lc_core.constraints.measurement import Measurement
    from lc_core.energy.decoder_guide import values_of
    from tests.core.line_plugin import faulty

    with pytest.raises(LCError, match="the differentiable form of faulty raised SystemExit: 0"):
        values_of(Measurement(faulty, {"fault": ""}), torch.zeros(2, 6))


def test_a_command_that_foreign_code_ends_has_not_done_its_work(line, lc, write_spec, monkeypatch):
    monkeypatch.setattr(line.Line, "name", property(lambda self: sys.exit(0)))
    result = lc("sample", write_spec(SPEC), "--quiet")
    assert result.exit_code == 2
    assert "error: lc sample was ended by sys.exit(0) in " in result.stderr


def test_a_rule_that_returns_complex_numbers_is_refused(fails):
    text = fails(rule("complex", 0))
    assert "error: measurement line.faulty (from lc-line) returned complex128, not one number per output" in text
    assert "ComplexWarning" not in text


def test_a_rule_that_returns_another_shape_is_named(fails):
    text = fails(rule("shape", 0))
    assert "error: measurement line.faulty (from lc-line) returned shape (64, 2) for outputs 0 to 63" in text


@pytest.mark.parametrize("fault", ["nan", "raise", "change"])
def test_a_rule_that_fails_while_critics_are_fitted_is_named(fails, fault):
    text = fails(rule(fault, 2), "engine={use: gradient, params: {steps: 5}}")
    assert "error: measurement line.faulty (from lc-line) " in text
    assert "a number counts the samples that were decoded together for a fit" in text


def test_blocks_before_a_failure_are_kept(fails, tmp_path):
    fails(rule("nan", 12), "sample.count=5000")
    kept = sorted((tmp_path / "work" / "run" / "blocks").glob("0*"))
    assert len(kept) > 1
    assert not (tmp_path / "work" / "run" / "report.json").exists()


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("raise", "raised ZeroDivisionError: oh"),
        ("exit", "raised SystemExit: 7"),
        ("count", "returned shape (49, 6) for 50 latents; expected (50, ...)"),
        ("nan", "returned a value that is not finite for latent "),
        ("text", "returned <U21; expected an array of numbers"),
    ],
)
@pytest.mark.parametrize("engine", ["rejection", "{use: gradient, params: {steps: 5}}"])
def test_a_model_that_fails_to_decode_is_named(fails, line, monkeypatch, fault, told, engine):
    monkeypatch.setattr(line.Line, "digest", "line", raising=False)
    text = fails(f"model={{use: line.model, params: {{fault: {fault}}}}}", f"engine={engine}")
    assert "error: decode of line (from lc-line) " + (told if "shape" not in told else "returned shape (") in text


def test_the_latent_that_a_model_fails_on_is_told_by_its_index(fails, line, monkeypatch):
    import torch

    from lc_core.common.seeds import block_generator

    monkeypatch.setattr(line.Line, "digest", "line", raising=False)
    z = torch.cat([line.Line().sample_prior(64, block_generator(1, number)) for number in range(2)])
    index = int(np.flatnonzero((line.Line().decode(z) > 5).any(axis=1))[0])
    text = fails("model={use: line.model, params: {fault: nan}}")
    assert f"not finite for latent {index}\n" in text


def test_a_model_that_fails_where_it_is_identified_is_named(fails):
    assert "error: decode of line (from lc-line) raised ZeroDivisionError: oh" in fails("model.params={fault: raise}")


def test_a_model_that_hangs_is_named(fails, line, monkeypatch):
    monkeypatch.setenv("LC_PLUGIN_TIMEOUT", "8")  # all else has to answer within it
    monkeypatch.setattr(line.Line, "digest", "line", raising=False)
    monkeypatch.setattr(line.Line, "decode", lambda self, z: time.sleep(600))
    assert "error: decode of line (from lc-line) has not answered within 8 seconds" in fails()


@pytest.mark.parametrize(
    ("prior", "told"),
    [
        ("lambda self, n, g: 1 / 0", "raised ZeroDivisionError: division by zero"),
        ("lambda self, n, g: torch.zeros(n, 5)", "returned shape (2, 5); expected (2, 4)"),
        ("lambda self, n, g: torch.full((n, 4), torch.nan)", "returned a value that is not finite"),
    ],
)
def test_a_prior_that_fails_is_named(fails, line, monkeypatch, prior, told):
    import torch

    monkeypatch.setattr(line.Line, "digest", "line", raising=False)
    monkeypatch.setattr(line.Line, "sample_prior", eval(prior, {"torch": torch}))
    assert f"error: sample_prior of line (from lc-line) {told}" in fails()


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("line.badly", "model line.badly (from lc-line) raised ZeroDivisionError: no weights"),
        ("line.nothing", "model line.nothing (from lc-line) is object; expected a LatentModel"),
    ],
)
@pytest.mark.parametrize("command", ["sample", "show", "fit"])
def test_a_model_that_cannot_be_loaded_is_named(line, lc, write_spec, model, told, command):
    result = lc(command, write_spec(SPEC), "--set", f"model={model}")
    assert result.exit_code == 2
    assert f"error: {told}" in result.stderr


def test_a_model_that_makes_other_outputs_than_it_says_is_named(fails):
    text = fails("model=line.other", "constraints=[]", "render=[]")
    assert "error: model line.other (from lc-line) makes line/1, but is registered as making curve/1" in text


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("raise", " on output 0 raised KeyError: 'pen'"),
        ("missing", " on output 0 raised FileNotFoundError: "),
        ("nothing", " on output 0 wrote no 000000.txt"),
        ("sheet", " on the sheet of outputs raised KeyError: 'paper'"),
        ("build", " raised FileNotFoundError: no font"),
    ],
)
def test_a_renderer_that_fails_is_named(fails, fault, told):
    text = fails(f"render=[{{use: text, params: {{fault: {fault}}}}}]")
    assert f"error: renderer line.text (from lc-line){told}" in text


def test_a_renderer_that_cannot_be_built_is_told_before_anything_is_run(fails, tmp_path):
    fails("render=[{use: text, params: {fault: build}}]")
    assert not (tmp_path / "work" / "run").exists()


def test_a_full_disk_is_no_fault_of_the_renderer(fails):
    assert "error: run folder run: the disk is full" in fails("render=[{use: text, params: {fault: full}}]")


def test_a_renderer_that_changes_its_input_changes_no_sample(line, lc, write_spec, tmp_path):
    from safetensors.numpy import load_file

    change = "render=[{use: text, params: {fault: change}}]"
    for out, options in (("plain", ()), ("changed", ("--set", change))):
        assert lc("sample", write_spec(SPEC), "--out", out, *options).exit_code == 0
    plain, changed = (load_file(tmp_path / "work" / out / "samples.safetensors") for out in ("plain", "changed"))
    assert np.array_equal(plain["x"], changed["x"])


ENGINES = """
    from lc_core.engines.base import Engine
    from lc_core.plugins.hookspecs import hookimpl

    class Raising(Engine):
        steps = 3
        block = 16
        def step(self, state, energy, model, number):
            raise ZeroDivisionError("oh")

    class Lost(Raising):
        def step(self, state, energy, model, number):
            z = state[0].clone()
            z[5] = float("nan")
            return (z,)

    class Unbuilt(Raising):
        def __init__(self):
            raise ZeroDivisionError("oh")

    class Nothing:
        pass

    @hookimpl
    def lc_register_engines(register):
        register("bad.raising", Raising)
        register("bad.lost", Lost)
        register("bad.unbuilt", Unbuilt)
        register("bad.none", Nothing)
"""


@pytest.mark.parametrize(
    ("engine", "told"),
    [
        ("bad.raising", "engine Raising (lc_bad) raised ZeroDivisionError: oh"),
        ("bad.lost", "engine lost ended try 5 at a latent that is not finite"),
        ("bad.unbuilt", "engine bad.unbuilt (from lc-bad) raised ZeroDivisionError: oh"),
        ("bad.none", "engine bad.none (from lc-bad) is Nothing; expected an Engine"),
    ],
)
def test_an_engine_that_fails_is_named(install_plugin, fails, engine, told):
    install_plugin("lc-bad", ENGINES)
    assert told in fails(f"engine={engine}", "constraints=[]")


def test_show_goes_on_after_an_engine_that_cannot_be_built(install_plugin, line, lc, write_spec):
    install_plugin("lc-bad", ENGINES)
    result = lc("show", write_spec(SPEC))
    assert result.exit_code == 0
    assert "  bad.unbuilt: no: it raised ZeroDivisionError: oh\n" in result.stdout
    assert "  rejection: fits\n" in result.stdout


def test_an_undeclared_infinity_is_refused_even_where_values_may_be_undefined(line, fails, monkeypatch):
    monkeypatch.setattr(line, "np", _Infinite())
    assert "measurement line.ratio (from lc-line) returned inf for output" in fails(
        "constraints.0={use: line.ratio, at_least: 0}"
    )


class _Infinite:
    """numpy, whose NaN is infinite."""

    nan = np.inf

    def __getattr__(self, name):
        return getattr(np, name)


def test_undefined_values_are_null_in_the_report_and_told_in_the_page(line, lc, write_spec, tmp_path):
    text = SPEC.replace(
        "[{use: line.first, at_least: 2}]",
        "[{use: line.first, between: [0, 0]}, {use: line.ratio, at_least: 0, require: false}]",
    )
    assert lc("sample", write_spec(text), "--out", "run").exit_code == 0
    folder = tmp_path / "work" / "run"
    text = (folder / "report.json").read_text()
    assert "NaN" not in text
    assert json.loads(text)["constraints"][1]["mean_measurement"] is None
    assert "undefined" in (folder / "report.html").read_text()


def test_conditions_that_exclude_each_other_by_measuring_end_with_status_3(line, lc, write_spec):
    text = SPEC.replace(
        "[{use: line.first, at_least: 2}]", "[{use: line.spread, at_most: 1}, {use: line.first, at_least: 20}]"
    )
    result = lc("sample", write_spec(text), "--budget", "640")
    assert result.exit_code == 3
    assert "0 of 4 in 640 tries" in result.stdout


def test_a_rule_that_never_changes_is_told_and_named(fails, line):
    text = fails("constraints.0={use: line.constant, at_least: 1}", "engine={use: gradient, params: {steps: 5}}")
    assert "error: constant cannot be reached: line.constant is 0 on every sample that was decoded" in text
    assert "rejection searches without a slope" in text
