"""Finds the components that a spec names, and checks their settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from lc_core.common.spelling import misspelt, nearest
from lc_core.errors import LCError
from lc_core.plugins.registry import Registered, Registry
from lc_core.plugins.settings import checked
from lc_core.spec.files import keys_at, located
from lc_core.spec.load import Node
from lc_core.spec.problems import Problems, Where
from lc_core.spec.shape import report
from lc_core.spec.values import Selected

__all__ = ["Components", "Found"]


@dataclass(frozen=True)
class Found:
    """A component that exists and can be loaded."""

    plugin: Registered
    target: Any
    use: str
    params: dict[str, Any]

    @property
    def selected(self) -> Selected:
        """What a spec has of it."""
        return Selected(self.plugin, self.params, self.use)


@dataclass(frozen=True)
class Components:
    """The components that a spec can name.

    Args:
        registry: What is installed.
        problems: Takes what is wrong.
        folder: Where the spec is: paths in its settings are relative to it.
    """

    registry: Registry
    problems: Problems
    folder: Path = Path()

    def find(
        self,
        kind: str,
        node: Node | None,
        *,
        default: str | None = None,
        get: Callable[[str], Registered] | None = None,
    ) -> Found | None:
        """Find what a `{use, params}` node names, load it, and fill in its settings."""
        use = node.get("use") if node else None
        name = use.content if use else default
        if not isinstance(name, str):
            return None
        place = use.where if use else node.where if node else Where("engine")
        try:
            plugin = get(name) if get else self.registry.get(kind, name)
            target = plugin.load()
            settings = plugin.parameters()
        except LCError as error:
            if (kind, name) == ("constraint", "realism"):
                message = "realism is no constraint: nothing measures it on an output; give it a weight at the top"
                self.problems.add(place, message, hint="realism: 8")
            else:
                self.problems.add(place, error.message, hint=error.hint)
            return None
        given = node.get("params") if node else None
        if given is not None and not given.is_mapping:
            return None
        try:
            values = checked(plugin, located(given, settings, self.folder) if given else {})
        except LCError as error:
            self.problems.add(given.where if given else place, error.message, hint=error.hint)
            return None
        except ValidationError as error:
            holder = given or Node({}, place)
            report(holder, error, lambda path: keys_at(settings, path), self.problems, inside=f"the params of {name}")
            return None
        return Found(plugin, target, self.registry.spelling(plugin), values)

    def find_renderers(self, items: Sequence[Node], output: str | None) -> list[Found]:
        """Find the renderers that nodes name, and check that they draw outputs of a type; None is any."""
        found: list[Found] = []
        for item in items:
            one = self.find("renderer", item, get=lambda name: self._renderer(name, output))
            if one is None:
                continue
            if not _draws(one.target, output):
                accepts = " or ".join(_accepted(one.target)) or "nothing"
                guess = misspelt(output or "", _accepted(one.target))
                message = f"{one.use} draws {accepts}, but the model makes {output}{guess}"
                self.problems.add(item.where, message)
            rival = next((other for other in found if _suffix(other.target) == _suffix(one.target)), None)
            if rival and rival.plugin == one.plugin:
                self.problems.add(item.where, f"{one.use} is listed twice")
            elif rival:
                self.problems.add(item.where, f"{rival.use} and {one.use} both write {_suffix(one.target)} files")
            found.append(one)
        return found

    def _renderer(self, name: str, output: str | None) -> Registered:
        """Find a renderer by its name, or by the part after the dot among those that fit the model's outputs."""
        known = self.registry.all("renderer")
        if "." in name or ":" in name or any(one.name == name for one in known):
            return self.registry.get("renderer", name)
        usable = [one for one in known if _usable(one, output)]
        fitting = [one for one in usable if one.short == name]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise LCError(f"renderer {name!r} is ambiguous: {' and '.join(one.qualified for one in fitting)}")
        names = sorted({one.short for one in usable})
        close = nearest(name, names)
        guess = f"(did you mean {' or '.join(close)}?)" if close else f"(installed: {', '.join(names) or 'none'})"
        raise LCError(f"unknown renderer {name!r} for {output or 'these outputs'} {guess}")


def _usable(renderer: Registered, output: str | None) -> bool:
    try:
        return _draws(renderer.load(), output)
    except LCError:
        return False  # an error where a spec names it in full


def _draws(renderer: Any, output: str | None) -> bool:
    return output is None or bool({output, "*"} & set(_accepted(renderer)))


def _accepted(renderer: Any) -> tuple[str, ...]:
    accepts = getattr(renderer, "accepts", ())
    return (accepts,) if isinstance(accepts, str) else tuple(accepts)


def _suffix(renderer: Any) -> Any:
    return getattr(renderer, "suffix", renderer)
