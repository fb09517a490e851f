"""What this distribution registers. Targets are text, so nothing heavy is imported before it is used."""

from lc_core import hookimpl


@hookimpl
def lc_register_models(register):
    register("tinygan.digits", "lc_tiny_gan.model:load", output="image.gray/1")


@hookimpl
def lc_register_recipes(register):
    register("tinygan.digits", "lc_tiny_gan.train:train")
