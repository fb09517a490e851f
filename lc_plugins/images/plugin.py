"""What the images domain registers: files of pictures, for every model that makes `image.rgb/1`."""

from __future__ import annotations

from lc_core.plugins.hookspecs import Register, hookimpl

__all__ = ["lc_register_readers", "lc_register_renderers"]


@hookimpl
def lc_register_renderers(register: Register) -> None:
    """Register what writes pictures to files."""
    register("images.png", "lc_plugins.images.render:Png")


@hookimpl
def lc_register_readers(register: Register) -> None:
    """Register what reads a user's pictures."""
    register(
        "images.file",
        "lc_plugins.images.read:read_image",
        output="image.rgb/1",
        suffixes=[".png", ".jpg", ".jpeg"],
    )
