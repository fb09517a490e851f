"""Sample under a spec into a folder, block by block, so that the same command resumes or extends a run.

When enough is delivered, all other files are written from the blocks, so that a run that was killed and resumed leaves
the same bytes as one that was not.
"""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lc_core.cache import Cache
from lc_core.engines.base import Engine
from lc_core.errors import FULL, LCError, blaming
from lc_core.installed import installed_version
from lc_core.latent_model import LatentModel
from lc_core.owned import Owned
from lc_core.prepare import Prepared, prepare
from lc_core.sampling import Collector, Problem, SampleResult, collect
from lc_core.sanity import check_decoder
from lc_core.spec.values import Selected, Spec
from lc_core.store import RunFolder, identity_of, unwritable, write_result, write_samples
from lc_core.summary import ordered
from lc_core.variety import add_distinct
from lc_core.verify import Verifier
from lc_core.words import counted

if TYPE_CHECKING:
    from lc_core.render import Renderer

__all__ = ["KEEP_NOTE", "build_model", "build_problem", "load_selected", "prepare_spec", "run_spec", "settled"]

Progress = Callable[[str], None]
KEEP_NOTE = "keep says what lc transform must not change; sampling changes nothing, and ignores it"


def build_model(spec: Spec, *, device: str = "auto") -> LatentModel:
    """Load the model that a spec names.

    Args:
        spec: A checked spec.
        device: `auto` (CUDA where there is one and the model runs on it), `cpu` or `cuda`.

    Raises:
        LCError: If it cannot be loaded, is no latent model, makes other outputs than it was registered with, or its
            decoder is not sane (`lc_core.sanity.check_decoder`).
    """
    model = load_selected(spec.model, device=device)
    if model.output_type != spec.output_type:
        raise LCError(
            f"{_who('model', spec.model)} makes {model.output_type}, but is registered as making {spec.output_type}"
        )
    check_decoder(model)
    return model


def load_selected(selected: Selected, *, device: str = "auto") -> LatentModel:
    """Load a model, and check nothing of what it does.

    Raises:
        LCError: If it cannot be loaded, or is no latent model.
    """
    model = _build("model", selected)
    if not isinstance(model, LatentModel):
        raise LCError(f"{_who('model', selected)} is {type(model).__name__}; expected a LatentModel")
    with suppress(AttributeError):  # an object that cannot be changed is told without it
        model.source = selected.plugin.distribution
    chosen = _choose_device(device)
    try:
        return model.to(chosen)
    except LCError:
        if device != "auto":
            raise
        return model.to("cpu")


def build_problem(spec: Spec, *, device: str = "auto") -> Problem:
    """Load the model and the engine that a spec names.

    Args:
        spec: A checked spec.
        device: `auto`, `cpu` or `cuda`.
    """
    model = build_model(spec, device=device)
    engine = _build("engine", spec.engine)
    if not isinstance(engine, Engine):
        raise LCError(f"{_who('engine', spec.engine)} is {type(engine).__name__}; expected an Engine")
    sample = spec.sample
    budget = engine.default_budget(sample.count) if sample.budget is None else sample.budget
    return Problem(
        model=model,
        entries=spec.entries,
        engine=engine,
        realism=spec.realism,
        count=sample.count,
        seed=sample.seed,
        budget=budget,
        unique=sample.unique,
    )


def settled(spec: Spec, engine: Engine) -> Spec:
    """Return a spec with what only the model and the built engine tell: the size of a block, and the budget."""
    sample, chosen = spec.sample, spec.engine
    if sample.budget is None:
        sample = replace(sample, budget=engine.default_budget(sample.count))
    if chosen.params.get("block", 0) is None and type(_build("engine", chosen)) is type(engine):
        chosen = replace(chosen, params={**chosen.params, "block": engine.block})
    return replace(spec, sample=sample, engine=chosen)


def _build(kind: str, selected: Selected) -> Any:
    with blaming(_who(kind, selected)):
        return selected.build()


