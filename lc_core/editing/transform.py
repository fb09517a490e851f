"""Change outputs as little as makes them meet constraints: encode, edit the encodings, decode, measure."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import torch

from lc_core.common.cache import Cache
from lc_core.common.progress import Progress
from lc_core.editing.edits import EditedBlock, Edits
from lc_core.editing.problem import Transformation
from lc_core.editing.report import build_transform_report
from lc_core.editing.result import TransformResult
from lc_core.editing.settings import EditSettings
from lc_core.editing.tries import together

if TYPE_CHECKING:
    from lc_core.fitting.critics import FitSettings

__all__ = ["run_transformation"]


def run_transformation(
    problem: Transformation,
    *,
    settings: FitSettings | None = None,
    edit: EditSettings | None = None,
    cache: Cache | None = None,
    progress: Progress = lambda _: None,
    blocks: Callable[[Edits], Iterable[EditedBlock]] = lambda edits: map(edits.block, range(edits.blocks)),
) -> TransformResult:
    """Edit inputs until each meets every condition, or its tries are spent.

    What the model cannot represent is said by `progress` before anything is fitted or edited.

    Args:
        problem: What is asked.
        settings: How critics are fitted, where edits go.
        edit: How far it searches.
        cache: Where fitted parts are kept.
        progress: Called with a line of text now and then.
        blocks: Returns the edited blocks in order, from what edits them; others may edit some.

    Raises:
        LCError: If the inputs do not suit the model, or a plugin is at fault.
    """
    began = time.monotonic()
    edits = Edits(problem, settings=settings, edit=edit, cache=cache, progress=progress)
    before, editing = edits.decodes, time.monotonic()
    parts: list[EditedBlock] = []
    for part in blocks(edits):
        parts.append(part)
        done = min(len(parts) * edits.engine.block, len(problem.inputs))
        progress(f"{done:,} of {len(problem.inputs):,} edited")
    on_the_way, ended = before + sum(part.decodes for part in parts), edits.decodes
    edited = together([part.edited for part in parts])
    result = edits.result(edited)
    result.decodes = on_the_way + edits.decodes - ended
    result.realism = _realism(edits.energy.realism or problem.model.realism(), edits.start.z, edited.z)
    seconds = {"fit": edits.prepared.seconds, "transform": time.monotonic() - editing}
    result.report = build_transform_report(result, *filter(None, [edits.how]))
    if edits.prepared.card:
        result.report["fit"] = edits.prepared.card
    result.report["seconds"] = seconds | {"total": time.monotonic() - began}
    return result


def _realism(critic: Any, before: Any, after: Any) -> tuple[float, float] | None:
    """Return the mean realism logits before and after, or None without a realism critic."""
    if critic is None:
        return None
    with torch.inference_mode():
        return float(critic(before).mean()), float(critic(after).mean())
