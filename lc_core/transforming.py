"""Change outputs as little as makes them meet constraints: encode, edit the encodings, decode, measure."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lc_core.constraint import Entry, leaves, verdict
from lc_core.engines.base import Engine
from lc_core.errors import LCError
from lc_core.keeping import Kept, kept
from lc_core.latent_model import LatentModel
from lc_core.measuring import Measurement, measure_all
from lc_core.sampling import walk
from lc_core.spec.values import Keeping
from lc_core.verify import Verifier

if TYPE_CHECKING:
    from lc_core.cache import Cache
    from lc_core.fitting import FitSettings

__all__ = ["Reconstruction", "TransformResult", "Transformation", "compare", "reconstruct", "run_transformation"]

EQUAL_TOKENS = 0.9
"""Least share of equal values at which an output of whole numbers counts as one that its model can represent."""
RMS_ERROR = 0.1
"""Largest root mean square error at which an output of other numbers does."""

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Transformation:
    """What is to be changed, and how.

    Attributes:
        model: The model; one without an encoder gets one (`lc_core.inversion`).
        inputs: Outputs of its type, first dimension N.
        entries: What is asked: top-level entries with distinct labels, one of them a condition.
        engine: Moves the encodings.
        realism: Weight of realism.
        keep: What must not change.
        watch: What is reported as changed or not, beside `keep`.
        seed: Of the starts of further tries.
        names: What each input is called in messages.
    """

    model: LatentModel
    inputs: np.ndarray
    entries: tuple[Entry, ...]
    engine: Engine
    realism: float = 0.0
    keep: tuple[Keeping, ...] = ()
    watch: tuple[Measurement, ...] = ()
    seed: int = 0
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        name = type(self.engine).__name__.lower()
        if not any(entry.require for entry in self.entries):
            raise LCError("nothing is asked: a transformation needs a condition", hint="add a constraint")
        if not len(self.inputs):
            raise LCError("there are no inputs to transform")
        if not self.engine.needs_energy:
            raise LCError(f"engine {name} draws outputs and edits none", hint="use gradient or actor")
        if not self.names:
            object.__setattr__(self, "names", tuple(f"input {number}" for number in range(len(self.inputs))))
        object.__setattr__(self, "engine", self.engine.sized_for(self.model))
        reason = self.engine.unfit(self.model, self.entries, self.realism)
        if reason is not None:
            raise LCError(f"engine {name} cannot serve this: {reason}")
        if any(leaf.guide == "decoder" for leaf in leaves(self.entries)):
            from lc_core.guiding import check_guides

            check_guides(self.model, self.entries)


@dataclass(frozen=True)
class Reconstruction:
    """What a model makes of outputs: how like them their decoded encodings are.

    Attributes:
        outputs: The decoded encodings.
        likeness: Share of equal values of whole-number outputs, else the root mean square error, `(N,)`.
        exact: Whether it is the share of equal values.
    """

    outputs: np.ndarray
    likeness: np.ndarray
    exact: bool

    @property
    def represented(self) -> np.ndarray:
        """Which outputs the model can represent, `(N,)` bool."""
        found: np.ndarray = self.likeness >= EQUAL_TOKENS if self.exact else self.likeness <= RMS_ERROR
        return found

    def words(self, number: int) -> str:
        """Say how like an input its decoded encoding is."""
        value = float(self.likeness[number])
        if self.exact:
            return f"{value:.0%} of its values come back from its encoding (at least {EQUAL_TOKENS:.0%} are expected)"
        return f"its decoded encoding is off by {value:.3g} (RMS; at most {RMS_ERROR} is expected)"


@dataclass
class TransformResult:
    """What a transformation made of each input.

    Attributes:
        problem: What was asked.
        inputs, outputs: Before and after, first dimension N.
        reconstruction: The decoded encodings that the edits start from.
        z_before, z_after: Latents `(N, *latent_shape)` float32.
        before, after: For each constraint, kept and watched measurement's label, values `(N,)` float64; before as
            measured on the inputs.
        met_before, met: For each entry's label whether it is met, `(N,)` bool.
        satisfied: Whether every condition is met, `(N,)` bool.
        distance: Root mean square of (z_after - z_before) / sigma_bar, `(N,)`.
        unchanged: For each kept or watched measurement's label whether it counts as unchanged, `(N,)` bool.
        steps, tries: Of each example; 0 where nothing had to be done.
        report: What `report.json` holds.
    """

    problem: Transformation
    inputs: np.ndarray
    outputs: np.ndarray
    reconstruction: Reconstruction
    z_before: np.ndarray
    z_after: np.ndarray
    before: dict[str, np.ndarray]
    after: dict[str, np.ndarray]
    met_before: dict[str, np.ndarray]
    met: dict[str, np.ndarray]
    satisfied: np.ndarray
    distance: np.ndarray
    unchanged: dict[str, np.ndarray]
    kept: tuple[Kept, ...]
    watched: tuple[Kept, ...]
    steps: np.ndarray
    tries: np.ndarray
    decodes: int
    realism: tuple[float, float] | None = None
    report: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.inputs)

    def save(self, folder: str | Path) -> Path:
        """Write `samples.safetensors` and `report.json` into a folder and return it."""
        from lc_core.transform_report import save_transform

        return save_transform(self, Path(folder))


def reconstruct(problem: Transformation, encodings: Any, verifier: Verifier) -> Reconstruction:
    """Decode encodings `(N, *latent_shape)` and compare them with the inputs.

    Raises:
        LCError: If the inputs have another shape than what the model decodes.
    """
    outputs, inputs = verifier.decode(encodings), problem.inputs
    if outputs.shape != inputs.shape:
        raise LCError(
            f"inputs have shape {inputs.shape[1:]}; {problem.model.name} makes outputs of shape {outputs.shape[1:]}"
        )
    return compare(inputs, outputs)


def compare(inputs: np.ndarray, outputs: np.ndarray) -> Reconstruction:
    """Return how like inputs their decoded encodings are; both have the same shape."""
    axes = tuple(range(1, inputs.ndim))
    if exact := inputs.dtype.kind in "iub" and outputs.dtype.kind in "iub":
        likeness = (inputs == outputs).mean(axis=axes)
    else:
        likeness = np.sqrt(np.square(inputs.astype(np.float64) - outputs).mean(axis=axes))
    return Reconstruction(outputs, likeness, exact)


def run_transformation(
    problem: Transformation,
    *,
    settings: FitSettings | None = None,
    cache: Cache | None = None,
    progress: Progress = lambda _: None,
) -> TransformResult:
    """Edit inputs until each meets every condition, or its tries are spent.

    What the model cannot represent is told by `progress` before anything is fitted or edited.

    Args:
        problem: What is asked.
        settings: How critics are fitted, where edits go.
        cache: Where fitted parts are kept.
        progress: Called with a line of text now and then.

    Raises:
        LCError: If the inputs do not suit the model, or a plugin is at fault.
    """
    from lc_core.editing import edit_encodings, sigma_distance
    from lc_core.encodings import Encodings, encode_outputs
    from lc_core.guiding import through_decoder
    from lc_core.inversion import with_encoder
    from lc_core.prepare import prepare
    from lc_core.transform_report import build_transform_report

    began = time.monotonic()
    encoding, how = with_encoder(problem.model, cache=cache, progress=progress)
    model = Encodings(encoding)
    verifier = Verifier(model, problem.entries)
    z0 = encode_outputs(model, problem.inputs).mean
    found = reconstruct(problem, z0, verifier)
    _tell_what_is_lost(problem, found, progress)
    held, watched = _observed(problem, model)
    engine, fitted = problem.engine, Verifier(model, problem.entries)
    if (editor := engine.editing()) is not None:
        engine = editor.keeping(held).for_fit()
        fitted = Verifier(model, (*problem.entries, *(one.entry for one in held)))
    prepared = prepare(fitted, engine, realism=problem.realism, settings=settings, cache=cache, progress=progress)
    assert prepared.energy is not None
    everything = (*held, *watched)
    before = verifier.measure(problem.inputs) | _measure_kept(everything, problem.inputs)
    engine = prepared.engine if engine.amortised else problem.engine
    conditions = tuple(entry for entry in problem.entries if entry.require)
    through = through_decoder(model, conditions, seed=problem.seed, cache=cache)
    guided, editing = prepared.energy.decodes, time.monotonic()
    edited = edit_encodings(
        model,
        verifier,
        engine,
        prepared.energy,
        z0,
        kept=held,
        before=before,
        through=through,
        seed=problem.seed,
        progress=lambda done: progress(f"{done:,} of {len(z0):,} edited"),
    )
    outputs = verifier.decode(edited.z)
    after = verifier.measure(outputs) | _measure_kept(everything, outputs)
    result = TransformResult(
        problem=problem,
        inputs=problem.inputs,
        outputs=outputs,
        reconstruction=found,
        z_before=z0.cpu().numpy(),
        z_after=edited.z.cpu().numpy(),
        before=before,
        after=after,
        met_before={one.label: verdict(one, before).met for one in walk(problem.entries)},
        met={one.label: verdict(one, after).met for one in walk(problem.entries)},
        satisfied=verifier.satisfied(after, len(outputs)),
        distance=sigma_distance(edited.z, z0, model.sigma_bar),
        unchanged={one.label: one.unchanged(before[one.label], after[one.label]) for one in everything},
        kept=held,
        watched=watched,
        steps=edited.steps,
        tries=edited.tries,
        decodes=verifier.decodes + prepared.energy.decodes - guided + (through.decodes if through else 0),
        realism=_realism(prepared.energy.realism or problem.model.realism(), z0, edited.z),
    )
    ended = time.monotonic()
    result.report = build_transform_report(result, *filter(None, [how]))
    if prepared.card:
        result.report["fit"] = prepared.card
    seconds = {"fit": prepared.seconds, "transform": ended - editing, "total": ended - began}
    result.report["seconds"] = seconds
    return result


def _measure_kept(everything: Sequence[Kept], outputs: np.ndarray) -> dict[str, np.ndarray]:
    values = measure_all([one.measurement for one in everything], outputs)
    return dict(zip((one.label for one in everything), values, strict=True))


def _tell_what_is_lost(problem: Transformation, found: Reconstruction, progress: Progress) -> None:
    for number in map(int, np.flatnonzero(~found.represented)):
        progress(
            f"{problem.names[number]}: {problem.model.name} cannot represent it well: {found.words(number)}; what is"
            " edited is its decoded encoding"
        )


def _observed(problem: Transformation, model: LatentModel) -> tuple[tuple[Kept, ...], tuple[Kept, ...]]:
    """Return what is kept and what is only watched, with labels that no entry has."""
    taken = {entry.label for entry in walk(problem.entries)}
    asked = [(one.measurement.name, dict(one.measurement.params)) for one in leaves(problem.entries)]

    def named(measurement: Measurement, tolerance: float | None) -> Kept:
        parameters = inspect.signature(measurement.function).parameters
        needed = [
            str(value)
            for key, value in measurement.params.items()
            if parameters[key].default is inspect.Parameter.empty
        ]
        base, number = " ".join((measurement.name.rpartition(".")[2], *needed)), 2
        label = base
        while label in taken:
            label, number = f"{base}-{number}", number + 1
        taken.add(label)
        return kept(measurement, model, label=label, tolerance=tolerance)

    held = tuple(named(one.measurement, one.tolerance) for one in problem.keep)
    asked += [(one.measurement.name, dict(one.measurement.params)) for one in problem.keep]
    others = [one for one in problem.watch if (one.name, dict(one.params)) not in asked]
    return held, tuple(named(one, None) for one in others)


def _realism(critic: Any, before: Any, after: Any) -> tuple[float, float] | None:
    """Return the mean realism logits before and after, or None without a realism critic."""
    import torch

    if critic is None:
        return None
    with torch.inference_mode():
        return float(critic(before).mean()), float(critic(after).mean())
