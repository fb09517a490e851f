"""Specs: YAML files that say what to sample. Read and checked without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lc_core.common.lazy import exports

if TYPE_CHECKING:
    from lc_core.spec.files import find_spec as find_spec
    from lc_core.spec.files import shipped_names as shipped_names
    from lc_core.spec.load import parse as parse
    from lc_core.spec.problems import Problems as Problems
    from lc_core.spec.problems import SpecError as SpecError
    from lc_core.spec.problems import Where as Where
    from lc_core.spec.refine_settings import RefineSettings as RefineSettings
    from lc_core.spec.resolve import load_model_of as load_model_of
    from lc_core.spec.resolve import load_spec as load_spec
    from lc_core.spec.values import FitSettings as FitSettings
    from lc_core.spec.values import SampleSettings as SampleSettings
    from lc_core.spec.values import Selected as Selected
    from lc_core.spec.values import Spec as Spec
    from lc_core.spec.values import yaml_text as yaml_text

__getattr__, __dir__ = exports(__name__)
