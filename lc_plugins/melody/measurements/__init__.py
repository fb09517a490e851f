"""Measurements of melodies: pure functions of tokens `melody.tokens/1` `(B, T)`, one float64 for each melody.

T is any number of steps from 1; 32 is what the shipped model gives. A bar is 16 steps, counted from the first one. If T
is not a multiple of 16, the last bar is a short one: it counts like the others, except that `repeated_bar` compares
full bars only and `novelty` refuses any length but 32. B may be 0. The tokens given are never changed.

Most measurements have no value for a melody without notes: they return NaN there, and declare it.

A setting that makes no sense is found when a spec is validated, by the type of the parameter, and again when the
function is called: both name the value and what is expected.

Importing this package costs numpy and pydantic, no more.
"""

from lc_plugins.melody.measurements.harmony import chord_fit, ends_on, in_scale, pitch_class_entropy, starts_on
from lc_plugins.melody.measurements.pitch import arch, contour, highest, lowest, max_leap, span, stepwise_share
from lc_plugins.melody.measurements.rhythm import note_density, rest_share, rhythm_complexity, syncopation
from lc_plugins.melody.measurements.structure import novelty, repeated_bar

__all__ = [
    "arch",
    "chord_fit",
    "contour",
    "ends_on",
    "highest",
    "in_scale",
    "lowest",
    "max_leap",
    "note_density",
    "novelty",
    "pitch_class_entropy",
    "repeated_bar",
    "rest_share",
    "rhythm_complexity",
    "span",
    "starts_on",
    "stepwise_share",
    "syncopation",
]
