"""Finds the renderers that a spec names, and checks that they draw what its model makes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lc_core.common.spelling import misspelt, nearest
from lc_core.errors import LCError
from lc_core.plugins.registry import Registered
from lc_core.spec.components import Components, Found
from lc_core.spec.load import Node

__all__ = ["Renderers"]


class Renderers:
    """Renderers for outputs of one type.

    Args:
        components: What can be named; takes what is wrong.
        output: The type; None if no model is known, which every renderer fits.
    """

    def __init__(self, components: Components, output: str | None) -> None:
        self._components, self._output = components, output

    def found(self, items: Sequence[Node]) -> list[Found]:
        """Return those that exist; note what is wrong with each."""
        found: list[Found] = []
        for item in items:
            one = self._components.find("renderer", item, get=self._renderer)
            if one is None:
                continue
            if not self._draws(one.target):
                accepts = " or ".join(_accepted(one.target)) or "nothing"
                guess = misspelt(self._output or "", _accepted(one.target))
                message = f"{one.use} draws {accepts}, but the model makes {self._output}{guess}"
                self._components.problems.add(item.where, message)
            rival = next((other for other in found if _suffix(other.target) == _suffix(one.target)), None)
            if rival and rival.plugin == one.plugin:
                self._components.problems.add(item.where, f"{one.use} is listed twice")
            elif rival:
                self._components.problems.add(
                    item.where, f"{rival.use} and {one.use} both write {_suffix(one.target)} files"
                )
            found.append(one)
        return found

    def _renderer(self, name: str) -> Registered:
        """Find a renderer by its name, or by the part after the dot among those that fit the model's outputs."""
        known = self._components.registry.all("renderer")
        if "." in name or ":" in name or any(one.name == name for one in known):
            return self._components.registry.get("renderer", name)
        usable = [one for one in known if self._usable(one)]
        fitting = [one for one in usable if one.short == name]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise LCError(f"renderer {name!r} is ambiguous: {' and '.join(one.qualified for one in fitting)}")
        names = sorted({one.short for one in usable})
        close = nearest(name, names)
        guess = f"(did you mean {' or '.join(close)}?)" if close else f"(installed: {', '.join(names) or 'none'})"
        raise LCError(f"unknown renderer {name!r} for {self._output or 'these outputs'} {guess}")

    def _usable(self, renderer: Registered) -> bool:
        try:
            return self._draws(renderer.load())
        except LCError:
            return False  # an error where a spec names it in full

    def _draws(self, renderer: Any) -> bool:
        return self._output is None or bool({self._output, "*"} & set(_accepted(renderer)))


def _accepted(renderer: Any) -> tuple[str, ...]:
    accepts = getattr(renderer, "accepts", ())
    return (accepts,) if isinstance(accepts, str) else tuple(accepts)


def _suffix(renderer: Any) -> Any:
    return getattr(renderer, "suffix", renderer)
