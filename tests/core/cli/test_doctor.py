"""`lc doctor`: tells what is well and what is not, and goes on after a failure."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from lc_core.cli import main

PLUGIN = """
    from lc_core.errors import LCError
    from lc_core.models.latent_model import LatentModel, Posterior
    from lc_core.plugins.hookspecs import hookimpl

    class Line(LatentModel):
        name, latent_shape, output_type = "line", (3,), "line/1"

        def __init__(self, scale=1.0):
            self.scale = scale

        def decode(self, z):
            return z * self.scale

    class Complete(Line):
        def encode(self, outputs):
            import torch
            mean = torch.as_tensor(outputs)
            return Posterior(mean, torch.ones_like(mean))

        def realism(self):
            import torch
            return torch.nn.Sequential(torch.nn.Linear(3, 1), torch.nn.Flatten(0))

    class Steps(Line):
        def decode(self, z):
            return (z[:, :1] > 0).long()

    def good(*, scale: float = 1.0): return Line(scale)
    def complete(): return Complete()
    def collapsed(): return Line(0.0)
    def steps(): return Steps()
    def infinite(): return Line(float("inf"))
    def missing(): raise LCError("no weights here", hint="train it")
    def faulty(): raise ZeroDivisionError("oh")
    def needy(*, folder: str): return Line()

    @hookimpl
    def lc_register_models(register):
        for each in MODELS:
            register(f"line.{each.__name__}", each, output=OUTPUT)
"""


@pytest.fixture
def doctor(install_plugin, tmp_path, monkeypatch):
    """Run `lc doctor` with a plugin of some models and without the others."""
    monkeypatch.setenv("LC_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("LC_DISABLE_PLUGINS", "latent-constraints,lc-mirror,lc-no-repeats,lc-slice,lc-tiny-gan")

    def run(*models, options=(), output="line/1"):
        install_plugin("lc-line", PLUGIN + f"\n    MODELS = [{', '.join(models)}]\n    OUTPUT = {output!r}\n")
        return CliRunner().invoke(main, ["doctor", *options])

    return run


def line_of(result, subject):
    (line,) = [line for line in result.stdout.splitlines() if line[6:].startswith(subject)]
    return line[:6].strip(), line[6:].removeprefix(subject).removeprefix(": ")


def test_a_sound_installation_ends_with_0(doctor, tmp_path):
    result = doctor("good")
    assert result.exit_code == 0, result.output
    status, text = line_of(result, "versions")
    assert status == "ok"
    assert all(name in text for name in ("python 3.", "lc ", "torch ", "numpy "))
    assert line_of(result, "devices")[0] == "ok"
    assert line_of(result, "cache") == ("ok", f"{tmp_path / 'cache'} is writable; fitted parts and banks: 0, 0.0 MB")
    assert line_of(result, "plugin lc-line 1.0") == ("ok", "1 component")


def test_a_model_is_told_with_what_it_can_do(doctor):
    result = doctor("good", "complete")
    status, text = line_of(result, "model line.good")
    assert status == "ok"
    assert text.startswith("line/1 of shape 3, finite, 100% of 256 prior samples distinct, ")
    assert text.endswith("ms per decode; gradient, no encoder, no realism")
    assert line_of(result, "model line.complete")[1].endswith("gradient, encoder, realism")
    assert line_of(result, "sampler of line.good") == ("ok", "none; lc amortise trains one")


@pytest.mark.parametrize(
    ("model", "text"),
    [
        ("collapsed", "all 256 prior samples decode to one output"),
        ("infinite", "decode of line returned a value that is not finite"),
        ("missing", "no weights here (train it)"),
        ("faulty", "ZeroDivisionError: oh"),
    ],
)
def test_a_model_that_fails_is_told_and_the_others_are_tried(doctor, model, text):
    result = doctor(model, "good")
    assert result.exit_code == 2
    status, found = line_of(result, f"model line.{model}")
    assert status == "fail"
    assert text in found
    assert line_of(result, "model line.good")[0] == "ok"
    assert "1 of 8 checks failed" in result.stderr


def test_a_model_whose_samples_hardly_differ_is_a_warning(doctor):
    result = doctor("steps")
    assert result.exit_code == 0
    status, text = line_of(result, "model line.steps")
    assert status == "warn"
    assert text.startswith("few of 256 prior samples differ; line/1 of shape 1, finite, 1% of 256")
    assert "no gradient" in text


def test_a_model_that_needs_settings_is_not_tried(doctor):
    result = doctor("needy")
    assert result.exit_code == 0
    assert line_of(result, "model line.needy") == ("skip", "not tried: it has to be told folder")


def test_a_model_of_another_output_type_than_it_is_registered_with_fails(doctor):
    result = doctor("good", output="circle/1")
    assert result.exit_code == 2
    text = line_of(result, "model line.good")[1]
    assert text.startswith("decodes to line/1, but is registered for circle/1")


def test_broken_plugins_and_components_fail(doctor, install_plugin):
    install_plugin("lc-bad", "1 / 0")
    install_plugin(
        "lc-half",
        """
        from lc_core.plugins.hookspecs import hookimpl

        @hookimpl
        def lc_register_constraints(register):
            register("half.rule", "nowhere_to_be_found:rule")
        """,
    )
    result = doctor("good")
    assert result.exit_code == 2
    assert line_of(result, "plugin lc-bad (bad)") == ("fail", "ZeroDivisionError: division by zero")
    status, text = line_of(result, "plugin lc-half 1.0")
    assert status == "fail"
    assert "constraint half.rule of lc-half cannot be loaded" in text


def test_a_cache_folder_that_cannot_be_written_fails(doctor, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LC_CACHE_DIR", str(tmp_path / "file"))
    result = doctor("good")
    assert result.exit_code == 2
    status, text = line_of(result, "cache")
    assert status == "fail"
    assert "set LC_CACHE_DIR to a folder that can" in text


def test_json_holds_the_same_as_data(doctor):
    result = doctor("good", "missing", options=["--json"])
    assert result.exit_code == 2
    found = json.loads(result.stdout)
    checks = {one["subject"]: one for one in found["checks"]}
    assert found["ok"] is False
    assert checks["versions"]["python"].startswith("3.")
    assert checks["devices"]["cpus"] >= 1
    good = checks["model line.good"]
    assert (good["status"], good["distinct"], good["output_shape"]) == ("ok", 1.0, [3])
    assert (good["gradient"], good["encoder"], good["realism"]) == (True, False, False)
    assert checks["model line.missing"]["status"] == "fail"
