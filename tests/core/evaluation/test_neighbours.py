"""Figures of neighbours: by hand, against a brute force, and on sets that are known to differ or not."""

from __future__ import annotations

import numpy as np
import pytest

from lc_core.evaluation.neighbours import neighbour_figures


def brute_force(real, other, k):
    """The definitions, point by point."""

    def radius(points, at):
        return sorted(float(np.linalg.norm(points[at] - one)) for one in points)[k]  # the first is itself

    real_radius = [radius(real, at) for at in range(len(real))]
    other_radius = [radius(other, at) for at in range(len(other))]
    inside = [[np.linalg.norm(a - b) <= reach for b in other] for a, reach in zip(real, real_radius, strict=True)]
    back = [[np.linalg.norm(a - b) <= reach for b, reach in zip(other, other_radius, strict=True)] for a in real]
    return {
        "precision": np.mean(np.any(inside, axis=0)),
        "recall": np.mean(np.any(back, axis=1)),
        "density": np.mean(np.sum(inside, axis=0)) / k,
        "coverage": np.mean(np.any(inside, axis=1)),
    }


def test_four_points_on_a_line_by_hand():
    real = np.array([[0.0], [1.0], [2.0], [10.0]])  # reach, k = 1: 1, 1, 1, 8
    other = np.array([[0.5], [1.5], [30.0]])  # reach: 1, 1, 28.5
    # In how many real balls: 0.5 in those of 0 and 1; 1.5 in those of 1 and 2; 30 in none. 10's holds neither.
    # Reals in a ball of the others: 0, 1 and 2 in that of 0.5 or 1.5; 10 in that of 30, which reaches down to 1.5.
    found = neighbour_figures(real, other, k=1)
    assert found == pytest.approx({"precision": 2 / 3, "recall": 1.0, "density": 4 / 3, "coverage": 3 / 4})


@pytest.mark.parametrize("k", [1, 3, 5])
def test_any_points_as_by_brute_force(k):
    draw = np.random.default_rng(k)
    real, other = draw.normal(size=(40, 3)), draw.normal(size=(30, 3)) * 1.3 + 0.4
    assert neighbour_figures(real, other, k=k) == pytest.approx(brute_force(real, other, k))


def test_chunks_change_nothing():
    draw = np.random.default_rng(0)
    real, other = draw.normal(size=(50, 4)), draw.normal(size=(60, 4))
    whole = neighbour_figures(real, other)
    assert neighbour_figures(real, other, chunk=7) == pytest.approx(whole)


def test_a_set_against_itself_and_one_far_away():
    points = np.random.default_rng(1).normal(size=(50, 4))
    itself, far = neighbour_figures(points, points), neighbour_figures(points, points + 100)
    assert (itself["precision"], itself["recall"], itself["coverage"]) == (1, 1, 1)
    assert set(far.values()) == {0}


def test_a_set_that_lacks_a_mode_is_precise_but_covers_half():
    draw = np.random.default_rng(2)
    real = np.concatenate([draw.normal(size=(200, 2)), draw.normal(size=(200, 2)) + 50])
    found = neighbour_figures(real, draw.normal(size=(400, 2)))
    assert found["precision"] > 0.9 and 0.4 < found["coverage"] < 0.51 and 0.4 < found["recall"] < 0.51


def test_too_few_points_are_refused():
    with pytest.raises(ValueError, match="found k 3, 3, 9"):
        neighbour_figures(np.zeros((3, 2)), np.zeros((9, 2)), k=3)
