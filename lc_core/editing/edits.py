"""All that edits take: encodings of the inputs, what is fitted and what is measured before; and the edit of a block."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from lc_core.common.cache import Cache
from lc_core.common.progress import Progress
from lc_core.common.spelling import free_name
from lc_core.constraints.constraint import Entry, leaves, map_leaves, walk
from lc_core.constraints.evaluator import Evaluator
from lc_core.constraints.measurement import Measurement, measure_all
from lc_core.editing.inversion import with_encoder
from lc_core.editing.problem import Transformation
from lc_core.editing.result import TransformResult
from lc_core.editing.settings import EditSettings
from lc_core.editing.state import Edited, sigma_distance
from lc_core.editing.tries import blocks_of, edit_block
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

__all__ = ["EditedBlock", "Edits", "reconstruct", "through_decoder"]


@dataclass(frozen=True)
class EditedBlock:
    """An edited block, and the decodes that it took."""

    edited: Edited
    decodes: int


class Edits:
    """All that edits take: encodings of the inputs, what is fitted, and what is measured before.

    Args:
        problem: What is asked.
        settings: How critics are fitted.
        edit: How far it searches.
        cache: Where fitted parts are kept.
        progress: Called with a line of text now and then.

    Attributes:
        start: Where edits begin.
        engine: What moves encodings.
        energy: What it descends.
        how: How inputs are encoded, where the model has no encoder.

    Raises:
        LCError: If the inputs do not suit the model, or a plugin is at fault.
    """

    def __init__(
        self,
        problem: Transformation,
        *,
        settings: FitSettings | None = None,
        edit: EditSettings | None = None,
        cache: Cache | None = None,
        progress: Progress = lambda _: None,
    ) -> None:
        self.problem, self._settings = problem, edit or EditSettings()
        encoding, self.how = with_encoder(
            problem.model, settings=self._settings.encoding, cache=cache, progress=progress
        )
        self._model = Encodings(encoding)
        self._evaluator = Evaluator(self._model, problem.entries)
        self.start = _encode(problem, self._model, self._evaluator, progress)
        self.prepared = _prepare(problem, self.start, settings, cache, progress)
        assert self.prepared.energy is not None
        self.energy: Energy = self.prepared.energy
        self.engine = self.prepared.engine if self.prepared.engine.amortised else problem.engine
        self._before = self._evaluator.measure(problem.inputs) | _measure_kept(self.start.observed, problem.inputs)
        conditions = tuple(entry for entry in problem.entries if entry.require)
        self._through = through_decoder(self._model, conditions, seed=problem.seed, cache=cache)
        self._fitted = self.energy.decodes

    @property
    def blocks(self) -> int:
        """In how many blocks the inputs are edited."""
        return blocks_of(len(self.problem.inputs), self.engine)

    @property
    def decodes(self) -> int:
        """Outputs decoded so far, those for fits left out."""
        through = self._through.decodes if self._through else 0
        return self._evaluator.decodes + self.energy.decodes - self._fitted + through

    def block(self, number: int) -> EditedBlock:
        """Edit a block: what it returns depends on the inputs and the number alone."""
        before = self.decodes
        edited = edit_block(
            self._model,
            self._evaluator,
            self.engine,
            self.energy,
            self.start.z,
            number,
            kept=self.start.held,
            before=self._before,
            through=self._through,
            seed=self.problem.seed,
            settings=self._settings,
        )
        return EditedBlock(edited, self.decodes - before)

    def result(self, edited: Edited) -> TransformResult:
        """Decode and measure what was edited, and return it beside what it was."""
        return _result(self.problem, self._evaluator, self.start, self._before, edited)


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
            if key not in parameters or parameters[key].default is inspect.Parameter.empty
        ]
        label = free_name(" ".join((measurement.name.rpartition(".")[2], *needed)), taken)
        return preserved(measurement, model, label=label, tolerance=tolerance)

    held = tuple(named(one.measurement, one.tolerance) for one in problem.keep)
    asked += [(one.measurement.name, dict(one.measurement.params)) for one in problem.keep]
    others = [one for one in problem.watch if (one.name, dict(one.params)) not in asked]
    return held, tuple(named(one, None) for one in others)


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
