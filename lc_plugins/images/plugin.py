"""What the images domain registers: files and measurements of pictures of any model, CelebA and its VAE."""

from __future__ import annotations

from pathlib import Path

from lc_core import hookimpl
from lc_core.plugins import Register

__all__ = [
    "lc_register_constraints",
    "lc_register_datasets",
    "lc_register_models",
    "lc_register_readers",
    "lc_register_recipes",
    "lc_register_renderers",
    "lc_register_spaces",
    "lc_register_views",
]

SUFFIXES = [".png", ".jpg", ".jpeg"]
TYPICAL = str(Path(__file__).with_name("typical.json"))


@hookimpl
def lc_register_models(register: Register) -> None:
    """Register the model of photographs, whose weights each user trains."""
    register(
        "images.celeba", "lc_plugins.images.celeba_model:load_celeba", output="image.rgb/1", folder_kind="celeba-vae/1"
    )


@hookimpl
def lc_register_constraints(register: Register) -> None:
    """Register what is measured on the pixels of any picture."""
    register("images.brightness", "lc_plugins.images.measurements:brightness", typical=TYPICAL)
    register("images.color_distance", "lc_plugins.images.measurements:color_distance", typical=TYPICAL)


@hookimpl
def lc_register_renderers(register: Register) -> None:
    """Register what writes pictures to files."""
    register("images.png", "lc_plugins.images.render:Png")


@hookimpl
def lc_register_readers(register: Register) -> None:
    """Register what reads a user's pictures."""
    register("images.file", "lc_plugins.images.read:read_image", output="image.rgb/1", suffixes=SUFFIXES)
    register("images.gray_file", "lc_plugins.images.read:read_gray", output="image.gray/1", suffixes=SUFFIXES)


@hookimpl
def lc_register_datasets(register: Register) -> None:
    """Register the labelled photographs of whoever has them."""
    register("images.celeba", "lc_plugins.images.celeba_labels:read_labelled", output="image.rgb/1")


@hookimpl
def lc_register_recipes(register: Register) -> None:
    """Register the training of the model of photographs."""
    register("images.celeba", "lc_plugins.images.celeba_train:train")


@hookimpl
def lc_register_views(register: Register) -> None:
    """Register when two pictures count as the same."""
    register("images.coarse", "lc_plugins.images.views:coarse", output="image.rgb/1")
    register("images.coarse_gray", "lc_plugins.images.views:coarse", output="image.gray/1")


@hookimpl
def lc_register_spaces(register: Register) -> None:
    """Register what pictures are compared by in `lc eval`."""
    register("images.averages", "lc_plugins.images.views:averages", output="image.rgb/1", version=1)
    register("images.averages_gray", "lc_plugins.images.views:averages", output="image.gray/1", version=1)
