"""What is installed: a value that says which plugin provides which component, and what went wrong.

Nothing here imports torch; a component is imported when it is first used.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from lc_core.common.guard import IMPORT_SECONDS, limited
from lc_core.common.spelling import nearest
from lc_core.errors import LCError
from lc_core.plugins.installed import canonical
from lc_core.plugins.settings import fill, parameters_of

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["Broken", "Distribution", "KINDS", "Registered", "Registry", "space_of", "view_of"]

KINDS = ("model", "constraint", "engine", "renderer", "reader", "dataset", "recipe", "judge", "view", "space")
"""Kinds of components, one hook each."""


@dataclass(frozen=True)
class Registered:
    """One component that a plugin registered.

    Args:
        kind: One of `KINDS`.
        name: `domain.name`, or a bare name for the core's own engines.
        distribution: The distribution that registered it.
        version: That distribution's version.
        target: The component, or `"package.module:attribute"`.
        about: What is known without importing it, such as a model's `output`.
        api: The version of the plugin API that it was written for.
    """

    kind: str
    name: str
    distribution: str
    version: str
    target: str | Callable[..., Any]
    about: Mapping[str, Any] = field(default_factory=dict, hash=False)
    api: int = 1

    def __getstate__(self) -> dict[str, Any]:
        """Return what worker processes are sent: all but what is worked out again there."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @property
    def qualified(self) -> str:
        """The name with its distribution, which is never ambiguous: `distribution:name`."""
        return f"{self.distribution}:{self.name}"

    @property
    def short(self) -> str:
        """The name without its domain."""
        return self.name.rpartition(".")[2]

    def output(self, params: Mapping[str, Any]) -> str:
        """Return the output type of a model with these settings: for one registered as `*`, its setting `output`."""
        output = str(self.about["output"])
        return str(params.get("output", output)) if output == "*" else output

    def load(self) -> Any:
        """Import the component and return it.

        Raises:
            LCError: If its module cannot be imported, hangs or ends the process, or has no such attribute.
        """
        if not isinstance(self.target, str):
            return self.target
        who = f"{self.kind} {self.name} of {self.distribution}"
        with limited(f"{who}, loaded from {self.target},", IMPORT_SECONDS):
            return self._imported(who, self.target)

    def _imported(self, who: str, target: str) -> Any:
        module, _, attribute = target.partition(":")
        try:
            found: Any = importlib.import_module(module)
            for part in attribute.split("."):
                found = getattr(found, part)
        except LCError:
            raise
        except (Exception, SystemExit) as error:  # a module that ends the process is broken as well
            hint = None
            if isinstance(error, ModuleNotFoundError) and (error.name or "").split(".")[0] != module.split(".")[0]:
                hint = f"{error.name} is not installed; an extra of {self.distribution} may bring it"
            raise LCError(
                f"{who} cannot be loaded from {target}: {type(error).__name__}: {error}", hint=hint
            ) from error
        return found

    def parameters(self) -> type[BaseModel]:
        """Return a pydantic model of the settings, read from the typed signature.

        It forbids unknown keys and does not convert: text is no number and true is no integer, but an integer will do
        for a float and a list for a tuple. Validate with `fill`, or with `model_validate_json`.

        Raises:
            LCError: If the component cannot be loaded or its signature cannot be used.
        """
        return self._parameters

    @cached_property
    def _parameters(self) -> type[BaseModel]:
        return parameters_of(self)

    def setting_names(self) -> list[str]:
        """Return the names of the settings; raises what `parameters` raises."""
        return list(self.parameters().model_fields)

    def fill(self, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Check settings and add the defaults of those left out.

        Raises:
            LCError: If a setting is unknown, missing, or of the wrong type or value; it names all of them.
        """
        return fill(self, params or {})

    def build(self, params: Mapping[str, Any] | None = None) -> Any:
        """Import the component and call it with its settings, those left out at their defaults.

        Raises:
            LCError: As `load` and `fill`.
        """
        return self.load()(**self.fill(params))

    @property
    def summary(self) -> str:
        """First line of the component's docstring; imports it."""
        return (inspect.getdoc(self.load()) or "").partition("\n")[0]

    def setting_texts(self) -> dict[str, str]:
        """Return what the section `Args` of the component's docstring says, by name; imports it."""
        section = re.search(r"^Args:\n((?: +\S.*\n?)+)", inspect.getdoc(self.load()) or "", re.MULTILINE)
        found = re.findall(r"^    (\w+): (.*(?:\n     +.*)*)", section[1] if section else "", re.MULTILINE)
        return {name: " ".join(text.split()) for name, text in found}


class Broken(NamedTuple):
    """A plugin that could not be imported or could not register, or a distribution that cannot be read, with its path.

    Of a distribution that cannot be read, `entry_point` is empty; of others, `path` is.
    """

    distribution: str
    entry_point: str
    error: str
    path: str = ""


class Distribution(NamedTuple):
    """An installed distribution with plugins: what it registers, and the seconds that took, imports included."""

    name: str
    version: str
    components: tuple[Registered, ...]
    seconds: float


@dataclass(frozen=True)
class Registry:
    """All components that are installed. Built once per run by `build_registry` and passed on.

    Args:
        distributions: Those that registered something.
        broken: Plugins that failed; their components are absent.
    """

    distributions: tuple[Distribution, ...] = ()
    broken: tuple[Broken, ...] = ()

    def all(self, kind: str) -> list[Registered]:
        """Return the components of a kind, sorted by name and then distribution."""
        found = [one for distribution in self.distributions for one in distribution.components if one.kind == kind]
        return sorted(found, key=lambda one: (one.name, one.distribution))

    def get(self, kind: str, name: str) -> Registered:
        """Return one component.

        Args:
            kind: One of `KINDS`.
            name: Its name, or `distribution:name`.

        Raises:
            LCError: If there is none of that name, or if two distributions have one.
        """
        components = self.all(kind)
        source, _, bare = name.rpartition(":")
        found = [
            one
            for one in components
            if one.name == bare and (not source or canonical(one.distribution) == canonical(source))
        ]
        if len(found) == 1:
            return found[0]
        if found:
            names = " and ".join(one.distribution for one in found)
            ways = " or ".join(one.qualified for one in found)
            raise LCError(f"{kind} {name!r} is ambiguous: {names} both register it", hint=f"write {ways}")
        raise LCError(self._unknown(kind, name, bare), hint=self._hint(kind, bare))

    def spelling(self, component: Registered) -> str:
        """Return the shortest name that `get` resolves to this component."""
        same = [one for one in self.all(component.kind) if one.name == component.name]
        return component.name if len(same) == 1 else component.qualified

    def _unknown(self, kind: str, name: str, bare: str) -> str:
        known = [one.name for one in self.all(kind)]
        message = f"unknown {kind} {name!r}"
        if close := nearest(bare, known):
            return f"{message} (did you mean {' or '.join(close)}?)"
        others = [other for other in KINDS if other != kind and any(one.name == bare for one in self.all(other))]
        if others:
            return f"{message}: there is a {others[0]} of that name, but no {kind}"
        return f"{message}; installed: {', '.join(known) or 'none'}"

    def _hint(self, kind: str, bare: str) -> str | None:
        if self.broken:
            return f"broken plugins: {', '.join(one.distribution for one in self.broken)} (see lc plugins)"
        known = [one.name for one in self.all(kind)]
        domain = bare.partition(".")[0]
        if nearest(bare, known) and ("." not in bare or any(name.partition(".")[0] == domain for name in known)):
            return None  # it is misspelt
        return "what a Python file of yours registers is known to a command that is given --plugin FILE"


def view_of(registry: Registry, output_type: str) -> Registered | None:
    """Return the view that is declared for outputs of a type: of several the first by name; None without one."""
    return next((one for one in registry.all("view") if one.about["output"] == output_type), None)


def space_of(registry: Registry, output_type: str, model: str = "") -> Registered | None:
    """Return the feature space that is declared for a model's outputs: of several the first by name.

    One that names the model goes before those for all outputs of the type. None without one.

    Args:
        registry: What is installed.
        output_type: The type of the outputs.
        model: The name of the model that made them.
    """
    of_type = [one for one in registry.all("space") if one.about["output"] == output_type]
    own = [one for one in of_type if model in one.about.get("models", ())]
    return next(iter(own or [one for one in of_type if not one.about.get("models")]), None)
