"""Measurements of melodies: pure functions of tokens `melody.tokens/1` `(B, T)`, one float64 for each melody.

T is any number of steps from 1; 32 is what the shipped model gives. A bar is 16 steps, counted from the first one. If T
is not a multiple of 16, the last bar is a short one: it counts like the others, except that `repeated_bar` compares
full bars only and `novelty` refuses any length but 32. B may be 0. The tokens given are never changed.

Most measurements have no value for a melody without notes: they return NaN there, and declare it.

Every rule has the setting `bars` too (`lc_plugins/melody/bars.py`), with which it is measured on these bars alone. The
functions know nothing of it.

A setting that makes no sense is found when a spec is validated, by the type of the parameter, and again when the
function is called: both name the value and what is expected.

Importing this package costs numpy and pydantic, no more.
"""

from lc_plugins.melody.measurements.form import call_and_response, form, returns
from lc_plugins.melody.measurements.harmony import chord_fit, ends_on, in_scale, pitch_class_entropy, starts_on
from lc_plugins.melody.measurements.keys import cadence, key
from lc_plugins.melody.measurements.pitch import (
    arch,
    contour,
    highest,
    lowest,
    max_leap,
    range_of_voice,
    span,
    stepwise_share,
)
from lc_plugins.melody.measurements.structure import novelty, repeated_bar
from lc_plugins.melody.measurements.timing import (
    note_density,
    off_beat_start,
    rest_share,
    rhythm,
    rhythm_complexity,
    syncopation,
)
from lc_plugins.melody.measurements.tune import same_pitches, same_rhythm

__all__ = [
    "arch",
    "cadence",
    "call_and_response",
    "chord_fit",
    "contour",
    "ends_on",
    "form",
    "highest",
    "in_scale",
    "key",
    "lowest",
    "max_leap",
    "note_density",
    "novelty",
    "off_beat_start",
    "pitch_class_entropy",
    "range_of_voice",
    "repeated_bar",
    "rest_share",
    "returns",
    "rhythm",
    "rhythm_complexity",
    "same_pitches",
    "same_rhythm",
    "span",
    "starts_on",
    "stepwise_share",
    "syncopation",
]
