"""Finds plugins by their entry points and asks each what it registers, without letting one break another."""

from __future__ import annotations

import inspect
import os
import re
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pluggy

from lc_core.common.guard import IMPORT_SECONDS, limited, seconds_allowed
from lc_core.common.spelling import nearest
from lc_core.errors import LCError
from lc_core.plugins import hookspecs
from lc_core.plugins.installed import DISTRIBUTION, Damaged, canonical, installed, installed_version
from lc_core.plugins.registry import KINDS, Broken, Distribution, Registered, Registry
from lc_core.plugins.single_file import load_file, version_of

__all__ = ["DISTRIBUTION", "GROUP", "build_registry", "registered_by"]

GROUP = "latent_constraints"
NAME = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
BARE_NAME = re.compile(r"([A-Za-z0-9_-]+\.)?[A-Za-z0-9_-]+")
TARGET = re.compile(r"[A-Za-z_]\w*(\.\w+)*:[A-Za-z_]\w*(\.\w+)*")
NEEDED = {
    "model": ("output",),
    "reader": ("output", "suffixes"),
    "dataset": ("output",),
    "view": ("output",),
    "space": ("output", "version"),
}


def build_registry(files: Sequence[Path] = ()) -> Registry:
    """Find all installed plugins and collect what they register.

    A plugin that fails is listed in `broken` and the others work. `LC_STRICT_PLUGINS=1` raises instead;
    `LC_DISABLE_PLUGINS=dist1,dist2` leaves distributions out; `LC_TRACE_PLUGINS=1` writes to stderr what is imported
    and registered.

    Args:
        files: Plugins of a single file, each registered as a distribution that is called as the file.

    Raises:
        LCError: For a broken plugin, under `LC_STRICT_PLUGINS=1`, and for a file that cannot be used.
    """
    seconds_allowed(IMPORT_SECONDS)  # a limit that is no number is nobody's fault but the user's
    strict = _is_set("LC_STRICT_PLUGINS")
    disabled = {canonical(one.strip()) for one in os.environ.get("LC_DISABLE_PLUGINS", "").split(",")}
    hooks = _hooks()
    found: dict[str, list[Distribution]] = {DISTRIBUTION: [_core(hooks)]}
    there = installed(GROUP)
    broken = [_damaged(one, strict) for one in there.damaged if canonical(one.name) not in disabled]
    for name, version, entry in there.entries:
        if canonical(name) in disabled:
            _trace(f"{name} ({entry.name}): left out by LC_DISABLE_PLUGINS")
            continue
        try:
            part = _asked(entry.load, hooks, f"plugin {entry.name} of {name}", name, version)
            _check_twice([*(one for other in found.get(name, []) for one in other.components), *part.components])
        except (Exception, SystemExit) as error:  # a plugin that ends the process on import is broken as well
            text = _text_of(error)
            _trace(f"{name} ({entry.name}): broken: {text}", error)
            if strict:
                raise LCError(f"plugin {entry.name} of {name} is broken: {text}") from error
            broken.append(Broken(name, entry.name, text))
            continue
        _trace_part(entry.name, entry.value, part)
        found.setdefault(name, []).append(part)
    for file in {one.resolve(): one for one in files}.values():  # one that is named twice is taken once
        part = _of_file(file, hooks)
        if any(canonical(part.name) == canonical(one) for one in found):
            installed_too = f", or leave the installed one out by LC_DISABLE_PLUGINS={part.name}"
            others = (one for one in files if one.resolve() != file.resolve())
            of_a_file = canonical(part.name) in {canonical(one.stem) for one in others}
            raise LCError(
                f"--plugin {file}: there is a distribution {part.name} already",
                hint="rename one of the files" if of_a_file else f"rename the file{installed_too}",
            )
        _trace_part(part.name, str(file), part)
        found[part.name] = [part]
    return Registry(distributions=tuple(map(_joined, found.values())), broken=tuple(broken))


def _hooks() -> pluggy.PluginManager:
    """Return a manager that knows the hooks and no plugin. Reading the hooks takes longer than asking a plugin."""
    hooks = pluggy.PluginManager(hookspecs.PROJECT)
    hooks.add_hookspecs(hookspecs)
    return hooks


def _core(hooks: pluggy.PluginManager) -> Distribution:
    version = _own_version()
    own = registered_by(_core_engines(), distribution=DISTRIBUTION, version=version, bare_names=True, hooks=hooks)
    return Distribution(DISTRIBUTION, version, own, 0.0)


def _asked(load: Callable[[], object], hooks: pluggy.PluginManager, who: str, name: str, version: str) -> Distribution:
    """Import a plugin and ask it what it registers."""
    start = time.perf_counter()
    with limited(who, IMPORT_SECONDS):
        components = registered_by(load(), distribution=name, version=version, hooks=hooks)
    return Distribution(name, version, components, time.perf_counter() - start)


def _of_file(file: Path, hooks: pluggy.PluginManager) -> Distribution:
    try:
        version = version_of(file) if file.is_file() else ""
        part = _asked(lambda: load_file(file), hooks, f"--plugin {file}", file.stem, version)
    except LCError as error:
        message = error.message if str(file) in error.message else f"--plugin {file}: {error.message}"
        raise LCError(message, hint=error.hint) from error
    if not part.components:
        raise LCError(
            f"--plugin {file} registers nothing",
            hint="define a function marked @hookimpl, such as lc_register_constraints(register)",
        )
    return part


