"""The comparison of an accelerator with the processor, on the processor alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from benchmarks.device import agreement, main


def test_the_processor_agrees_with_itself(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["--size", "small", "--device", "cpu", "--out", str(tmp_path / "device.json")])
    assert done.exit_code == 0, done.output
    found = json.loads((tmp_path / "device.json").read_text())
    assert found["device"] == "cpu" and len(found["checks"]) == 7 and all(one[-1] for one in found["checks"])
    assert all(seconds for _, _, *seconds in found["speeds"])
    assert {one[1] for one in found["halves"]} == {"bfloat16", "float16"}
    assert "| what sampler delivers | share that satisfies on the processor | 1 |" in done.stdout


@pytest.mark.skipif(torch.accelerator.is_available(), reason="there is an accelerator")
def test_without_an_accelerator_it_says_so_and_compares_nothing() -> None:
    done = CliRunner().invoke(main, ["--size", "small"])
    assert done.exit_code == 0, done.output
    assert "no accelerator" in done.stdout and "agrees" not in done.stdout.partition("half precision")[0]


def test_a_device_that_torch_does_not_know_is_refused() -> None:
    done = CliRunner().invoke(main, ["--device", "abacus"])
    assert done.exit_code == 2 and "--device abacus" in done.output


def test_outputs_agree_by_value_where_they_are_pictures_and_as_they_are_where_they_are_tokens() -> None:
    picture = np.full((2, 1, 2, 2), 0.5, dtype=np.float32)
    _, value, bound = agreement(picture, picture + np.float32(0.01))
    assert value == pytest.approx(0.01) and value > bound
    tokens = np.zeros((4, 8), dtype=np.int64)
    other = tokens.copy()
    other[0, 3] = 1
    _, share, least = agreement(tokens, other)
    assert share == 0.75 and share < least
