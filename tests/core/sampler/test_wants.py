"""Random wants: each set is one that a sample meets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from lc_core import Measurement
from lc_core.sampler import Rule, tabulate
from lc_core.sampler.rules import BINS, Rules
from lc_core.sampler.wants import Batch, Table, draw_wants
from tests.core.sampler.conftest import TINY, spread, total, value


def drawn(most: int, count: int = 400, seed: int = 0) -> tuple[Rules, Table, Batch]:
    rng = np.random.default_rng(seed)
    outputs = rng.normal(size=(512, 4))
    rules = [Rule.of(Measurement(one), fixed=False) for one in (value, total, spread)]
    rules, table = tabulate(rules, replace(TINY, settings=8), [(torch.from_numpy(outputs), outputs)])
    return rules, table, draw_wants(rules, table, count, [1.0] * most, rng)


@pytest.mark.parametrize("most", [1, 3, 6])
def test_the_sample_that_wants_are_drawn_from_meets_them(most: int) -> None:
    _, table, batch = drawn(most)
    wants = batch.wants
    for row, sample in enumerate(batch.rows):
        for at, mask, present in zip(wants.at[row], wants.masks[row], wants.present[row], strict=True):
            column = batch.columns[at]
            place = next(n for n, one in enumerate(table.columns[column.rule]) if one is column)
            assert not present or mask[table.bins[column.rule][place, sample]] == 1


@pytest.mark.parametrize("most", [1, 3, 6])
def test_a_row_has_any_number_of_wants_and_none_of_them_twice(most: int) -> None:
    _, _, batch = drawn(most)
    counts = batch.wants.present.sum(axis=1)
    assert set(counts) == set(range(1, most + 1))
    for at, present in zip(batch.wants.at, batch.wants.present, strict=True):
        asked = at[present > 0]
        assert len(set(asked)) == len(asked)


def test_no_more_is_asked_than_there_are_settings() -> None:
    rules, _, batch = drawn(9)
    assert batch.wants.present.sum(axis=1).max() == 4 + len(rules.rules) - 1


def test_what_is_undefined_is_never_wanted() -> None:
    _, _, batch = drawn(3)
    assert (batch.wants.masks[..., BINS] == 0).all()
