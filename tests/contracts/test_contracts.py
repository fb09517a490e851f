"""Every installed component against the checks of its kind."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from lc_core.plugins.manager import build_registry
from lc_core.plugins.registry import Registered
from lc_core.testing import check_constraint, check_engine, check_model, check_renderer, sample_outputs

REGISTRY = build_registry()
NEEDED: dict[str, dict[str, Any]] = {
    "melody.chord_fit": {"chords": ["C"]},
    "digits.digit": {"digit": 3},
    "images.color_distance": {"color": "#4060c0"},
    "avatars.attribute": {"name": "smiling"},
}
"""Settings that have no default, by component."""
NO_WEIGHTS = {
    "images.celeba": "tests/images/test_celeba_train.py",
    "models.export": "tests/models/test_export.py",
    "models.torchscript": "tests/models/test_torchscript.py",
    "models.onnx": "tests/models/test_onnx.py",
    "models.pythae": "tests/models/test_folders.py",
    "models.diffusers": "tests/models/test_folders.py",
    "models.folder": "tests/models/test_folders.py",
}
"""Models that are shipped without weights, and the tests that check them on files of their own."""


NEED_FILES = {"labels.attribute": "tests/labels/test_attribute.py"}
"""Constraints that need a file of the user's, and the tests that check them on one."""


def every(kind: str) -> pytest.MarkDecorator:
    """Run a test for each installed component of a kind."""
    return pytest.mark.parametrize("component", REGISTRY.all(kind), ids=REGISTRY.spelling)


@cache
def outputs(accepts: tuple[str, ...]) -> np.ndarray:
    return sample_outputs(accepts, registry=REGISTRY)


def test_no_installed_plugin_is_broken() -> None:
    assert REGISTRY.broken == ()


@every("constraint")
def test_constraint_keeps_its_contract(component: Registered) -> None:
    if component.name in NEED_FILES:
        pytest.skip(f"needs a file; {NEED_FILES[component.name]} checks it")
    function = component.load()
    check_constraint(
        function, outputs(function.__lc_measurement__.accepts), NEEDED.get(component.name), registry=REGISTRY
    )


@every("engine")
def test_engine_keeps_its_contract(component: Registered) -> None:
    check_engine(component.load())


@every("model")
def test_model_keeps_its_contract(component: Registered) -> None:
    if component.name in NO_WEIGHTS:
        pytest.skip(f"has no weights; {NO_WEIGHTS[component.name]} checks it")
    model = component.load()(**component.fill(NEEDED.get(component.name)))
    check_model(model)
    assert model.output_type == component.about["output"]


@every("renderer")
def test_renderer_keeps_its_contract(component: Registered) -> None:
    renderer = component.load()(**component.fill(NEEDED.get(component.name)))
    check_renderer(renderer, outputs(renderer.accepts)[:8], registry=REGISTRY)
