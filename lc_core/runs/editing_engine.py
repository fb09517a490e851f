"""Which engine `lc transform` runs for a spec, and what it leaves of the spec because that is for sampling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lc_core.engines.base import Engine
from lc_core.engines.edit import Edit
from lc_core.runs.build import build_engine
from lc_core.spec.values import Spec

__all__ = ["editing_engine", "left_for_sampling"]

OF_EDITS = ("seed",)
"""Keys of `sample` that an edit takes too."""


def editing_engine(spec: Spec, *, named: bool = False) -> tuple[Engine, tuple[str, ...]]:
    """Return the engine that edits under a spec, and the settings of the spec's engine that are for sampling only.

    The engine says which (`Engine.for_edits`): `gradient` has a form for edits, `edit`; an `actor` that was fitted to
    sample is fitted anew. In place of one that moves nothing, `edit` is taken.

    Args:
        spec: A checked spec.
        named: Whether `--engine` named the engine: then it is meant for edits, and what it cannot do is an error.

    Raises:
        LCError: If the engine cannot be built, or was named and has settings that edits do not know.
    """
    engine = build_engine(spec)
    editing = engine.for_edits(named=named) if engine.needs_energy or named else Edit()
    if editing is engine:
        return engine, ()
    params = _pairs("engine.params", spec.engine.params, spec.given.get("engine", ()))
    return editing, (*([] if engine.needs_energy else [f"engine={spec.engine.use}"]), *params)


def left_for_sampling(spec: Spec, engine: tuple[str, ...]) -> list[str]:
    """Return what of a spec has no part in an edit, as `key=value`.

    Args:
        spec: The spec.
        engine: What `editing_engine` left.
    """
    keys = [key for key in spec.given.get("sample", ()) if key not in OF_EDITS]
    base = [f"base={spec.base}"] if spec.base else []  # an edit begins at what is edited
    return [*engine, *base, *_pairs("sample", vars(spec.sample), keys)]


def _pairs(where: str, values: Mapping[str, object], keys: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{where}.{key}={values[key]}" for key in keys if key in values)
