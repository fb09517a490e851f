"""Renders outputs of a finished run from its folder, so that a run of many need not render all of them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from lc_core.common.files import unwritable
from lc_core.common.owned import Owned
from lc_core.common.progress import Progress, ProgressLine
from lc_core.common.words import counted
from lc_core.errors import LCError
from lc_core.models.latent_model import LatentModel
from lc_core.plugins.registry import Registry
from lc_core.runs.build import build_model, build_renderers
from lc_core.runs.render import render_missing, saved_outputs
from lc_core.spec import Spec, load_spec

__all__ = ["render_run"]

EVERY = 2.0
"""Seconds between two lines of progress."""


def render_run(
    path: Path,
    *,
    registry: Registry,
    only: Callable[[int], range] = range,
    device: str = "auto",
    progress: Progress = lambda _: None,
) -> tuple[int, int]:
    """Render outputs of a finished run with the renderers of its spec; files that are there are left as they are.

    Args:
        path: The folder of the run.
        registry: What is installed.
        only: Returns which outputs, given how many there are; default all.
        device: `auto`, `cpu` or `cuda`; of use only where outputs are too large to be saved, and are decoded again.
        progress: Called with a line of text now and then.

    Returns:
        How many files are new, and how many belong to these outputs.

    Raises:
        LCError: If it is no finished run, its spec has no renderer, a renderer fails, or a file is in the way.
    """
    delivered = _delivered(path)
    numbers = only(delivered)
    spec = load_spec(str(path / "spec.yaml"), registry=registry)
    renderers = build_renderers(spec)
    if not renderers:
        raise LCError(f"the spec of {path} has no render:", hint="lc plugins lists the renderers")

    @cache
    def model() -> LatentModel:
        return _model(spec, path, device)

    new = files = 0
    said = time.monotonic()
    try:
        with Owned.open(path, "run") as owned, owned.work() as work:
            owned.check(f"outputs/{number:06d}{renderer.suffix}" for _, renderer in renderers for number in numbers)
            for first, outputs in saved_outputs(path, model, begin=numbers.start, end=numbers.stop):
                names, made = render_missing(renderers, first, outputs, owned, work)
                new, files = new + made, files + len(names)
                done = first + len(outputs) - numbers.start
                if time.monotonic() - said > EVERY:
                    told = f"rendering: {done:,} of {counted(len(numbers), 'output')}"
                    progress(ProgressLine(told, done=done, total=len(numbers)))
                    said = time.monotonic()
    except OSError as error:
        raise unwritable(path, error) from error
    return new, files


def _delivered(path: Path) -> int:
    """Return how many outputs a finished run has."""
    report = _read(path / "report.json")
    if not (path / "spec.yaml").is_file() or not isinstance(report.get("delivered"), int):
        raise LCError(f"{path} is no folder of a run of lc sample", hint="lc sample writes one: runs/<name>-<seed>")
    return int(report["delivered"])


def _read(path: Path) -> dict[str, Any]:
    """Return a JSON file of a run's folder; empty if it is not there or is something else."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _model(spec: Spec, path: Path, device: str) -> LatentModel:
    """Return the model of a run.

    Raises:
        LCError: If it is another one than the run was made with.
    """
    model = build_model(spec, device=device)
    if _read(path / "environment.json").get("model", {}).get("digest") != model.digest:
        raise LCError(
            f"{path} was made with other weights or another version of {model.name} than the one installed",
            hint="the lc sample command of the run renders all with --render-all",
        )
    return model
