"""The hooks a plugin may implement. Each is called once, when a registry is built.

Every hook is given `register(name, target, **about)`:

- `name` is `domain.name`, for example `melody.in_scale`;
- `target` is the object, or a `"package.module:attribute"` string that is imported when it is first used;
- `about` holds what must be known without importing the target, and `api`, the version of the plugin API that the
  component was written for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import pluggy

__all__ = ["APIS", "PROJECT", "Register", "hookimpl", "hookspec"]

PROJECT = "latent_constraints"
APIS = range(1, 2)
"""Versions of the plugin API that work: of the hooks, and of what a component is called with.

A change of either adds one at the end. A registration that says none is of version 1.
"""
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class Register(Protocol):
    """Adds one component to the registry."""

    def __call__(self, name: str, target: str | Callable[..., Any], *, api: int = 1, **about: Any) -> None:
        """Add one component; see the module's docstring."""


@hookspec
def lc_register_models(register: Register) -> None:
    """Register latent models: `register("melody.folk-2bar", load, output="melody.tokens/1")`.

    The target is a function with typed keyword parameters that returns a `LatentModel`; `output` is its output type.
    `folder_kind=` may be the `kind` in the `config.json` of folders that it loads by its setting `folder`: then
    `models.folder` loads these too.
    Its module may be imported by `lc validate` and so must import torch inside functions only.
    """


@hookspec
def lc_register_constraints(register: Register) -> None:
    """Register measurements: `register("melody.in_scale", in_scale)`.

    The target is a function declared with `@measurement`. `typical=` may be the path of a JSON file with values that
    are typical of a model; see `lc_core.plugins.typical`.
    """


@hookspec
def lc_register_engines(register: Register) -> None:
    """Register engines: `register("domain.name", MyEngine)`.

    The target is a class derived from `Engine`; the parameters of its constructor are the `params` of a spec.
    """


@hookspec
def lc_register_renderers(register: Register) -> None:
    """Register renderers: `register("melody.midi", Midi)`.

    The target is a class derived from `Renderer`; the parameters of its constructor are the `params` of a spec.
    """


@hookspec
def lc_register_readers(register: Register) -> None:
    """Register readers of files: `register("melody.midi_file", read, output="melody.tokens/1", suffixes=[".mid"])`.

    The target is a function `(path, **settings)` that returns outputs of type `output`, first dimension B. A parameter
    `tell` is no setting: a function is given there, to be called with a line about the file, such as what is left out.
    """


@hookspec
def lc_register_datasets(register: Register) -> None:
    """Register labelled data sets for `lc label`: `register("images.celeba", read, output="image.rgb/1")`.

    The target is a function `(folder, **settings)` that reads a folder of a known layout. It returns outputs of type
    `output`, an array or whatever has a length N and gives an array for a slice, and a mapping of names to labels
    `(N,)`. A parameter `progress` is no setting, as in recipes.
    """


@hookspec
def lc_register_recipes(register: Register) -> None:
    """Register training recipes for `lc train`: `register("melody.folk-2bar", train)`.

    The target is a function `(folder, **settings)` that trains and leaves a model's files in `folder`. A parameter
    `progress` is no setting: `lc train` gives a function there, to be called with a line of text now and then.
    """


@hookspec
def lc_register_judges(register: Register) -> None:
    """Register judges: `register("avatars.attribute", judge)`, under the name of the measurement that it judges.

    The target is a function `(outputs, settings)` of a batch and a list of S settings of the measurement, each a
    mapping with all of them. It returns `(B, S)` in the measurement's own unit, from a source that neither the
    measurement nor anything that guides or selects shares. It is loaded when everything is done, and only reports.
    """


@hookspec
def lc_register_views(register: Register) -> None:
    """Register views: `register("melody.heard", heard, output="melody.tokens/1")`.

    The target is a function of a batch of outputs of type `output` that returns an array `(B, ...)`. Two outputs count
    as the same if their rows are equal, byte for byte; every run tells how many of its outputs are distinct.
    """


@hookspec
def lc_register_spaces(register: Register) -> None:
    """Register feature spaces: `register("melody.profile", profile, output="melody.tokens/1", version=1)`.

    The target is a function of a batch of outputs of type `output` that returns features `(B, F)`, finite numbers.
    `lc eval` compares sets of outputs by distances between their features, and only reports. `version` is raised when
    the numbers change. `models=` may name the models whose outputs it is for; else it is for all of that type.
    """
