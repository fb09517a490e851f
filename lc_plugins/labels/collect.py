"""Make label sets: from prior samples that are decoded and measured, or from files with a table of labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lc_core import LatentModel, LCError, Measurement, Want
from lc_core.common import Progress, blaming, block_generator, counted, nearest
from lc_core.models import decode_array, draw_prior, encode_outputs
from lc_core.plugins import Registered, Registry, read_outputs, reader_settings
from lc_plugins.labels.label_set import Column, LabelledModel, LabelSet, check_classes
from lc_plugins.labels.table import SHOWN, Table, all_told

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Chosen", "check_encodes", "graded", "label_files", "label_samples", "load_chosen"]

YES = Want(at_least=0.5)


@dataclass(frozen=True)
class Chosen:
    """A model that is loaded, and how a spec names it."""

    model: LatentModel
    use: str
    params: Mapping[str, Any]

    def labelled(self) -> LabelledModel:
        """Return what a label set keeps of it."""
        return LabelledModel(self.use, self.model.digest, self.model.output_type, self.params)


def check_encodes(model: LatentModel) -> None:
    """Raise an `LCError` if a model has no encoder."""
    if not model.encodes:
        raise LCError(
            f"{model.name} has no encoder; labels are learned from encodings of outputs",
            hint="a measurement itself needs no label set: name it in the spec",
        )


def label_samples(
    chosen: Chosen,
    measurements: Mapping[str, Measurement],
    *,
    count: int,
    seed: int,
    thresholds: Mapping[str, float] | None = None,
    progress: Progress = lambda _: None,
) -> LabelSet:
    """Draw prior samples, decode, measure and encode them. Row i depends on (seed, i) alone.

    Args:
        chosen: The model.
        measurements: What is measured, by name of the column.
        count: Rows.
        seed: Seed of the prior samples.
        thresholds: From which value on a column counts as a yes; default the measurement's default want, else 0.5 for
            values from 0 to 1.
        progress: Called with a line of text now and then.

    Raises:
        LCError: If a measurement does not accept the model's outputs or has no threshold; if the model has no encoder,
            or a class of a column has too few rows.
    """
    import torch

    model = chosen.model
    check_encodes(model)
    columns = _columns(model, measurements, thresholds or {})
    values: dict[str, list[np.ndarray]] = {name: [] for name in measurements}
    latents: list[Tensor] = []
    means: list[Tensor] = []
    stds: list[Tensor] = []
    for block in range(-(-count // model.block)):
        z = draw_prior(model, model.block, block_generator(seed, block, "label"))
        first = block * model.block
        outputs = decode_array(model, z, first_index=first)
        for name, one in measurements.items():
            values[name].append(one(outputs, first_index=first))
        posterior = encode_outputs(model, outputs)
        latents.append(z)
        means.append(posterior.mean)
        stds.append(posterior.std)
        progress(f"labelled {min(count, first + model.block):,} of {counted(count, 'sample')} of {chosen.use}")
    encodings = [torch.cat(one)[:count].cpu().numpy() for one in (latents, means, stds)]
    rows = {name: np.concatenate(one)[:count] for name, one in values.items()}
    source = {"kind": "samples", "count": count, "seed": seed}
    return _checked(
        LabelSet(chosen.labelled(), columns, rows, encodings[0], encodings[1], encodings[2], source),
        "samples of " + chosen.use,
    )


def label_files(
    chosen: Chosen,
    table: Table,
    *,
    readers: Mapping[str, Sequence[Registered]],
    thresholds: Mapping[str, float] | None = None,
    progress: Progress = lambda _: None,
) -> LabelSet:
    """Read and encode labelled files. A file with several outputs gives as many rows with its labels.

    Args:
        chosen: The model.
        table: The files with their labels.
        readers: From `readers_of`.
        thresholds: From which value on a column counts as a yes; default 0.5 where all values are 0 or 1.
        progress: Called with a line of text now and then.

    Raises:
        LCError: If the model has no encoder; if a file cannot be read or encoded; if a column has other values than 0
            and 1 and no threshold, or one of its classes has too few rows.
    """
    model = chosen.model
    check_encodes(model)
    source = {"file": table.path.name}
    columns = graded(table.names, table.values, thresholds or {}, where=str(table.path), source=source)
    held = np.stack([one.want.met(table.values[:, at]) for at, one in enumerate(columns)], axis=1)
    check_classes(columns, held, where=str(table.path))  # before the files are read, which takes longer
    outputs, counts = _read_all(model, table, readers, progress)
    posterior = encode_outputs(model, outputs)
    mean, std = posterior.mean.cpu().numpy(), posterior.std.cpu().numpy()
    rows = {name: np.repeat(table.values[:, at], counts) for at, name in enumerate(table.names)}
    about = {"kind": "files", "labels": table.path.name, "files": len(table.files)}
    return LabelSet(chosen.labelled(), columns, rows, mean, mean, std, about)


def _checked(found: LabelSet, where: str) -> LabelSet:
    check_classes(found.columns, found.held(), where=where)
    return found


def _columns(
    model: LatentModel, measurements: Mapping[str, Measurement], thresholds: Mapping[str, float]
) -> tuple[Column, ...]:
    """Return the columns of what is measured, and check that all of it can be."""
    _check_known(thresholds, list(measurements))
    columns = []
    for name, one in measurements.items():
        if not one.accepts(model.output_type):
            accepts = " or ".join(one.info.accepts)
            raise LCError(f"{one.name} measures {accepts}, but {model.name} makes {model.output_type}")
        if needs := one.needs():
            needs.check_model(model)
        want = Want(at_least=thresholds[name]) if name in thresholds else one.info.want
        if want is None and one.info.range == (0, 1):
            want = YES
        if want is None:
            raise LCError(
                f"{one.name} measures {one.info.unit} and has no default want; a label is a yes or a no",
                hint=f"say from which value on it is a yes: --threshold {name}=VALUE",
            )
        columns.append(Column(name, want, {"use": one.name, "params": dict(one.params)}))
    return tuple(columns)


def graded(
    names: Sequence[str],
    values: np.ndarray,
    thresholds: Mapping[str, float],
    *,
    where: str,
    source: Mapping[str, Any],
) -> tuple[Column, ...]:
    """Return columns of given labels.

    Args:
        names: K names.
        values: Labels `(N, K)`, finite.
        thresholds: From which value on a column counts as a yes; default 0.5 where all values are 0 or 1.
        where: What is told of the place, such as the name of a table.
        source: What a set keeps of where the labels are from.

    Raises:
        LCError: If a column has other values than 0 and 1 and no threshold.
    """
    _check_known(thresholds, names)
    told = []
    for name, column in zip(names, values.T, strict=True):
        if name not in thresholds and not np.isin(column, (0, 1)).all():
            told.append(f"{where}: {name} has values from {column.min():g} to {column.max():g}; expected 0 and 1")
    all_told(told, hint="a label is a yes or a no; say from which value on it is a yes: --threshold NAME=VALUE")
    wants = {name: Want(at_least=thresholds[name]) if name in thresholds else YES for name in names}
    return tuple(Column(name, wants[name], source) for name in names)


def _check_known(thresholds: Mapping[str, float], names: Sequence[str]) -> None:
    for name in thresholds:
        if name not in names:
            close = nearest(name, names)
            guess = f"did you mean {' or '.join(close)}?" if close else f"there are: {', '.join(names)}"
            raise LCError(f"--threshold {name}: there is no column of that name ({guess})")


def _read_all(
    model: LatentModel, table: Table, readers: Mapping[str, Sequence[Registered]], progress: Progress
) -> tuple[np.ndarray, list[int]]:
    """Return the outputs of all files, and how many each holds."""
    parts: list[np.ndarray] = []
    told: list[str] = []
    noted: list[str] = []
    hint = None
    for number, path in enumerate(table.files, start=1):
        notes: list[str] = []
        try:
            parts.append(read_outputs(path, readers=readers, known=reader_settings(model), tell=notes.append))
        except LCError as error:
            told.append(error.message)
            hint = hint or error.hint
        noted += [f"{path}: {note}" for note in notes]
        if number % 1_000 == 0:
            progress(f"read {number:,} of {len(table.files):,} files")
    all_told(told, hint=hint)
    for note in noted[:SHOWN]:
        progress(f"note: {note}")
    if len(noted) > SHOWN:
        progress(f"note: and {len(noted) - SHOWN:,} more like these")
    shapes = sorted({part.shape[1:] for part in parts})
    if len(shapes) > 1:
        raise LCError(f"the files hold outputs of different shapes: {' and '.join(map(str, shapes[:3]))}")
    return np.concatenate(parts), [len(part) for part in parts]


def load_chosen(registry: Registry, name: str, params: Mapping[str, Any]) -> Chosen:
    """Load a registered model by its name, on the CPU.

    Raises:
        LCError: If there is none of that name, or it cannot be loaded.
    """
    import torch

    registered = registry.get("model", name)
    filled = registered.fill(params)
    with blaming(f"model {registered.name} (from {registered.distribution})"), torch.random.fork_rng(devices=[]):
        # A network that is built draws weights, to be replaced by the trained ones.
        model = registered.load()(**filled)
    if not isinstance(model, LatentModel):
        raise LCError(f"model {registered.name} is {type(model).__name__}; expected a LatentModel")
    return Chosen(model, registry.spelling(registered), filled)