def _who(kind: str, selected: Selected) -> str:
    return f"{kind} {selected.use} (from {selected.plugin.distribution})"


def _choose_device(device: str) -> str:
    """Return `cpu` or `cuda` for `auto`, `cpu` or `cuda`.

    Raises:
        LCError: If the device is unknown, or CUDA is asked for and not there.
    """
    import torch

    if device not in ("auto", "cpu", "cuda"):
        raise LCError(f"device must be auto, cpu or cuda; found {device!r}")
    if device == "cuda" and not torch.cuda.is_available():
        raise LCError("device cuda is asked for, but torch finds none", hint="use --device cpu")
    return "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"


def prepare_spec(spec: Spec, problem: Problem, cache: Cache | None, progress: Progress) -> Prepared:
    """Fit, or find in the cache, what a spec needs."""
    return prepare(
        Verifier(problem.model, problem.entries),
        problem.engine,
        realism=problem.realism,
        settings=spec.fit,
        cache=cache,
        progress=progress,
    )


def run_spec(
    spec: Spec,
    *,
    out: Path | None = None,
    device: str = "auto",
    cache: Cache | None = None,
    progress: Progress = lambda _: None,
    on_block: Callable[[Collector], None] = lambda _: None,
) -> tuple[SampleResult, Path]:
    """Sample under a spec into a folder; take up again what is there already.

    Args:
        spec: A checked spec.
        out: The folder; default `runs/<name>-<seed>`.
        device: `auto`, `cpu` or `cuda`.
        cache: Where fitted parts are kept.
        progress: Called with a line of text now and then.
        on_block: Called after each block.

    Returns:
        The result and the folder.

    Raises:
        LCError: If a plugin is at fault, or the folder holds another run or cannot be written.
    """
    began = time.monotonic()
    problem = build_problem(spec, device=device)
    spec = settled(spec, problem.engine)
    renderers = [(_who("renderer", one), _build("renderer", one)) for one in spec.renderers]
    path = out or Path("runs") / f"{spec.name}-{spec.sample.seed}"
    with RunFolder.open(path, identity_of(spec, problem)) as folder:
        check_room(folder.owned, renderers)
        prepared = prepare_spec(spec, problem, cache, progress)
        problem = replace(problem, engine=prepared.engine)
        blocks = folder.blocks(problem, lambda: prepared.energy, progress=progress)
        result, sampling = collect(problem, prepared.energy, blocks=blocks, progress=on_block, say=progress)
        result.report |= {"spec": spec.name, "model": spec.model.use, "engine": spec.engine.use}
        add_distinct(result, spec.view)
        if spec.keep:
            result.report["notes"] = [*result.report.get("notes", []), KEEP_NOTE]
        if prepared.card:
            result.report["fit"] = prepared.card
        result.report["seconds"] = {"fit": prepared.seconds, "sample": sampling}
        progress(f"writing {counted(len(result), 'output')} to {path}")
        try:
            with folder.owned.work() as work:
                _write_run(spec, problem, result, renderers, folder.owned, work, began)
        except OSError as error:
            raise unwritable(path, error) from error
    return result, path


def _write_run(
    spec: Spec,
    problem: Problem,
    result: SampleResult,
    renderers: Sequence[tuple[str, Renderer]],
    owned: Owned,
    work: Path,
    began: float,
) -> None:
    from lc_core.report import write_html

    write_about(owned, spec, problem)
    files = _render_all(renderers, result.outputs, work / "outputs", sheets=work)
    near = result.nearest if result.nearest is not None and len(result.nearest) else None
    if near is not None:
        _render_all(renderers, near.outputs, work / "nearest", sheets=work / "nearest")
    written = set(owned.take(work))
    if near is not None:
        write_samples(near, owned, under="nearest/")
        written.add("nearest/samples.safetensors")
    remove_stale(owned, written)
    result.report["seconds"]["total"] = time.monotonic() - began
    result.report = ordered(result.report)
    write_result(result, owned)
    samples = [
        {
            "number": number,
            "index": int(index),
            "files": files[number],
            "measurements": {label: float(values[number]) for label, values in result.measurements.items()},
            "met": {label: bool(met[number]) for label, met in result.satisfied.items()},
        }
        for number, index in enumerate(result.index)
    ]
    write_html(owned.path, result.report, samples, into=work)
    owned.take(work)