def registered_by(
    plugin: object,
    *,
    distribution: str,
    version: str,
    bare_names: bool = False,
    hooks: pluggy.PluginManager | None = None,
    apis: range = hookspecs.APIS,
) -> tuple[Registered, ...]:
    """Ask one plugin, a module or another object with hook functions, what it registers.

    Args:
        plugin: Holds functions marked with `hookimpl`.
        distribution: Where it comes from.
        version: That distribution's version.
        bare_names: Whether names may lack a domain, as the core's own engines do.
        hooks: A manager that knows the hooks and no plugin, to ask several in turn; the plugin is in it only meanwhile.
        apis: Versions of the plugin API that are supported.

    Raises:
        LCError: If a hook does not exist, or a name, target or description is not as expected.
    """
    hooks = hooks or _hooks()
    found: list[Registered] = []
    try:
        hooks.register(plugin)
        hooks.check_pending()
        for kind in KINDS:
            hook = getattr(hooks.hook, f"lc_register_{kind}s")
            hook(register=_collector(found, kind, distribution, version, BARE_NAME if bare_names else NAME, apis))
    except pluggy.PluginValidationError as error:
        raise LCError(_hook_fault(plugin, error)) from error
    finally:
        if hooks.is_registered(plugin):
            hooks.unregister(plugin)
    _check_twice(found)
    return tuple(found)


def _collector(
    found: list[Registered], kind: str, distribution: str, version: str, pattern: re.Pattern[str], apis: range
) -> Callable[..., None]:
    def register(name: str, target: str | Callable[..., Any], *, api: int = 1, **about: Any) -> None:
        if not isinstance(name, str) or not pattern.fullmatch(name):
            raise LCError(f"{kind} {name!r} needs a name of the form domain.name (letters, digits, _ and -)")
        if isinstance(target, str) and not TARGET.fullmatch(target):
            raise LCError(f'target of {kind} {name} must be "package.module:attribute"; found {target!r}')
        if not isinstance(target, str) and not callable(target):
            raise LCError(f"target of {kind} {name} must be callable or text; found {type(target).__name__}")
        _check_api(api, f"{kind} {name}", distribution, apis)
        for key in NEEDED.get(kind, ()):
            if not about.get(key):
                raise LCError(f"{kind} {name} must be registered with {key}=")
        found.append(Registered(kind, name, distribution, version, target, about, api))

    return register


def _check_api(api: Any, who: str, distribution: str, apis: range) -> None:
    """Refuse what was written for another version of the plugin API."""
    if not isinstance(api, int) or isinstance(api, bool):
        raise LCError(f"api of {who} should be a whole number, such as {apis[-1]}; found {api!r}")
    if api > apis[-1]:
        raise LCError(
            f"{who} needs plugin API {api}; latent-constraints {_own_version()} has {apis[-1]}: "
            f"upgrade latent-constraints, or install an older {distribution}"
        )
    if api < apis[0]:
        raise LCError(
            f"{who} was written for plugin API {api}, which latent-constraints {_own_version()} no longer supports "
            f"(it supports {apis[0]} to {apis[-1]}): upgrade {distribution}"
        )


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


def _damaged(one: Damaged, strict: bool) -> Broken:
    """Return an installed distribution that cannot be read as a broken plugin; raise if it may hold one."""
    _trace(f"{one.name} ({one.path}): broken: {one.reason}")
    if strict and one.has_entry_points:
        raise LCError(
            f"the distribution at {one.path} is broken: {one.reason}",
            hint=f"install it again, or leave it out by LC_DISABLE_PLUGINS={one.name}",
        )
    return Broken(one.name, "", one.reason, str(one.path))


def _text_of(error: BaseException) -> str:
    return error.message if isinstance(error, LCError) else f"{type(error).__name__}: {error}"


def _is_set(variable: str) -> bool:
    return os.environ.get(variable, "") not in ("", "0")


def _trace(text: str, error: BaseException | None = None) -> None:
    """Write to stderr what happens to a plugin, if LC_TRACE_PLUGINS is set."""
    if _is_set("LC_TRACE_PLUGINS"):
        print(f"lc plugins: {text}", file=sys.stderr)
        if error is not None:
            traceback.print_exception(error, file=sys.stderr)


def _trace_part(entry: str, target: str, part: Distribution) -> None:
    _trace(f"{part.name} {part.version} ({entry}): {target} in {part.seconds * 1000:.0f} ms")
    for one in part.components:
        shown = one.target if isinstance(one.target, str) else getattr(one.target, "__name__", repr(one.target))
        _trace(f"  {one.kind} {one.name}, API {one.api}: {shown}")


def _own_version() -> str:
    return installed_version(DISTRIBUTION) or "unknown"


def _core_engines() -> object:
    @hookspecs.hookimpl
    def lc_register_engines(register: hookspecs.Register) -> None:
        register("auto", "lc_core.planning.auto:Auto")
        register("rejection", "lc_core.engines.rejection:Rejection")
        register("sampler", "lc_core.sampler.engine:Sampler")
        register("actor", "lc_core.actors.engine:actor")
        register("gradient", "lc_core.engines.gradient:Gradient")
        register("edit", "lc_core.engines.edit:Edit")

    return SimpleNamespace(lc_register_engines=lc_register_engines)
