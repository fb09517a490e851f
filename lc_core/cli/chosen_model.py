"""Which model a command's argument MODEL means: a registered one, or that of a spec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lc_core.errors import LCError
from lc_core.plugins.registry import Registry
from lc_core.spec import load_model_of, shipped_names
from lc_core.spec.values import Selected

__all__ = ["chosen_model"]


def chosen_model(registry: Registry, name: str, settings: Mapping[str, Any]) -> tuple[Selected, str]:
    """Return the model that a name or a spec means, with its settings, and the type that it is said to make.

    Args:
        registry: What is installed.
        name: A registered model, or a spec.
        settings: Changes of the model's settings.

    Raises:
        LCError: If it is neither, or has no such settings.
    """
    registered = {spelling for one in registry.all("model") for spelling in (one.name, one.qualified)}
    if name not in registered and _is_data(Path(name)):
        raise LCError(
            f"{name} is neither a registered model nor a spec",
            hint="a model's file or folder is a setting of its loader, such as: "
            f"lc inspect models.export --set file={name} --set output=image.rgb/1",
        )
    if Path(name).is_file() or name.endswith((".yaml", ".yml")) or name in shipped_names():
        selected = load_model_of(name, registry=registry)  # whatever else is wrong in the spec is not its matter
        params = selected.plugin.fill({**selected.params, **settings}) if settings else selected.params
        return replace(selected, params=params), selected.plugin.output(params)
    plugin = registry.get("model", name)
    params = plugin.fill(settings)
    return Selected(plugin, params, registry.spelling(plugin)), plugin.output(params)


def _is_data(path: Path) -> bool:
    """Return whether a path is a folder, or a file that is no text."""
    if not path.is_file():
        return path.is_dir()
    with path.open("rb") as file:
        return b"\0" in file.read(1024)
