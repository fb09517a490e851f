"""Finds plugins by their entry points and asks each what it registers, without letting one break another."""

from __future__ import annotations

import inspect
import os
import re
import time
from collections.abc import Callable
from importlib import metadata
from types import SimpleNamespace
from typing import Any

import pluggy

from lc_core.errors import LCError
from lc_core.plugins import hookspecs
from lc_core.plugins.registry import KINDS, Broken, Distribution, Registered, Registry, canonical, nearest

__all__ = ["DISTRIBUTION", "GROUP", "build_registry", "registered_by"]

DISTRIBUTION = "latent-constraints"
GROUP = "latent_constraints"
NAME = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
BARE_NAME = re.compile(r"([A-Za-z0-9_-]+\.)?[A-Za-z0-9_-]+")
TARGET = re.compile(r"[A-Za-z_]\w*(\.\w+)*:[A-Za-z_]\w*(\.\w+)*")
NEEDED = {"model": ("output",), "reader": ("output", "suffixes")}


def build_registry() -> Registry:
    """Find all installed plugins and collect what they register.

    A plugin that fails is listed in `broken` and the others work. `LC_STRICT_PLUGINS=1` raises instead;
    `LC_DISABLE_PLUGINS=dist1,dist2` leaves distributions out.

    Raises:
        LCError: For a broken plugin, under `LC_STRICT_PLUGINS=1`.
    """
    strict = os.environ.get("LC_STRICT_PLUGINS", "") not in ("", "0")
    disabled = {canonical(one.strip()) for one in os.environ.get("LC_DISABLE_PLUGINS", "").split(",")}
    own = registered_by(_core_engines(), distribution=DISTRIBUTION, version=_own_version(), bare_names=True)
    found: dict[str, list[Distribution]] = {DISTRIBUTION: [Distribution(DISTRIBUTION, _own_version(), own, 0.0)]}
    broken: list[Broken] = []
    for entry in sorted(metadata.entry_points(group=GROUP), key=lambda one: (_source(one)[0], one.name)):
        name, version = _source(entry)
        if canonical(name) in disabled:
            continue
        start = time.perf_counter()
        try:
            components = registered_by(entry.load(), distribution=name, version=version)
            _check_twice([*(one for part in found.get(name, []) for one in part.components), *components])
        except (Exception, SystemExit) as error:  # a plugin that ends the process on import is broken as well
            text = error.message if isinstance(error, LCError) else f"{type(error).__name__}: {error}"
            if strict:
                raise LCError(f"plugin {entry.name} of {name} is broken: {text}") from error
            broken.append(Broken(name, entry.name, text))
            continue
        found.setdefault(name, []).append(Distribution(name, version, components, time.perf_counter() - start))
    return Registry(distributions=tuple(map(_joined, found.values())), broken=tuple(broken))


def registered_by(
    plugin: object, *, distribution: str, version: str, bare_names: bool = False
) -> tuple[Registered, ...]:
    """Ask one plugin, a module or another object with hook functions, what it registers.

    Args:
        plugin: Holds functions marked with `hookimpl`.
        distribution: Where it comes from.
        version: That distribution's version.
        bare_names: Whether names may lack a domain, as the core's own engines do.

    Raises:
        LCError: If a hook does not exist, or a name, target or description is not as expected.
    """
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(plugin)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise LCError(_hook_fault(plugin, error)) from error
    found: list[Registered] = []
    for kind in KINDS:
        hook = getattr(manager.hook, f"lc_register_{kind}s")
        hook(register=_collector(found, kind, distribution, version, BARE_NAME if bare_names else NAME))
    _check_twice(found)
    return tuple(found)


def _collector(
    found: list[Registered], kind: str, distribution: str, version: str, pattern: re.Pattern[str]
) -> Callable[..., None]:
    def register(name: str, target: str | Callable[..., Any], **about: Any) -> None:
        if not isinstance(name, str) or not pattern.fullmatch(name):
            raise LCError(f"{kind} {name!r} needs a name of the form domain.name (letters, digits, _ and -)")
        if isinstance(target, str) and not TARGET.fullmatch(target):
            raise LCError(f'target of {kind} {name} must be "package.module:attribute"; found {target!r}')
        if not isinstance(target, str) and not callable(target):
            raise LCError(f"target of {kind} {name} must be callable or text; found {type(target).__name__}")
        for key in NEEDED.get(kind, ()):
            if not about.get(key):
                raise LCError(f"{kind} {name} must be registered with {key}=")
        found.append(Registered(kind, name, distribution, version, target, about))

    return register


def _check_twice(components: list[Registered]) -> None:
    seen: set[tuple[str, str]] = set()
    for one in components:
        if (one.kind, one.name) in seen:
            raise LCError(f"{one.kind} {one.name} is registered twice")
        seen.add((one.kind, one.name))


def _hook_fault(plugin: object, error: pluggy.PluginValidationError) -> str:
    known = [name for name, value in vars(hookspecs).items() if name.startswith("lc_") and inspect.isfunction(value)]
    marker = f"{hookspecs.PROJECT}_impl"
    for name in dir(plugin):
        if name not in known and getattr(getattr(plugin, name, None), marker, None):
            close = nearest(name, known, count=1)
            guess = f"did you mean {close[0]}?" if close else f"hooks: {', '.join(known)}"
            return f"there is no hook {name!r} ({guess})"
    return " ".join(str(error).split())


def _joined(parts: list[Distribution]) -> Distribution:
    components = tuple(one for part in parts for one in part.components)
    return Distribution(parts[0].name, parts[0].version, components, sum(part.seconds for part in parts))


def _source(entry: metadata.EntryPoint) -> tuple[str, str]:
    return (entry.dist.name, entry.dist.version) if entry.dist else ("unknown", "unknown")


def _own_version() -> str:
    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "unknown"


def _core_engines() -> object:
    @hookspecs.hookimpl
    def lc_register_engines(register: hookspecs.Register) -> None:
        register("rejection", "lc_core.engines.rejection:Rejection")
        register("actor", "lc_core.engines.actor:Actor")
        register("gradient", "lc_core.engines.gradient:Gradient")
        register("edit", "lc_core.engines.edit:Edit")

    return SimpleNamespace(lc_register_engines=lc_register_engines)
