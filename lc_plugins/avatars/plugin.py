"""What the avatars domain registers. Targets are text, so that nothing heavy is imported before it is used."""

from __future__ import annotations

from pathlib import Path

from lc_core import hookimpl
from lc_core.plugins import Register

__all__ = [
    "lc_register_constraints",
    "lc_register_judges",
    "lc_register_models",
    "lc_register_recipes",
    "lc_register_spaces",
]

TYPICAL = str(Path(__file__).with_name("typical.json"))


@hookimpl
def lc_register_models(register: Register) -> None:
    """Register the shipped models."""
    register("avatars.64", "lc_plugins.avatars.model:load_sharp", output="image.rgb/1", folder_kind="avatar-vae/1")
    register(
        "avatars.64-blurry", "lc_plugins.avatars.model:load_blurry", output="image.rgb/1", folder_kind="avatar-vae/1"
    )


@hookimpl
def lc_register_constraints(register: Register) -> None:
    """Register the attributes, told by the verifier."""
    register("avatars.attribute", "lc_plugins.avatars.verifier:attribute", typical=TYPICAL)


@hookimpl
def lc_register_recipes(register: Register) -> None:
    """Register the trainings of the shipped models and classifiers."""
    register("avatars.64", "lc_plugins.avatars.train:train")
    register("avatars.verifier", "lc_plugins.avatars.train_classifiers:train_verifier")
    register("avatars.judge", "lc_plugins.avatars.train_classifiers:train_judge")


@hookimpl
def lc_register_judges(register: Register) -> None:
    """Register what reports of attributes and guides nothing."""
    register("avatars.attribute", "lc_plugins.avatars.judge:attributes")


@hookimpl
def lc_register_spaces(register: Register) -> None:
    """Register what avatars are compared by in `lc eval`."""
    models = ("avatars.64", "avatars.64-blurry")
    target = "lc_plugins.avatars.judge:judge_features"
    register("avatars.judged", target, output="image.rgb/1", version=1, models=models)
