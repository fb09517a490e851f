"""Change outputs as little as makes them meet constraints: encode, edit the encodings, decode, measure."""

from __future__ import annotations

import inspect
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from lc_core.common.cache import Cache
from lc_core.common.progress import Progress
from lc_core.common.spelling import free_name
from lc_core.constraints.constraint import Entry, leaves, map_leaves, walk
from lc_core.constraints.evaluator import Evaluator
from lc_core.constraints.measurement import Measurement, measure_all
from lc_core.editing.inversion import with_encoder
from lc_core.editing.problem import Transformation
from lc_core.editing.report import build_transform_report
from lc_core.editing.result import TransformResult
from lc_core.editing.settings import EditSettings
from lc_core.editing.state import Edited, sigma_distance
from lc_core.editing.tries import edit_encodings
from lc_core.energy.decoder_guide import DecoderGuide, spreads_of
from lc_core.energy.energy import Energy
from lc_core.energy.preserved import Preserved, preserved
from lc_core.errors import LCError
from lc_core.fitting.prepare import Prepared, prepare
from lc_core.models.encodings import Encodings
from lc_core.models.latent_model import LatentModel, encode_outputs
from lc_core.models.reconstruction import Reconstruction, compare

if TYPE_CHECKING:
    from lc_core.fitting.critics import FitSettings

__all__ = ["reconstruct", "run_transformation", "through_decoder"]


def reconstruct(problem: Transformation, encodings: Any, evaluator: Evaluator) -> Reconstruction:
    """Decode encodings `(N, *latent_shape)` and compare them with the inputs.

    Raises:
        LCError: If the inputs have another shape than what the model decodes.
    """
    outputs, inputs = evaluator.decode(encodings), problem.inputs
    if outputs.shape != inputs.shape:
        raise LCError(
            f"inputs have shape {inputs.shape[1:]}; {problem.model.name} makes outputs of shape {outputs.shape[1:]}"
        )
    return compare(inputs, outputs)


def run_transformation(
    problem: Transformation,
    *,
    settings: FitSettings | None = None,
    edit: EditSettings | None = None,
    cache: Cache | None = None,
    progress: Progress = lambda _: None,
) -> TransformResult:
    """Edit inputs until each meets every condition, or its tries are spent.

    What the model cannot represent is said by `progress` before anything is fitted or edited.

    Args:
        problem: What is asked.
        settings: How critics are fitted, where edits go.
        edit: How far it searches.
        cache: Where fitted parts are kept.
        progress: Called with a line of text now and then.

    Raises:
        LCError: If the inputs do not suit the model, or a plugin is at fault.
    """
    began = time.monotonic()
    edit = edit or EditSettings()
    encoding, how = with_encoder(problem.model, settings=edit.encoding, cache=cache, progress=progress)
    model = Encodings(encoding)
    evaluator = Evaluator(model, problem.entries)
    start = _encode(problem, model, evaluator, progress)
    prepared = _prepare(problem, start, settings, cache, progress)
    energy = prepared.energy
    assert energy is not None
    before = evaluator.measure(problem.inputs) | _measure_kept(start.observed, problem.inputs)
    conditions = tuple(entry for entry in problem.entries if entry.require)
    through = through_decoder(model, conditions, seed=problem.seed, cache=cache)
    guided, editing = energy.decodes, time.monotonic()
    edited = edit_encodings(
        model,
        evaluator,
        prepared.engine if prepared.engine.amortised else problem.engine,
        energy,
        start.z,
        kept=start.held,
        before=before,
        through=through,
        seed=problem.seed,
        settings=edit,
        progress=lambda done: progress(f"{done:,} of {len(start.z):,} edited"),
    )
    result = _result(problem, evaluator, start, before, edited)
    result.decodes = evaluator.decodes + energy.decodes - guided + (through.decodes if through else 0)
    result.realism = _realism(energy.realism or problem.model.realism(), start.z, edited.z)
    ended = time.monotonic()
    result.report = build_transform_report(result, *filter(None, [how]))
    if prepared.card:
        result.report["fit"] = prepared.card
    seconds = {"fit": prepared.seconds, "transform": ended - editing, "total": ended - began}
    result.report["seconds"] = seconds
    return result


@dataclass(frozen=True)
class _Start:
    """Where edits start: the encodings `(N, *latent_shape)`, how like the inputs they decode, and what is observed."""

    model: Encodings
    z: Tensor
    reconstruction: Reconstruction
    held: tuple[Preserved, ...]
    watched: tuple[Preserved, ...]

    @property
    def observed(self) -> tuple[Preserved, ...]:
        return (*self.held, *self.watched)


