"""Every run tells how many of its outputs are distinct, in the view of their type, and warns where these are few."""

from __future__ import annotations

import json
import textwrap

import numpy as np
import pytest

import lc_core
from lc_core import Constraint, FitSettings
from lc_core.engines.actor import Actor
from lc_core.engines.gradient import Gradient
from lc_core.engines.rejection import Rejection

SPEC = """
    lc: 1
    name: lines
    model: line.model
    constraints:
      - {use: line.first, at_least: 2}
    engine: {use: rejection, params: {block: 64}}
    sample: {count: 7, seed: 3}
"""
VIEW = """
    from lc_core.plugins.hookspecs import hookimpl

    def look(outputs):
        '''Return what is seen.'''
        return %s

    @hookimpl
    def lc_register_views(register):
        register("mine.view", look, output="line/1")
"""


class Kinds:
    """Makes `kinds` different outputs of a type, in turn."""

    latent_shape = 2

    def __init__(self, outputs: np.ndarray, output_type: str) -> None:
        self.outputs, self.output_type = outputs, output_type

    def decode(self, z):
        turns = (z[:, 0].abs() * 1e4).long().numpy() % len(self.outputs)
        return self.outputs[turns]


def distinct(outputs, output_type, *, count=200, **options):
    model = Kinds(np.asarray(outputs), output_type)
    return lc_core.sample(model=model, engine="rejection", count=count, cache=False, **options).report["distinct"]


def pictures(count, *, channels=3, size=(16, 24)):
    """Return pictures that differ in their upper left corner by less than a level, and are else the same."""
    found = np.full((count, channels, *size), 0.25, dtype=np.float32)
    found[:, :, 0, 0] += np.linspace(0, 0.01, count, dtype=np.float32)[:, None]
    return found


def test_a_run_tells_it_on_the_terminal_in_its_report_and_on_its_page(line, lc, write_spec, tmp_path):
    result = lc("sample", write_spec(SPEC), "--out", "run")
    assert result.exit_code == 0
    assert "7 of 7 outputs are distinct (100 %), compared by bytes" in result.stdout
    folder = tmp_path / "work" / "run"
    report = json.loads((folder / "report.json").read_text())
    assert report["distinct"] == {"count": 7, "share": 1.0, "view": "bytes"}
    assert "Distinct outputs" in (folder / "report.html").read_text()


@pytest.mark.parametrize("seen", ["outputs[:, :1] * 0", "outputs[:, :1] > 2"])
def test_a_view_of_a_plugin_decides_and_few_are_warned_of(line, lc, write_spec, tmp_path, seen):
    file = tmp_path / "mine.py"
    file.write_text(textwrap.dedent(VIEW % seen))
    result = lc("sample", write_spec(SPEC), "--out", "run", "--plugin", file)
    assert result.exit_code == 0
    report = json.loads((tmp_path / "work" / "run" / "report.json").read_text())
    assert report["distinct"]["count"] in (1, 2) and report["distinct"]["view"] == "mine.view"
    (warning,) = (one for one in result.stdout.splitlines() if one.startswith("warning: "))
    assert warning == f"warning: {report['distinct']['warning']}" and "of 7 outputs" in warning
    assert "what helps" in warning and "sample.unique" not in warning, "all bytes differ, so unique would not help"
    assert "Warning: only" in (tmp_path / "work" / "run" / "report.html").read_text()


@pytest.mark.parametrize("fault", ["1 / 0", "outputs[:2]", "np", "None", "[object()] * len(outputs)"])
def test_a_view_that_fails_loses_no_run(line, lc, write_spec, tmp_path, fault):
    (tmp_path / "mine.py").write_text(textwrap.dedent(VIEW % fault))
    result = lc("sample", write_spec(SPEC), "--out", "run", "--plugin", tmp_path / "mine.py")
    assert result.exit_code == 0
    assert "7 of 7 outputs are distinct (100 %), compared by bytes" in result.stdout
    assert "view mine.view (from mine)" in result.stdout and "byte by byte" in result.stdout


def test_a_view_says_of_which_outputs_it_is(line, lc, write_spec, tmp_path):
    text = textwrap.dedent(VIEW % "outputs").replace(', output="line/1"', "")
    (tmp_path / "mine.py").write_text(text)
    result = lc("sample", write_spec(SPEC), "--plugin", tmp_path / "mine.py")
    assert result.exit_code == 2 and "view mine.view must be registered with output=" in result.stderr


def test_a_run_that_is_resumed_and_extended_tells_the_same_as_one_that_is_not(line, lc, write_spec, tmp_path):
    for options in (["--count", 3, "--out", "a"], ["--count", 40, "--out", "a"], ["--count", 40, "--out", "b"]):
        assert lc("sample", write_spec(SPEC), *options).exit_code == 0
    reports = [json.loads((tmp_path / "work" / one / "report.json").read_text()) for one in "ab"]
    assert [list(one) for one in reports][0] == list(reports[1])
    assert reports[0].pop("seconds") and reports[1].pop("seconds")
    assert reports[0] == reports[1] and reports[0]["distinct"]["count"] == 40


