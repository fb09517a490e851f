"""Specs: YAML files that say what to sample. Read and checked without torch."""

from __future__ import annotations

from lc_core.spec.files import find_spec, shipped_names
from lc_core.spec.problems import SpecError
from lc_core.spec.resolve import load_model_of, load_spec
from lc_core.spec.values import FitSettings, SampleSettings, Selected, Spec

__all__ = [
    "FitSettings",
    "SampleSettings",
    "Selected",
    "Spec",
    "SpecError",
    "find_spec",
    "load_model_of",
    "load_spec",
    "shipped_names",
]
