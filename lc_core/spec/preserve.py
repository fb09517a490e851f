"""What a spec's `keep` means: the measurements of a model that an edit preserves, those asked for left out."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from lc_core.constraints.constraint import Entry, leaves
from lc_core.constraints.measurement import Measurement
from lc_core.plugins.registry import Registry
from lc_core.plugins.settings import values_of

__all__ = ["preserve_every"]


def preserve_every(
    model_name: str, output_type: str, entries: Sequence[Entry], registry: Registry
) -> list[Measurement]:
    """Return what `keep: all` means: every measurement of the model's domain with a default want that is not asked for.

    One that needs settings is kept under all of their values, if these are known. Left out are those that the entries
    measure, and those that these involve: of a measurement that needs settings those alone, of another whatever its
    settings.

    Args:
        model_name: Such as `melody.folk-2bar`; its domain is what stands before the dot.
        output_type: The type of its outputs.
        entries: What the spec asks.
        registry: What is installed.
    """
    asked: dict[str, list[Measurement]] = {}
    for leaf in leaves(entries):
        asked.setdefault(leaf.measurement.name.rpartition(":")[2], []).append(leaf.measurement)
    domain = model_name.rpartition(":")[2].partition(".")[0]
    found = []
    for one in registry.all("constraint"):
        if one.name.partition(".")[0] != domain:
            continue
        needed = [key for key, field in one.parameters().model_fields.items() if field.is_required()]
        values = [values_of(one, key) for key in needed]
        known = [some for some in values if some is not None]
        if len(known) < len(needed) or (not needed and one.name in asked):
            continue
        own = {key for other in asked.get(one.name, ()) for key in _settings_involved(other, needed)}
        for choice in itertools.product(*known):
            params = one.fill(dict(zip(needed, choice, strict=True)))
            measurement = Measurement(one.load(), params, name=registry.spelling(one), source=one.distribution)
            if measurement.info.want is not None and measurement.accepts(output_type) and repr(choice) not in own:
                found.append(measurement)
    return found


def _settings_involved(measurement: Measurement, needed: Sequence[str]) -> Iterator[str]:
    """Yield the needed settings of a measurement that is asked for, and of what it involves, as text."""
    involves = measurement.info.involves
    for settings in (measurement.settings(), *(involves(measurement.settings()) if involves else ())):
        yield repr(tuple(settings[key] for key in needed))