def test_nothing_delivered_is_no_warning(line, lc, write_spec, tmp_path):
    result = lc("sample", write_spec(SPEC.replace("at_least: 2", "at_least: 1e6")), "--budget", 64, "--out", "run")
    assert result.exit_code == 3
    assert "warning" not in result.stdout and "distinct" not in result.stdout
    report = json.loads((tmp_path / "work" / "run" / "report.json").read_text())
    assert report["distinct"] == {"count": 0, "share": None, "view": "bytes"}


def test_one_output_is_all_distinct():
    assert distinct(np.zeros((1, 5)), "own/1", count=1) == {"count": 1, "share": 1.0, "view": "bytes"}


def test_a_strangers_type_is_compared_byte_by_byte():
    found = distinct(np.arange(12.0).reshape(4, 3), "own/1")
    assert (found["count"], found["share"], found["view"]) == (4, 0.02, "bytes")
    assert found["warning"].startswith("only 4 of 200 outputs are distinct (2 %)")
    assert "sample.unique=true" in found["warning"]


@pytest.mark.parametrize(
    ("output_type", "view", "shape"),
    [
        ("image.rgb/1", "images.coarse", {"channels": 3}),
        ("image.rgb/1", "images.coarse", {"channels": 3, "size": (5, 3)}),
        ("image.gray/1", "images.coarse_gray", {"channels": 1}),
        ("image.gray/1", "images.coarse_gray", {"channels": 1, "size": (28, 28)}),
    ],
)
def test_pictures_of_any_model_are_compared_after_averaging(output_type, view, shape):
    found = distinct(pictures(50, **shape), output_type)
    assert (found["count"], found["view"]) == (1, view)
    assert len({one.tobytes() for one in pictures(50, **shape)}) == 50
    other = pictures(50, **shape)
    other[:25] += 0.1
    assert distinct(other, output_type)["count"] == 2


def test_melodies_that_sound_the_same_are_one():
    silent = np.full((3, 8), 128)
    silent[1] = 129
    silent[2, ::2] = 129
    ended = np.array([[60, 128, 129, 128, 128, 62, 128, 128], [60, 128, 129, 129, 128, 62, 128, 128]])
    struck_again = np.array([[60, 60, 129, 128, 128, 62, 128, 128]])
    found = distinct(np.concatenate([silent, ended, struck_again]), "melody.tokens/1")
    assert (found["count"], found["view"]) == (3, "melody.heard")


def test_half_is_half_however_it_is_rounded():
    exact = np.full((2, 1, 24, 24), 0.5, dtype=np.float32)
    exact[1] += np.float32(1e-7)
    assert distinct(exact, "image.gray/1")["count"] == 1


def first(outputs):
    return outputs[:, 0]


class Few:
    """Makes a few whole numbers."""

    latent_shape = 2

    def decode(self, z):
        return z[:, :1].round()


@pytest.mark.parametrize(
    ("engine", "realism", "helps", "no_help"),
    [
        (Actor(hidden=16, round_steps=10), 4.0, ["--engine gradient", "realism=0", "at present 4"], ["rejection"]),
        (Actor(hidden=16, round_steps=10), 0.0, ["--engine gradient"], ["realism"]),
        (Gradient(steps=4), 4.0, ["less realism (at present 4)", "--engine rejection"], ["--engine gradient"]),
        (Rejection(), 4.0, ["sample.unique=true"], ["realism", "--engine"]),
    ],
)
def test_a_warning_says_what_helps_with_this_engine(engine, realism, helps, no_help):
    fit = FitSettings(prior_samples=512, push_samples=128, steps=60, rounds=1, round_samples=64, round_steps=30)
    asked = Constraint(first, between=(-1, 2))
    result = lc_core.sample(
        model=Few(), constraints=[asked], engine=engine, realism=realism, count=100, budget=20_000, fit=fit, cache=False
    )
    warning = result.report["distinct"]["warning"]
    assert len(result) == 100 and result.report["distinct"]["count"] <= 5
    assert all(one in warning for one in helps) and not any(one in warning for one in no_help), warning


@pytest.mark.parametrize(
    ("settings", "realism", "offered"),
    [("", 8, False), ("kl: 0.05", 8, True), ("", 0, True), ("distance: 0", 0, False), ("distance: 1", 0.5, False)],
)
def test_show_offers_no_actor_that_repeats_itself(line, lc, write_spec, settings, realism, offered):
    text = SPEC.replace("{use: rejection, params: {block: 64}}", f"{{use: actor, params: {{{settings}}}}}")
    result = lc("show", write_spec(text + f"    realism: {realism}\n"))
    (told,) = (one for one in result.stdout.splitlines() if one.startswith("  actor: "))
    assert result.exit_code == 0 and told.startswith("  actor: fits" if offered else "  actor: not offered: with "), (
        told
    )


def test_show_offers_no_engine_of_edits_for_sampling(line, lc, write_spec):
    assert "  edit: not offered: lc transform takes it" in lc("show", write_spec(SPEC)).stdout
