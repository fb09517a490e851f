"""`lc amortise`: a sampler of a stranger's model by one command, and what uses it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

SMALL = [
    *("--steps", 3, "--set", "warm=1", "--set", "batch=32", "--set", "samples=256", "--set", "settings=4"),
    *("--set", "width=16", "--set", "blocks=1", "--set", "compositions=16"),
]


Lc = Callable[..., Result]


@pytest.fixture
def lc(line: object, lc: Lc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lc:
    """Run `lc` with the plugin `lc-line` and a cache folder of its own."""
    monkeypatch.setenv("LC_CACHE_DIR", str(tmp_path / "cache"))
    return lc


def test_a_strangers_model_gets_a_sampler_that_lc_finds(
    lc: Lc, write_spec: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "sampler   none; lc amortise line.model trains one" in lc("inspect", "line.model").stdout
    done = lc("amortise", "line.model", *SMALL)
    assert done.exit_code == 0, done.output
    assert "prior samples: " in done.stdout and "of first tries satisfy" in done.stdout
    assert "lc sample uses it by itself for specs of this model" in done.stdout
    files = [line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")]
    assert {"weights.safetensors", "config.json", "MODEL_CARD.md", "checkpoint.pt"} <= set(files)
    assert "left out: line.constant has settings without bounds" in done.stderr
    assert "% of training tries meet their wants, loss " in done.stderr
    assert "a sampler of line, " in lc("cache").stdout
    assert lc("cache", "--clear", "--yes").exit_code == 0
    told = lc("inspect", "line.model").stdout
    assert "sampler   knows 4 rules: line.first, line.mean, line.ratio, line.spread" in told
    spec = write_spec(
        """
        lc: 1
        model: {use: line.model}
        constraints:
          - {use: line.first, at_least: 6}
        sample: {count: 4}
        """
    )
    ran = lc("sample", spec, "--engine", "sampler", "--out", "run")
    assert ran.exit_code == 0, ran.output
    assert json.loads(Path("run/report.json").read_text())["delivered"] == 4
    monkeypatch.setenv("LC_DISABLE_PLUGINS", "latent-constraints,lc-mirror,lc-no-repeats,lc-slice,lc-tiny-gan")
    (folder,) = Path(os.environ["LC_CACHE_DIR"]).glob("sampler-*")
    assert f"ok    sampler of line.model: your own, in {folder}; knows 4 rules\n" in lc("doctor").stdout
    (folder / "weights.safetensors").write_bytes(b"other")
    told = f"fail  sampler of line.model: the sampler in {folder} is damaged: weights.safetensors is not the file"
    assert told in lc("doctor").stdout


def test_rules_and_specs_say_what_is_learned(lc: Lc, write_spec: Callable[..., Path]) -> None:
    spec = write_spec(
        """
        lc: 1
        model: {use: line.model}
        constraints:
          - any:
            - {use: line.spread, at_least: 9}
            - {use: line.mean, at_most: 0}
        """
    )
    done = lc("amortise", "line.model", "--rules", "line.first", "--rules", spec, "--out", "s", "--json", *SMALL)
    assert done.exit_code == 0, done.output
    again = lc("amortise", "line.model", "--rules", "line.first", "--rules", spec, "--out", "s", "--quiet", *SMALL)
    assert (again.exit_code, again.output) == (0, "")
    found = json.loads(done.stdout)
    assert [(one["name"], one["fixed"]) for one in found["rules"]] == [
        ("line.first", None),
        ("line.spread", {}),
        ("line.mean", {}),
    ]
    assert found["folder"] == "s"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["line.modl"], "unknown model 'line.modl' (did you mean line.model?)"),
        (["line.model", "--rules", "line.frist"], "unknown constraint 'line.frist' (did you mean line.first?)"),
        (["line.model", "--rules", "line.constant"], "line.constant has settings without bounds"),
        (["line.model", "--set", "batsh=3"], "batsh: unknown key 'batsh' (did you mean batch?)"),
        (["line.model", "--set", "model.scal=3"], "unknown key 'scal' (did you mean scale?)"),
        (["line.model", "--steps", 0], "steps: should be greater than or equal to 1"),
        (["line.model", "--rules", "melody/c_major"], "melody/c_major is for melody.tokens/1"),
    ],
)
def test_what_makes_no_sense_is_refused(lc: Lc, arguments: list[object], told: str) -> None:
    done = lc("amortise", *arguments)
    assert done.exit_code == 2
    assert told in done.stderr


def test_a_folder_of_something_else_is_refused(lc: Lc) -> None:
    Path("mine").mkdir()
    Path("mine/poem.txt").write_text("roses")
    done = lc("amortise", "line.model", "--out", "mine", *SMALL)
    assert done.exit_code == 2
    assert "mine holds poem.txt, and no list of lc's own files" in done.stderr
