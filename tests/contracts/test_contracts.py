"""Every installed component against the checks of its kind."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lc_core.plugins.discover import build_registry
from lc_core.plugins.registry import Registered
from lc_core.testing import CHECKS, checks_of, sample_outputs
from lc_core.testing.base import BoundCheck

REGISTRY = build_registry()
TUNE = {"file": str(Path(__file__).parents[1] / "melody" / "scale.mid")}
FOREIGN = {"file": "decoder", "output": "numbers/1"}
NEEDED: dict[str, dict[str, Any]] = {
    "melody.chord_fit": {"chords": ["C"]},
    "melody.form": {"letters": "AB"},
    "melody.rhythm": {"pattern": "x..."},
    "melody.same_pitches": TUNE,
    "melody.same_rhythm": TUNE,
    "digits.digit": {"digit": 3},
    "images.color_distance": {"color": "#4060c0"},
    "avatars.attribute": {"name": "smiling"},
    "images.celeba": {"folder": "faces"},
    "models.export": FOREIGN,
    "models.torchscript": FOREIGN | {"latent": [4]},
    "models.onnx": FOREIGN,
    "models.pythae": {"folder": "vae", "output": "numbers/1"},
    "models.diffusers": {"folder": "vae"},
    "models.folder": {"output": "numbers/1"},
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
OF_LOADERS = ("documented", "settings", "import_cost")
"""Checks for which no model is loaded."""

NEED_A_MODEL = {"auto": "tests/core/planning/test_plan.py", "sampler": "tests/core/sampler"}
"""Engines that serve no toy alone, and the tests that check what they do."""
OF_CLASSES = ("settings", "declared", "documented", "import_cost")
"""Checks for which no engine runs."""
NEED_FILES = {"labels.attribute": "tests/labels/test_attribute.py"}
"""Constraints that need a file of the user's, and the tests that check them on one."""


def every(kind: str) -> pytest.MarkDecorator:
    """Run a test for each check of each installed component of a kind."""
    found = [(one, check) for one in REGISTRY.all(kind) for check in CHECKS[kind]]
    return pytest.mark.parametrize(
        ("component", "check"), [pytest.param(*each, id=f"{REGISTRY.spelling(each[0])}-{each[1]}") for each in found]
    )


@cache
def outputs(accepts: tuple[str, ...]) -> np.ndarray:
    return sample_outputs(accepts, registry=REGISTRY)


@cache
def checks(component: Registered) -> dict[str, BoundCheck]:
    """The checks of a component by name; what they look at is built once."""
    given = None
    if component.kind == "constraint":
        given = outputs(component.load().__lc_measurement__.accepts)
    if component.kind == "renderer":
        given = outputs(component.load().accepts)[:8]
    found = checks_of(component, outputs=given, params=NEEDED.get(component.name), registry=REGISTRY)
    return {one.check.__name__: one for one in found}


def test_no_installed_plugin_is_broken() -> None:
    assert REGISTRY.broken == ()


@every("constraint")
def test_constraint_keeps_its_contract(component: Registered, check: str) -> None:
    if component.name in NEED_FILES:
        pytest.skip(f"needs a file; {NEED_FILES[component.name]} checks it")
    checks(component)[check]()


@every("engine")
def test_engine_keeps_its_contract(component: Registered, check: str) -> None:
    if component.name in NEED_A_MODEL and check not in OF_CLASSES:
        pytest.skip(f"serves no toy alone; {NEED_A_MODEL[component.name]} checks it")
    checks(component)[check]()


@every("model")
def test_model_keeps_its_contract(component: Registered, check: str) -> None:
    if component.name in NO_WEIGHTS and check not in OF_LOADERS:
        pytest.skip(f"has no weights; {NO_WEIGHTS[component.name]} checks it")
    checks(component)[check]()


@pytest.mark.parametrize(
    "component", [one for one in REGISTRY.all("model") if one.name not in NO_WEIGHTS], ids=REGISTRY.spelling
)
def test_model_makes_what_it_is_registered_with(component: Registered) -> None:
    assert checks(component)["declared"].case.model.output_type == component.about["output"]


@every("renderer")
def test_renderer_keeps_its_contract(component: Registered, check: str) -> None:
    checks(component)[check]()
