"""How long commands take until they are done, beside what they cannot do without."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.bench.figure import Clock, Figure, Sizes, ratio
from benchmarks.bench.rare import MODEL

__all__ = ["startup"]

SPEC = """lc: 1
model: {model}
constraints:
  - {{use: melody.in_scale, params: {{tonic: C, mode: major}}}}
sample: {{count: 16}}
render: []
"""


def startup(sizes: Sizes, clock: Clock) -> Figure:
    """Time whole processes: python, `lc --help`, torch, and a first sample of a spec."""
    figure = Figure(
        "Start-up",
        "Seconds of a process of python that does nothing, or imports torch, divided by seconds of a command. "
        "`lc sample` delivers 16 outputs of a rule that a tenth of prior samples meets, without a cache and pictures.",
    )
    with tempfile.TemporaryDirectory() as folder:
        spec = Path(folder, "spec.yaml")
        spec.write_text(SPEC.format(model=MODEL))

        def process(*arguments: str) -> Callable[[int], object]:
            def run(number: int) -> None:
                more = ("--out", f"{folder}/run-{number}") if "sample" in arguments else ()
                env = os.environ | {"OMP_NUM_THREADS": "1", "LC_CACHE_DIR": f"{folder}/cache-{number}"}
                subprocess.run([sys.executable, *arguments, *more], check=True, env=env, stdout=subprocess.DEVNULL)

            return run

        lc, nothing, torch = ("-m", "lc_core"), process("-c", "pass"), process("-c", "import torch")
        for name, run, against, other in (
            ("lc --help", process(*lc, "--help"), "python", nothing),
            ("lc validate", process(*lc, "validate", str(spec)), "python", nothing),
            ("lc sample", process(*lc, "sample", str(spec), "--quiet"), "import torch", torch),
        ):
            figure.ratios.append(ratio(name, run, against, other, sizes, clock))
    return figure
