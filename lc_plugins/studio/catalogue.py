"""What a page is told of a model before the model is loaded: its rules with their settings, views and files.

Nothing here names a rule: all of it comes from what plugins register, so that a stranger's rule has its controls too.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from lc_core import LCError, Measurement
from lc_core.plugins import Registered, Registry, readers_of

__all__ = ["Catalogue", "doc_of_model", "playable"]

Json = dict[str, Any]


def doc_of_model(model: str) -> Json:
    """Return the spec that a page begins with, if it is given none."""
    return {"lc": 1, "model": model, "constraints": [], "sample": {"count": 16, "seed": 0}}


class Catalogue:
    """What is installed for the outputs of one model.

    Args:
        registry: What is installed.
        model: The model.
        params: Its settings.
    """

    def __init__(self, registry: Registry, model: Registered, params: Mapping[str, Any] | None = None) -> None:
        self._registry, self.model = registry, model
        self.output_type = model.output(dict(params or {}))
        self.renderers = [one for one in registry.all("renderer") if self.output_type in _accepted(one)]

    @property
    def view(self) -> Registered | None:
        """What draws outputs on a page: a renderer with a script of its own, else one of pictures, else of sound."""
        for wanted in (_has_script, lambda one: _media(one).startswith("image/"), lambda one: _media(one) != ""):
            for one in self.renderers:
                if wanted(one):
                    return one
        return None

    @property
    def suffixes(self) -> list[str]:
        """Endings of the files that can be dropped onto the page."""
        with suppress(LCError):
            return sorted(readers_of(self._registry, self.output_type))
        return []

    def as_json(self) -> Json:
        """Return what the page is told."""
        return {
            "model": self._registry.spelling(self.model),
            "models": [
                {"name": self._registry.spelling(one), "summary": _summary(one)} for one in playable(self._registry)
            ],
            "rules": list(self._rules()),
            "view": self._view(),
            "files": [{"name": one.short, "suffix": one.load().suffix, "media": _media(one)} for one in self.renderers],
            "upload": self.suffixes,
            "bases": ["prior", "data"],
        }

    def script(self) -> Path | None:
        """Return the file of the script that draws outputs, if the view has one."""
        view = self.view
        if view is None or not _has_script(view):
            return None
        target = view.load()
        return Path(inspect.getfile(target)).parent / str(target.page_script)

    def _view(self) -> Json | None:
        view = self.view
        if view is None:
            return None
        if _has_script(view):
            return {"script": f"/view/{view.name}.js"}
        return {"media": _media(view), "suffix": view.load().suffix}

    def _rules(self) -> Iterator[Json]:
        for one in self._registry.all("constraint"):
            with suppress(LCError):  # one that cannot be loaded is named by lc plugins, and left out here
                info = Measurement(one.load()).info
                if "*" in info.accepts or self.output_type in info.accepts:
                    yield {
                        "use": self._registry.spelling(one),
                        "title": one.short.replace("_", " "),
                        "summary": one.summary,
                        "help": inspect.getdoc(one.load()) or "",
                        "unit": info.unit,
                        "range": [end if math.isfinite(end) else None for end in info.range],
                        "undefined": info.undefined,
                        "want": info.want.as_dict() if info.want else None,
                        "params": list(_params(one)),
                    }


def _params(one: Registered) -> Iterator[Json]:
    """Yield the settings of a rule, each with its own JSON Schema."""
    texts = one.setting_texts()
    schema = one.parameters().model_json_schema()
    for name, field in schema.get("properties", {}).items():
        resolved = _resolved(field, schema.get("$defs", {}))
        control = _control(resolved)
        found: Json = {
            "name": name,
            "title": name.replace("_", " "),
            "help": texts.get(name, ""),
            "schema": resolved,
        }
        if "default" in resolved:
            found["default"] = resolved["default"]
        yield found | ({"control": control} if control else {})


def _control(schema: Json) -> str | None:
    """Return the control that a type asks for by `x-control`, also where it may be left unset."""
    if "x-control" in schema:
        return str(schema["x-control"])
    return next((str(one["x-control"]) for one in schema.get("anyOf", ()) if "x-control" in one), None)


def _resolved(part: Any, parts: Mapping[str, Any], depth: int = 0) -> Any:
    """Return a schema in which every reference is replaced by what it refers to."""
    if isinstance(part, list):
        return [_resolved(one, parts, depth) for one in part]
    if not isinstance(part, dict) or depth > 8:
        return part
    name = str(part.get("$ref", "")).rpartition("/")[2]
    inside = {**parts.get(name, {}), **{key: one for key, one in part.items() if key != "$ref"}}
    return {key: _resolved(one, parts, depth + 1) for key, one in inside.items()}


def playable(registry: Registry) -> Iterator[Registered]:
    """Yield the models that need no settings of a user and whose outputs something draws."""
    for one in registry.all("model"):
        with suppress(LCError):
            one.fill({})
            if any(one.output({}) in _accepted(renderer) for renderer in registry.all("renderer")):
                yield one


def _accepted(renderer: Registered) -> tuple[str, ...]:
    try:
        found = renderer.load().accepts
    except LCError:
        return ()
    return (found,) if isinstance(found, str) else tuple(found)


def _media(renderer: Registered) -> str:
    media = str(getattr(renderer.load(), "media_type", ""))
    return media if media.startswith(("image/", "audio/")) else ""


def _has_script(renderer: Registered) -> bool:
    return bool(getattr(renderer.load(), "page_script", ""))


def _summary(one: Registered) -> str:
    with suppress(LCError):
        return one.summary
    return ""
