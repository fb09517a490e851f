"""What the digits domain registers. Targets are text, so that nothing heavy is imported before it is used."""

from __future__ import annotations

from pathlib import Path

from lc_core import hookimpl
from lc_core.plugins import Register

__all__ = ["lc_register_constraints", "lc_register_judges", "lc_register_models", "lc_register_recipes"]

TYPICAL = str(Path(__file__).with_name("typical.json"))


@hookimpl
def lc_register_models(register: Register) -> None:
    """Register the shipped model."""
    register("digits.8x8", "lc_plugins.digits.model:load_8x8", output="image.gray/1", folder_kind="digit-vae/1")


@hookimpl
def lc_register_constraints(register: Register) -> None:
    """Register which digit a picture shows."""
    register("digits.digit", "lc_plugins.digits.measurements:digit", typical=TYPICAL)


@hookimpl
def lc_register_recipes(register: Register) -> None:
    """Register the training of the model and of the two classifiers."""
    register("digits.8x8", "lc_plugins.digits.train:train")
    register("digits.classifiers", "lc_plugins.digits.train_classifiers:train")


@hookimpl
def lc_register_judges(register: Register) -> None:
    """Register what reports of digits and guides nothing."""
    register("digits.digit", "lc_plugins.digits.judge:digits")
