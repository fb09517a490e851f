"""What the models domain registers: loaders of foreign formats. What each model makes is its setting `output`."""

from __future__ import annotations

from lc_core import hookimpl
from lc_core.plugins import Register

__all__ = ["lc_register_models"]


@hookimpl
def lc_register_models(register: Register) -> None:
    """Register one loader for each format."""
    register("models.export", "lc_plugins.models.export:load_export", output="*")
    register("models.torchscript", "lc_plugins.models.torchscript:load_torchscript", output="*")
    register("models.onnx", "lc_plugins.models.onnx_file:load_onnx", output="*")
    register("models.pythae", "lc_plugins.models.pythae_folder:load_pythae", output="*")
    register("models.diffusers", "lc_plugins.models.diffusers_folder:load_diffusers", output="*")
    register("models.folder", "lc_plugins.models.vae_folder:load_folder", output="*")