def _encode(problem: Transformation, model: Encodings, evaluator: Evaluator, progress: Progress) -> _Start:
    """Encode the inputs, and say which of them the model cannot represent."""
    z = encode_outputs(model, problem.inputs).mean
    found = reconstruct(problem, z, evaluator)
    for number in map(int, np.flatnonzero(~found.represented)):
        progress(
            f"{problem.names[number]}: {problem.model.name} cannot represent it well: {found.words(number)}; what is"
            " edited is its decoded encoding"
        )
    return _Start(model, z, found, *_observed(problem, model))


def _prepare(
    problem: Transformation, start: _Start, settings: FitSettings | None, cache: Cache | None, progress: Progress
) -> Prepared:
    """Fit what the engine needs, with critics of what is preserved if it can hold that."""
    engine, entries = problem.engine, problem.entries
    if (editor := engine.editing()) is not None:
        engine = editor.keeping(start.held).for_fit()
        entries = (*entries, *(one.entry for one in start.held))
    evaluator = Evaluator(start.model, entries)
    return prepare(evaluator, engine, realism=problem.realism, settings=settings, cache=cache, progress=progress)


def _result(
    problem: Transformation,
    evaluator: Evaluator,
    start: _Start,
    before: dict[str, np.ndarray],
    edited: Edited,
) -> TransformResult:
    """Decode and measure what was edited, and return it beside what it was."""
    outputs = evaluator.decode(edited.z)
    after = evaluator.measure(outputs) | _measure_kept(start.observed, outputs)
    return TransformResult(
        problem=problem,
        inputs=problem.inputs,
        outputs=outputs,
        reconstruction=start.reconstruction,
        z_before=start.z.cpu().numpy(),
        z_after=edited.z.cpu().numpy(),
        before=before,
        after=after,
        met_before=evaluator.met(before),
        met=evaluator.met(after),
        satisfied=evaluator.satisfied(after, len(outputs)),
        distance=sigma_distance(edited.z, start.z, start.model.sigma_bar),
        unchanged={one.label: one.unchanged(before[one.label], after[one.label]) for one in start.observed},
        kept=start.held,
        watched=start.watched,
        steps=edited.steps,
        tries=edited.tries,
    )


def _measure_kept(everything: Sequence[Preserved], outputs: np.ndarray) -> dict[str, np.ndarray]:
    values = measure_all([one.measurement for one in everything], outputs)
    return dict(zip((one.label for one in everything), values, strict=True))


def _observed(problem: Transformation, model: LatentModel) -> tuple[tuple[Preserved, ...], tuple[Preserved, ...]]:
    """Return what is kept and what is only watched, with labels that no entry has."""
    taken = {entry.label for entry in walk(problem.entries)}
    asked = [(one.measurement.name, dict(one.measurement.params)) for one in leaves(problem.entries)]

    def named(measurement: Measurement, tolerance: float | None) -> Preserved:
        parameters = inspect.signature(measurement.function).parameters
        needed = [
            str(value)
            for key, value in measurement.params.items()
            if parameters[key].default is inspect.Parameter.empty
        ]
        label = free_name(" ".join((measurement.name.rpartition(".")[2], *needed)), taken)
        return preserved(measurement, model, label=label, tolerance=tolerance)

    held = tuple(named(one.measurement, one.tolerance) for one in problem.keep)
    asked += [(one.measurement.name, dict(one.measurement.params)) for one in problem.keep]
    others = [one for one in problem.watch if (one.name, dict(one.params)) not in asked]
    return held, tuple(named(one, None) for one in others)


def _realism(critic: Any, before: Any, after: Any) -> tuple[float, float] | None:
    """Return the mean realism logits before and after, or None without a realism critic."""
    if critic is None:
        return None
    with torch.inference_mode():
        return float(critic(before).mean()), float(critic(after).mean())


def through_decoder(
    model: LatentModel, entries: Sequence[Entry], *, seed: int = 0, cache: Cache | None = None
) -> Energy | None:
    """Return an energy of entries that follows all of them through the decoder, whatever their own guide.

    Args:
        model: The model.
        entries: Top-level entries.
        seed: Of the prior samples that a measurement's spread is taken over.
        cache: Where spreads are kept.

    Returns:
        The energy, or None where the model or one of the measurements has no gradient.
    """
    inner = model.unwrapped
    if not (all(leaf.measurement.info.differentiable for leaf in leaves(entries)) and inner.differentiable):
        return None
    followed = tuple(map_leaves(entry, lambda leaf: replace(leaf, guide="decoder", free=None)) for entry in entries)
    spreads = spreads_of(model, followed, seed, cache)
    return Energy(followed, decoder=DecoderGuide(model, spreads))
