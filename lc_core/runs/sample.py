"""Sample under a spec into a folder, block by block, so that the same command resumes or extends a run.

When enough is delivered, all other files are written from the blocks, so that a run that was killed and resumed leaves
the same bytes as one that was not.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lc_core.common.cache import Cache
from lc_core.common.owned import Owned, some
from lc_core.common.progress import Progress
from lc_core.common.words import counted
from lc_core.parallel.crew import Crew
from lc_core.parallel.room import workers_by_default
from lc_core.runs.build import build_problem, build_renderers, prepare_problem, settled
from lc_core.runs.folder import RunFolder, default_path, environment, identity_of
from lc_core.runs.html import write_html
from lc_core.runs.ranks import Rank, RankCrew
from lc_core.runs.render import render_all
from lc_core.runs.writers import Maker, local_writers
from lc_core.sampling.block import Block, bank_for
from lc_core.sampling.collector import Collector
from lc_core.sampling.problem import Problem, Task
from lc_core.sampling.report import finish_report
from lc_core.sampling.result import SampleResult, write_result, write_samples
from lc_core.sampling.sample import collect
from lc_core.spec.values import Spec

if TYPE_CHECKING:
    from lc_core.plugins.renderer import Renderer

__all__ = ["check_room", "remove_stale", "run_spec", "write_about"]


def run_spec(
    spec: Spec,
    *,
    out: Path | None = None,
    device: str = "auto",
    cache: Cache | None = None,
    workers: int | None = 1,
    rank: Rank | None = None,
    progress: Progress = lambda _: None,
    on_block: Callable[[Collector], None] = lambda _: None,
) -> tuple[SampleResult, Path]:
    """Sample under a spec into a folder; take up again what is there already.

    Args:
        spec: A checked spec.
        out: The folder; default `runs/<name>-<seed>`.
        device: `auto`, `cpu` or `cuda`.
        cache: Where fitted parts are kept.
        workers: Processes that make blocks, with this one; the bytes are the same for any number. None for as many as
            the machine has room for, if the run takes more than some seconds.
        rank: Rank 0 of several (`lc_core.runs.ranks`), where a launcher started this process; then there are no
            workers.
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
    renderers = build_renderers(spec)
    path = out or default_path(spec)
    identity = identity_of(spec, problem)
    with RunFolder.open(path, identity) as folder:
        check_room(folder.owned, renderers)
        prepared = prepare_problem(problem, spec.fit, cache, progress)
        problem = replace(problem, engine=prepared.engine)
        bank = bank_for(problem, cache, progress)
        make = Maker(problem, prepared.energy, bank)
        if rank is not None:
            crew: Crew[Block] | RankCrew = RankCrew(path, rank, make, problem.has_block)
        else:
            count = workers or workers_by_default()
            others = local_writers(spec, device=device, identity=identity, workers=count)
            crew = Crew(make, folder.missing(problem), others, may=make.may, at_once=workers is not None)
        with closing(crew):
            blocks = folder.blocks(crew.get, progress=progress)
            result, sampling = collect(
                problem, prepared.energy, blocks=blocks, view=spec.view, progress=on_block, say=progress
            )
        late = problem.engine.fit_seconds()
        seconds = {"fit": prepared.seconds + late, "sample": sampling - late}
        finish_report(result, spec=spec, card=prepared.card, seconds=seconds)
        progress(f"writing {counted(len(result), 'output')} to {path}")
        with folder.work() as work:
            _write_run(spec, problem, result, renderers, folder.owned, work, began, progress)
    return result, path


def _write_run(
    spec: Spec,
    problem: Problem,
    result: SampleResult,
    renderers: Sequence[tuple[str, Renderer]],
    owned: Owned,
    work: Path,
    began: float,
    progress: Progress,
) -> None:
    write_about(owned, spec, problem)
    files = render_all(renderers, result.outputs, work / "outputs", sheets=work)
    near = result.nearest if result.nearest is not None and len(result.nearest) else None
    if near is not None:
        render_all(renderers, near.outputs, work / "nearest", sheets=work / "nearest")
    written = set(owned.take(work))
    if near is not None:
        write_samples(near, owned, under="nearest/")
        written.add("nearest/samples.safetensors")
    remove_stale(owned, written, progress)
    result.report["seconds"]["total"] = time.monotonic() - began
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
        names.append(f"{part}/samples.safetensors")  # finds a link or a file in the folder's place too
        if folder.is_dir() and not folder.is_symlink():
            numbered = (one.name for one in folder.iterdir() if one.name[:6].isdigit())
            names += [f"{part}/{name}" for name in numbered if name.lstrip("0123456789") in suffixes]
    owned.check(names)


def write_about(owned: Owned, spec: Spec, problem: Task) -> None:
    """Write what a run is of: the resolved spec, and the environment."""
    owned.write("spec.yaml", spec.to_yaml(block=problem.engine.block).encode())
    owned.write("environment.json", json.dumps(environment(problem), indent=2).encode())


def remove_stale(owned: Owned, written: Collection[str], progress: Progress) -> None:
    """Delete what an earlier command of this run rendered and this one did not, and say so.

    `outputs` is there in any case.
    """
    rendered = (name for name in owned.names if name.partition("/")[0] in ("outputs", "nearest", "pairs"))
    stale = sorted(name for name in rendered if "/" in name and name not in written)
    if stale:
        files = counted(len(stale), "file")
        progress(
            f"note: {files} of an earlier command, which this one does not write, are deleted from {owned.path}:"
            f" {some(stale)}; the earlier command writes them again"
        )
    owned.remove(stale)
    (owned.path / "outputs").mkdir(exist_ok=True)