def check_room(owned: Owned, renderers: Sequence[tuple[str, Renderer]]) -> None:
    """Refuse before any work if what is not lc's own lies where a run writes.

    Raises:
        LCError: Naming it.
    """
    names = ["spec.yaml", "environment.json", "samples.safetensors", "report.json", "report.html"]
    suffixes = {renderer.suffix for _, renderer in renderers}
    for part in ("outputs", "nearest", "pairs"):
        folder = owned.path / part
        names.append(f"{part}/samples.safetensors")  # tells a link or a file in the folder's place too
        if folder.is_dir() and not folder.is_symlink():
            numbered = (one.name for one in folder.iterdir() if one.name[:6].isdigit())
            names += [f"{part}/{name}" for name in numbered if name.lstrip("0123456789") in suffixes]
    owned.check(names)


def write_about(owned: Owned, spec: Spec, problem: Problem) -> None:
    """Write what a run is of: the resolved spec, and the environment."""
    owned.write("spec.yaml", spec.to_yaml(block=problem.engine.block).encode())
    owned.write("environment.json", json.dumps(environment(problem), indent=2).encode())


def remove_stale(owned: Owned, written: Collection[str]) -> None:
    """Delete what an earlier command of this run rendered and this one did not; `outputs` is there in any case."""
    rendered = (name for name in owned.names if name.partition("/")[0] in ("outputs", "nearest", "pairs"))
    owned.remove([name for name in rendered if "/" in name and name not in written])
    (owned.path / "outputs").mkdir(exist_ok=True)


def _render_all(
    renderers: Sequence[tuple[str, Renderer]], outputs: np.ndarray, folder: Path, *, sheets: Path
) -> list[list[dict[str, str]]]:
    """Write every output with every renderer; return, for each output, its files relative to the run's folder."""
    folder.mkdir()
    files: list[list[dict[str, str]]] = [[] for _ in outputs]
    for who, renderer in renderers:
        for number, output in enumerate(outputs):
            target = folder / f"{number:06d}{renderer.suffix}"
            _write_output(renderer, output.copy(), target, f"{who} on output {number}")
            files[number].append({"path": f"{folder.name}/{target.name}", "media_type": renderer.media_type})
        if len(outputs):
            with blaming(f"{who} on the sheet of outputs"):
                renderer.write_sheet(outputs.copy(), sheets)
    return files


def _write_output(renderer: Renderer, output: Any, target: Path, who: str) -> None:
    """Have one file written, and tell a renderer's fault from a full disk."""
    full: OSError | None = None
    with blaming(who):
        try:
            renderer.write(output, target)
        except OSError as error:
            if error.errno not in FULL:
                raise
            full = error
    if full is not None:
        raise full  # to be told of the run's folder
    if not target.is_file():
        raise LCError(f"{who} wrote no {target.name}")


def environment(problem: Problem) -> dict[str, Any]:
    """Return what a result may depend on beside its spec: versions, platform and the model's digest."""
    packages = ("latent-constraints", "torch", "numpy")
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": platform.machine(),
        "versions": {name: installed_version(name) for name in packages},
        "device": problem.model.device,
        "model": {"name": problem.model.name, "digest": problem.model.digest},
        "command": [_without_folders(one) for one in sys.argv],
    }


def _without_folders(argument: str) -> str:
    """Return an argument of the command; of an absolute path only the last part, which tells nothing of the machine."""
    key, equals, value = argument.rpartition("=")
    return f"{key}{equals}{Path(value).name}" if Path(value).is_absolute() else argument
