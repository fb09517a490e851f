"""Sample under a spec into a folder, block by block, so that the same command resumes or extends a run.

When enough is delivered, all other files are written from the blocks, so that a run that was killed and resumed leaves
the same bytes as one that was not.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from lc_core.common.cache import Cache
from lc_core.common.progress import Progress
from lc_core.common.words import counted
from lc_core.parallel.crew import Crew
from lc_core.runs.build import build_problem, build_renderers, prepare_problem, settled
from lc_core.runs.files import RunFiles, check_room
from lc_core.runs.folder import RunFolder, default_path, identity_of
from lc_core.runs.ranks import Rank, RankCrew, clear_ahead
from lc_core.runs.shards import MANY, Many, Shards
from lc_core.runs.table import check_table
from lc_core.runs.writers import Maker, writers
from lc_core.sampling.block import Block, bank_for
from lc_core.sampling.collector import Collector
from lc_core.sampling.report import finish_report
from lc_core.sampling.result import SampleResult
from lc_core.sampling.sample import collect
from lc_core.spec.values import Spec

__all__ = ["run_spec"]


def run_spec(
    spec: Spec,
    *,
    out: Path | None = None,
    device: str = "auto",
    cache: Cache | None = None,
    workers: int | None = 1,
    cluster: str | None = None,
    rank: Rank | None = None,
    table: bool = False,
    render_all: bool = False,
    many: Many = MANY,
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
        cluster: A Ray cluster that makes blocks, `ray` or `ray://HOST:PORT`; `workers` are then those there.
        rank: Rank 0 of several (`lc_core.runs.ranks`), where a launcher started this process; then there are no
            workers.
        table: Write a Parquet table of the measured values too.
        render_all: Render all outputs, not the first of many.
        many: From how many outputs on a run does otherwise.
        progress: Called with a line of text now and then.
        on_block: Called after each block.

    Returns:
        The result and the folder. Of many outputs the result holds the first; its report tells of all, and
        `read_samples` reads them from the folder.

    Raises:
        LCError: If a plugin is at fault, or the folder holds another run or cannot be written.
    """
    began = time.monotonic()
    if table:
        check_table()
    problem = build_problem(spec, device=device)
    spec = settled(spec, problem.engine)
    renderers = build_renderers(spec)
    path = out or default_path(spec)
    identity = identity_of(spec, problem)
    with RunFolder.open(path, identity) as folder:
        shards = Shards(folder.owned, count=problem.count, many=many)
        check_room(folder.owned, renderers, shards=shards.lasting, table=table)
        prepared = prepare_problem(problem, spec.fit, cache, progress)
        problem = replace(problem, engine=prepared.engine)
        bank = bank_for(problem, cache, progress)
        make = Maker(problem, prepared.energy, bank)
        if rank is not None:
            crew: Crew[Block] | RankCrew = RankCrew(path, rank, make, problem.has_block)
        else:
            clear_ahead(path)
            others = writers(spec, problem, device=device, identity=identity, workers=workers, cluster=cluster)
            asked = workers is not None or cluster is not None
            crew = Crew(make, folder.missing(problem), others, may=make.may, asked=asked)
        with closing(crew):
            result, sampling = collect(
                problem,
                prepared.energy,
                blocks=folder.blocks(crew.get, progress=progress),
                view=spec.view,
                keep=shards.keep,
                progress=on_block,
                say=progress,
            )
        late = problem.engine.fit_seconds()
        seconds = {"fit": prepared.seconds + late, "sample": sampling - late}
        finish_report(result, spec=spec, card=prepared.card, seconds=seconds)
        progress(f"writing {counted(result.report['delivered'], 'output')} to {path}")
        rendered = result.report["delivered"] if render_all else many.rendered
        with folder.work() as work:
            files = RunFiles(folder.owned, work, spec, renderers, progress)
            files.write(result, shards, many=many, rendered=rendered, table=table, began=began)
    return result, path
