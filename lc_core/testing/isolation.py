"""Checks that look at a component from another process: what its import costs, and whether it works in a worker."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from functools import cache
from typing import Any

import numpy as np

from lc_core.constraints.measurement import Measurement
from lc_core.testing.base import differing_row

__all__ = ["import_fault", "worker_fault"]

HEAVY = ("jax", "matplotlib", "music21", "pandas", "sklearn", "tensorflow", "torch", "transformers")
"""Libraries that take long to import."""
SECONDS = 1.0
"""Processor time that the import of a module may take, beside that of numpy and `lc_core`."""
PROBE = """
import sys, time
import numpy, pydantic
import lc_core.engines.base, lc_core.models.latent_model, lc_core.constraints.measurement, lc_core.plugins.renderer
began = time.process_time()
__import__(sys.argv[1])
print(f"{time.process_time() - began:.3f}", *[name for name in sys.argv[2:] if name in sys.modules])
"""


def import_fault(module: str) -> str | None:
    """Import a module in a new process; return what it brings with it that `lc plugins` would wait for, or None.

    A module that cannot be imported by its name, as that of a notebook, is nobody's cost.
    """
    if module == "__main__" or not _importable(module):
        return None
    seconds, *heavy = _probed(module)
    if heavy:
        return f"importing {module} imports {' and '.join(heavy)}; import these inside functions"
    if float(seconds) > SECONDS:
        return f"importing {module} takes {float(seconds):.1f} s of processor time; expected at most {SECONDS:g}"
    return None


@cache
def _probed(module: str) -> tuple[str, ...]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(os.path.abspath(one) for one in sys.path)}
    command = [sys.executable, "-c", PROBE, module, *HEAVY]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise ImportError(f"{module} cannot be imported in a new process: {(done.stderr.splitlines() or ['?'])[-1]}")
    return tuple(done.stdout.splitlines()[-1].split())


def _importable(module: str) -> bool:
    try:
        found = importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError):
        return False
    return found is not None and bool(found.has_location)


def worker_fault(measurement: Measurement, outputs: np.ndarray, values: np.ndarray) -> str | None:
    """Measure in a worker process; return how that differs, or None.

    A function that no module has under its name, as one of a notebook, can be sent to none; only a constraint that
    declares `workers` then has a fault.
    """
    if measurement.info.workers <= 1 and not _found_by_name(measurement.function):
        return None
    found = measurement.measure_in_workers(outputs)
    row = differing_row(values, found)
    return None if row is None else f"output {row} is {values[row]:g} here, but {found[row]:g} in a worker process"


def _found_by_name(function: Any) -> bool:
    """Return whether a function is to be found by its name in an importable module; other callables count as found."""
    if not hasattr(function, "__qualname__"):
        return True
    if function.__module__ == "__main__" or not _importable(function.__module__):
        return False
    place: Any = sys.modules.get(function.__module__)
    for part in function.__qualname__.split("."):
        place = getattr(place, part, None)
    return place is not None
