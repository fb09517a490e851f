"""Transform a user's files under a spec into a folder."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from lc_core.common.cache import Cache
from lc_core.common.guard import blaming
from lc_core.common.owned import Owned
from lc_core.common.progress import Progress
from lc_core.common.words import counted
from lc_core.constraints.measurement import Measurement
from lc_core.editing.edits import EditedBlock, Edits
from lc_core.editing.judge import add_judgement
from lc_core.editing.problem import Transformation
from lc_core.editing.result import TransformResult, write_transform
from lc_core.editing.transform import run_transformation
from lc_core.engines.base import Engine
from lc_core.errors import LCError, all_of
from lc_core.models.latent_model import LatentModel
from lc_core.parallel.crew import Crew
from lc_core.parallel.processes import processes
from lc_core.plugins.readers import read_outputs, reader_settings, readers_of
from lc_core.plugins.registry import Registry
from lc_core.plugins.renderer import Renderer
from lc_core.runs.build import build_model, build_renderers, settled
from lc_core.runs.editing_engine import editing_engine, left_for_sampling
from lc_core.runs.files import check_room, remove_stale, write_about
from lc_core.runs.folder import RunFolder, identity_of
from lc_core.runs.html import write_html
from lc_core.runs.render import render_all
from lc_core.spec.preserve import preserve_every
from lc_core.spec.values import Spec

__all__ = ["read_inputs", "transform_files"]


def read_inputs(
    paths: Sequence[Path],
    spec: Spec,
    model: LatentModel,
    registry: Registry,
    *,
    tell: Callable[[str], None] = lambda _: None,
    skip: Callable[[LCError], None] | None = None,
) -> tuple[np.ndarray, list[str]]:
    """Read files as outputs of a spec's model.

    A reader's settings that the model has as an attribute of that name, such as the `size` of its pictures or the
    `steps` of its melodies, are taken from it. What a reader says of a file is passed on to `tell`.

    Args:
        paths: The files.
        spec: A checked spec.
        model: Its model.
        registry: What is installed.
        tell: Called with what a reader says of a file.
        skip: Called with the error of each file that cannot be read, if another one can; without it, one file that
            cannot be read is an error.

    Returns:
        The outputs, first dimension N, and a name for each.

    Raises:
        LCError: If one cannot be read, with all of those that cannot; or if they differ in shape.
    """
    readers = readers_of(registry, spec.output_type)
    known = reader_settings(model)
    parts: list[np.ndarray] = []
    names: list[str] = []
    readable: list[Path] = []
    errors: list[LCError] = []
    for path in paths:
        name = path.name if path.is_absolute() else str(path)  # no folder of the machine gets into a report
        notes: list[str] = []
        try:
            found = read_outputs(path, readers=readers, known=known, tell=notes.append)
        except LCError as error:
            errors.append(error)
            continue
        for note in notes:
            tell(f"{name}: {note}")
        parts.append(found)
        readable.append(path)
        names += [name] if len(found) == 1 else [f"{name}, output {at + 1}" for at in range(len(found))]
    if parts and skip is not None:
        for unread in errors:
            skip(unread)
    elif errors:
        raise all_of(errors)
    shapes = {part.shape[1:] for part in parts}
    if len(shapes) > 1:
        shapes_of = ", ".join(f"{path} {part.shape[1:]}" for path, part in zip(readable, parts, strict=True))
        raise LCError(f"inputs differ in shape: {shapes_of}", hint="transform them one by one")
    return np.concatenate(parts), names


# Long by its docstring: one line for each argument.
def transform_files(
    spec: Spec,
    paths: Sequence[Path],
    *,
    registry: Registry,
    out: Path | None = None,
    device: str = "auto",
    engine_named: bool = False,
    cache: Cache | None = None,
    workers: int | None = 1,
    progress: Progress = lambda _: None,
    skip: Callable[[LCError], None] | None = None,
) -> tuple[TransformResult, Path]:
    """Edit files so that each meets a spec's conditions, and write a run's folder.

    Args:
        spec: A checked spec.
        paths: Files of outputs of the spec's model.
        registry: What is installed.
        out: The folder; default `runs/<name>-transform-<seed>`.
        device: `auto`, `cpu` or `cuda`.
        engine_named: Whether `--engine` named the spec's engine, so that it is meant for edits.
        cache: Where fitted parts are kept.
        workers: Processes that edit, with this one; None for as many as the machine has room for, if it takes more
            than some seconds.
        progress: Called with a line of text now and then.
        skip: Called with the error of each file that cannot be read, before the others are edited; without it, one
            such file is an error.

    Returns:
        The result and the folder.

    Raises:
        LCError: If an input or the model cannot be used, a plugin is at fault, or the folder holds another run or
            cannot be written.
    """
    began = time.monotonic()
    model = build_model(spec, device=device)
    engine, left = editing_engine(spec, named=engine_named)
    notes: list[str] = []
    inputs, names = read_inputs(paths, spec, model, registry, tell=notes.append, skip=skip)
    if left_out := left_for_sampling(spec, left):
        progress(f"left out, since it is for sampling and not for edits: {', '.join(left_out)}")
    watch = tuple(preserve_every(spec.model.use, spec.output_type, spec.entries, registry))
    problem = _problem(spec, model, engine, inputs, tuple(names), watch)
    spec = settled(spec, problem.engine)
    renderers = build_renderers(spec)
    path = out or Path("runs") / f"{spec.name}-transform-{spec.sample.seed}"
    identity = identity_of(spec, problem) | {"inputs": hashlib.sha256(inputs.tobytes()).hexdigest()[:24]}
    with RunFolder.open(path, identity) as folder:
        check_room(folder.owned, renderers)
        given = (spec, device, engine_named, inputs, tuple(names), watch)
        result = run_transformation(
            problem,
            settings=spec.fit,
            cache=cache,
            progress=progress,
            blocks=lambda edits: _edited(edits, given, workers),
        )
        result.report |= {"spec": spec.name, "model": spec.model.use}
        if notes:
            result.report["notes"] = [*notes, *result.report.get("notes", [])]
        if left_out:
            result.report["left_out"] = left_out
        add_judgement(result, registry)
        progress(f"writing {counted(len(result), 'output')} to {path}")
        with folder.work() as work:
            _write(spec, result, renderers, folder.owned, work, began, progress)
    return result, path


def _problem(
    spec: Spec,
    model: LatentModel,
    engine: Engine,
    inputs: np.ndarray,
    names: tuple[str, ...],
    watch: tuple[Measurement, ...],
) -> Transformation:
    return Transformation(
        model=model,
        inputs=inputs,
        entries=spec.entries,
        engine=engine,
        realism=spec.realism,
        keep=spec.keep,
        watch=watch,
        seed=spec.sample.seed,
        names=names,
    )


def _edited(edits: Edits, given: tuple[Any, ...], workers: int | None) -> Iterator[EditedBlock]:
    """Yield every edited block in order; other processes edit some."""
    others = processes(workers, edits.problem.model.device, _editor, *given)
    with closing(Crew(edits.block, range(edits.blocks), others, asked=workers is not None)) as crew:
        yield from map(crew.get, range(edits.blocks))


def _editor(
    spec: Spec,
    device: str,
    named: bool,
    inputs: np.ndarray,
    names: tuple[str, ...],
    watch: tuple[Measurement, ...],
) -> Callable[[int], EditedBlock]:
    """Return what edits a block, in a worker process."""
    model, (engine, _) = build_model(spec, device=device), editing_engine(spec, named=named)
    problem = _problem(spec, model, engine, inputs, names, watch)
    return Edits(problem, settings=spec.fit, cache=Cache()).block


def _write(
    spec: Spec,
    result: TransformResult,
    renderers: Sequence[tuple[str, Renderer]],
    owned: Owned,
    work: Path,
    began: float,
    progress: Progress,
) -> None:
    write_about(owned, spec, result.problem)
    files = render_all(renderers, result.outputs, work / "outputs", sheets=work)
    pairs = _write_pairs(renderers, result, work)
    remove_stale(owned, [*owned.take(work), "samples.safetensors"], progress)
    result.report["seconds"]["total"] = time.monotonic() - began
    write_transform(result, owned)
    examples = []
    for example, both, own in zip(result.report["examples"], pairs, files, strict=True):
        # The picture of before and after takes the place of the picture of the output.
        replaced = {one["of"] for one in both}
        examples.append(example | {"files": both + [one for one in own if Path(one["path"]).suffix not in replaced]})
    write_html(owned.path, result.report, examples, into=work)
    owned.take(work)


def _write_pairs(
    renderers: Sequence[tuple[str, Renderer]], result: TransformResult, path: Path
) -> list[list[dict[str, Any]]]:
    """Have every renderer that can draw each example before and after, into `pairs/`; and a sheet of all."""
    folder = path / "pairs"
    folder.mkdir()
    found: list[list[dict[str, Any]]] = [[] for _ in range(len(result))]
    for who, renderer in renderers:
        for number, (before, after) in enumerate(zip(result.inputs, result.outputs, strict=True)):
            target = folder / f"{number:06d}{renderer.suffix}"
            with blaming(f"{who} on example {number}"):
                if renderer.write_pair(before.copy(), after.copy(), target):
                    name = f"{folder.name}/{target.name}"
                    found[number].append({"path": name, "media_type": renderer.media_type, "of": renderer.suffix})
        with blaming(f"{who} on the sheet of pairs"):
            renderer.write_pairs(result.inputs.copy(), result.outputs.copy(), path)
    return found
