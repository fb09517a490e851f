"""Writes the files of a run when all is sampled; says what may lie where a run writes, and deletes what is stale."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from lc_core.common.owned import Owned
from lc_core.common.progress import Progress
from lc_core.common.words import counted, some
from lc_core.runs.folder import environment
from lc_core.runs.html import MAX_SAMPLES, write_html
from lc_core.runs.render import number_of, render_all, render_missing, saved_outputs
from lc_core.runs.shards import Many, Shards
from lc_core.runs.table import TABLE, write_table
from lc_core.sampling.problem import Problem, Task
from lc_core.sampling.result import SampleResult, write_report, write_samples
from lc_core.sampling.samples import SHARDS
from lc_core.spec.values import Spec

if TYPE_CHECKING:
    from lc_core.plugins.renderer import Renderer

__all__ = ["RunFiles", "check_room", "delete", "remove_stale", "write_about"]


@dataclass(frozen=True)
class RunFiles:
    """Writes the files of a run once all is sampled.

    Args:
        owned: The folder.
        work: A folder to write in.
        spec: What was asked.
        renderers: What renders outputs, each with what it is called in messages.
        progress: Called with a line of text now and then.
    """

    owned: Owned
    work: Path
    spec: Spec
    renderers: Sequence[tuple[str, Renderer]]
    progress: Progress

    def write(
        self, result: SampleResult, shards: Shards, *, many: Many, rendered: int, table: bool, began: float
    ) -> None:
        """Write all files.

        Args:
            result: What is delivered, or the first of it.
            shards: Where all of it is, unless it is in the result.
            many: From how many outputs on a run does otherwise.
            rendered: How many outputs are rendered.
            table: Whether a table is written.
            began: When the command began.
        """
        owned, report = self.owned, result.report
        delivered = report["delivered"]
        rendered = min(rendered, delivered)
        written = self._still_right(len(result.outputs[:rendered]), delivered)
        write_about(owned, self.spec, result.problem)
        shown = result.outputs[:rendered]
        files = render_all(self.renderers, shown, self.work / "outputs", sheets=self.work)
        near = result.nearest if result.nearest is not None and len(result.nearest) else None
        if near is not None:
            render_all(self.renderers, near.outputs, self.work / "nearest", sheets=self.work / "nearest")
        written |= set(owned.take(self.work))
        if near is not None:
            write_samples(near, owned, under="nearest/")
            written.add("nearest/samples.safetensors")
        if delivered > many.sharded:
            owned.remove(["samples.safetensors"])  # of fewer outputs; it would be read in place of the shards
            written |= set(shards.names)
        else:
            shards.join(self.work) if shards.names else write_samples(result, owned)
            written.add("samples.safetensors")
        if len(shown) < rendered:
            written |= self._render_rest(result.problem, len(shown), rendered)
        if table:
            write_table(self.work / TABLE, owned.path, result.problem.entries)
            written |= set(owned.take(self.work))
        remove_stale(owned, written, self.progress)
        report["seconds"]["total"] = time.monotonic() - began
        write_report(result, owned)
        self._write_page(result, files, rendered)

    def _still_right(self, begin: int, delivered: int) -> set[str]:
        """Return the files of outputs from number `begin` on that are as this command would write them.

        Those that the spec's `render` makes otherwise now are deleted, so that they are not taken for what it makes.
        """
        owned, suffixes = self.owned, {renderer.suffix for _, renderer in self.renderers}
        numbers = {name: number_of(name, suffixes) for name in owned.names} if begin < delivered else {}
        later = {name: number for name, number in numbers.items() if number is not None and begin <= number < delivered}
        if later and not self._rendered_alike():
            delete(owned, sorted(later), self.progress)
            return set()
        return set(later)

    def _rendered_alike(self) -> bool:
        """Return whether what is in the folder was rendered under the same settings."""
        if not self.owned.owns("spec.yaml"):
            return False
        texts = (self.owned.path / "spec.yaml").read_bytes(), self.spec.to_yaml()
        before, now = (yaml.safe_load(text).get("render") for text in texts)
        return bool(before == now)

    def _render_rest(self, problem: Problem, begin: int, end: int) -> set[str]:
        """Render outputs from the files of samples; return the names of their files."""
        found: set[str] = set()
        for first, outputs in saved_outputs(self.owned.path, lambda: problem.model, begin=begin, end=end):
            found |= render_missing(self.renderers, first, outputs, self.owned, self.work)[0]
        return found

    def _write_page(self, result: SampleResult, files: Sequence[Sequence[Mapping[str, str]]], rendered: int) -> None:
        samples = [
            {
                "number": number,
                "index": int(result.index[number]),
                "files": its,
                "measurements": {label: float(values[number]) for label, values in result.measurements.items()},
                "met": {label: bool(met[number]) for label, met in result.satisfied.items()},
            }
            for number, its in enumerate(files[:MAX_SAMPLES])
        ]
        write_html(
            self.owned.path,
            result.report,
            samples,
            total=result.report["delivered"],
            rendered=rendered,
            distributions=result.distributions,
            into=self.work,
        )
        self.owned.take(self.work)


def check_room(
    owned: Owned, renderers: Sequence[tuple[str, Renderer]], *, shards: bool = False, table: bool = False
) -> None:
    """Refuse before any work if what is not lc's own lies where a run writes.

    Raises:
        LCError: Naming it.
    """
    names = ["spec.yaml", "environment.json", "samples.safetensors", "report.json", "report.html", *[TABLE] * table]
    suffixes = {renderer.suffix for _, renderer in renderers}
    for part, ends in [("outputs", suffixes), ("nearest", suffixes), ("pairs", suffixes)] + [
        (SHARDS, {".safetensors"})
    ] * shards:
        folder = owned.path / part
        names.append(f"{part}/samples.safetensors")  # finds a link or a file in the folder's place too
        if folder.is_dir() and not folder.is_symlink():
            numbered = (one.name for one in folder.iterdir() if one.name[:6].isdigit())
            names += [f"{part}/{name}" for name in numbered if name.lstrip("0123456789") in ends]
    owned.check(names)


def write_about(owned: Owned, spec: Spec, problem: Task) -> None:
    """Write what a run is of: the resolved spec, and the environment."""
    owned.write("spec.yaml", spec.to_yaml(block=problem.engine.block).encode())
    owned.write("environment.json", json.dumps(environment(problem), indent=2).encode())


def remove_stale(owned: Owned, written: Collection[str], progress: Progress) -> None:
    """Delete what an earlier command of this run wrote of outputs and this one did not, and say so.

    `outputs` is there in any case.
    """
    folders, files = ("outputs", "nearest", "pairs", SHARDS), ("samples.safetensors", TABLE)
    of_outputs = (name for name in owned.names if name in files or ("/" in name and name.split("/")[0] in folders))
    delete(owned, sorted(name for name in of_outputs if name not in written), progress)
    (owned.path / "outputs").mkdir(exist_ok=True)


def delete(owned: Owned, stale: Sequence[str], progress: Progress) -> None:
    """Delete files of an earlier command of this run, and say so."""
    if stale:
        told = counted(len(stale), "file")
        progress(
            f"note: {told} of an earlier command, which this one does not write, are deleted from {owned.path}:"
            f" {some(stale)}; the earlier command writes them again"
        )
    owned.remove(stale)
