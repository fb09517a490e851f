"""The conformance kit: what every constraint, model, engine and renderer has to do, checked in one line of a test.

Example:
    >>> import numpy as np
    >>> from lc_core import measurement
    >>> from lc_core.testing import check_constraint
    >>> @measurement(accepts="numbers/1", unit="share", range=(0, 1), at_least=0.5)
    ... def positive(numbers: np.ndarray) -> np.ndarray:
    ...     "Share of numbers above 0."
    ...     return (numbers > 0).mean(axis=1)
    >>> check_constraint(positive, np.random.default_rng(0).normal(size=(20, 8)))

`parametrize_with_checks` makes one test of each check. `CHECKS` holds, for each kind of component, the names of its
checks with a line on each.
"""

from __future__ import annotations

from lc_core.testing.base import CheckFailed, describe_checks
from lc_core.testing.constraint import CONSTRAINT_CHECKS, check_constraint
from lc_core.testing.engine import ENGINE_CHECKS, check_engine
from lc_core.testing.model import MODEL_CHECKS, check_model
from lc_core.testing.outputs import sample_outputs
from lc_core.testing.parametrize import checks_of, parametrize_with_checks
from lc_core.testing.renderer import RENDERER_CHECKS, check_renderer

__all__ = [
    "CHECKS",
    "CheckFailed",
    "check_constraint",
    "check_engine",
    "check_model",
    "check_renderer",
    "checks_of",
    "parametrize_with_checks",
    "sample_outputs",
]

CHECKS: dict[str, dict[str, str]] = {
    "constraint": describe_checks(CONSTRAINT_CHECKS),
    "engine": describe_checks(ENGINE_CHECKS),
    "model": describe_checks(MODEL_CHECKS),
    "renderer": describe_checks(RENDERER_CHECKS),
}
"""For each kind of component, the names of its checks in the order they run, and what each expects."""
