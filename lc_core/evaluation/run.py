"""A run that is evaluated: from its folder, or from what `lc_core.sample` returned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from lc_core.common.json_text import parsed_json
from lc_core.common.listed import check_unchanged
from lc_core.constraints.constraint import Entry
from lc_core.errors import LCError
from lc_core.evaluation.outputs import HeldOutputs, Outputs, SavedOutputs
from lc_core.plugins.installed import installed_version
from lc_core.runs.build import build_model
from lc_core.sampling.problem import base_of
from lc_core.sampling.report import SCHEMA
from lc_core.sampling.result import SampleResult
from lc_core.sampling.samples import AGAIN, sample_files
from lc_core.spec import Spec, load_spec

if TYPE_CHECKING:
    from lc_core.models.latent_model import LatentModel
    from lc_core.plugins.registry import Registry

__all__ = ["Run", "read_runs"]

NEEDED = {"engine", "seed", "status", "tried", "delivered", "decodes", "all", "constraints", "distinct"}
"""Keys of `report.json` that are read."""
READ = ("spec.yaml", "report.json", "environment.json")
ANEW = "make the run again from its spec.yaml, into another folder (--out)"


@dataclass(frozen=True)
class Run:
    """What a finished run delivered, and what was asked of it.

    Attributes:
        name: Its folder, or `result`.
        report: What its `report.json` holds.
        model: The model.
        entries: Top-level entries.
        base: What its tries begin from, `prior` or `data`.
        realism: Weight of realism.
        outputs: Decoded outputs, which may be more than the memory holds.
    """

    name: str
    report: Mapping[str, Any]
    model: LatentModel
    entries: tuple[Entry, ...]
    base: str
    realism: float
    outputs: Outputs

    @classmethod
    def of(cls, result: SampleResult) -> Run:
        """Return what `lc_core.sample` returned as a run."""
        problem = result.problem
        outputs = HeldOutputs(result.outputs)
        return cls("result", result.report, problem.model, problem.entries, problem.base, problem.realism, outputs)

    @property
    def conditions(self) -> tuple[Entry, ...]:
        """The entries that every delivered output meets."""
        return tuple(entry for entry in self.entries if entry.require)

    @property
    def exact(self) -> bool:
        """Whether every output is a draw that was kept as it is, so that they are distributed exactly."""
        if engines := self.report.get("engines"):
            return all(one["exact"] for one in engines)
        plan = self.report.get("fit", {}).get("plan", {}).get("engines")
        return (plan or [self.report["engine"]]) == ["rejection"]


def read_runs(paths: Sequence[Path], *, registry: Registry, device: str = "auto") -> list[Run]:
    """Read the folders of finished runs of one model, which is loaded once. Outputs are read when they are needed.

    Args:
        paths: The folders, one or more.
        registry: What is installed.
        device: `auto`, `cpu` or `cuda`.

    Raises:
        LCError: If one is no run, is not finished, holds no output, was made by a version that wrote something else,
            holds a file that was changed since, or if the runs are of different models.
    """
    found = [_Folder.read(path) for path in paths]
    for one in found[1:]:
        if one.model["digest"] != found[0].model["digest"]:
            raise LCError(
                f"{found[0].path} and {one.path} are runs of different models: {found[0].model['name']} and"
                f" {one.model['name']}" + (", with other weights" * (one.model["name"] == found[0].model["name"])),
                hint="only samples of one model can be compared; give the runs of each model in a command of its own",
            )
    specs = [load_spec(str(one.path / "spec.yaml"), registry=registry) for one in found]
    model = build_model(specs[0], device=device)
    for one in found:
        if one.model["digest"] != model.digest:
            raise LCError(
                f"{one.path} was made with other weights or another version of {model.name} than the one installed",
                hint=ANEW,
            )
    return [one.run(spec, model) for one, spec in zip(found, specs, strict=True)]


@dataclass(frozen=True)
class _Folder:
    """The parsed files of a run's folder."""

    path: Path
    report: Mapping[str, Any]
    model: Mapping[str, str]

    @classmethod
    def read(cls, path: Path) -> _Folder:
        if not path.is_dir():
            raise LCError(f"{path} is no folder of a run", hint="lc sample writes one: runs/<name>-<seed>")
        if not (path / "report.json").is_file():
            if (path / "blocks" / "run.json").is_file():
                raise LCError(f"the run in {path} is not finished", hint="the lc sample command that began it goes on")
            raise LCError(f"{path} is no folder of a run: it has no report.json", hint="lc sample writes one")
        report = _parsed(path / "report.json", _Report)
        if report.get("kind") == "transform" or "inputs" in report:
            raise LCError(f"{path} holds edits, not samples", hint="lc eval compares what lc sample writes")
        if not (path / "spec.yaml").is_file():
            raise LCError(
                f"{path} was saved from Python and holds no spec", hint="lc_core.evaluation.evaluate([result]) takes it"
            )
        about = _parsed(path / "environment.json", _About)
        lacking = sorted(NEEDED - set(report)) + ["model.digest"] * ("digest" not in about.get("model", {}))
        if report.get("schema") != SCHEMA or lacking:
            version = about.get("versions", {}).get("latent-constraints", "another version")
            what = f"lacks {', '.join(lacking)}" if report.get("schema") == SCHEMA else "is in another format"
            raise LCError(
                f"{path / 'report.json'} {what}: it was written by lc {version}, and this is lc"
                f" {installed_version('latent-constraints')}",
                hint=ANEW,
            )
        if not report["delivered"]:
            tried = f"{report['tried']:,}"
            raise LCError(f"{path} delivered no output in {tried} tries", hint="a larger --budget goes on with it")
        return cls(path, report, about["model"])

    def run(self, spec: Spec, model: LatentModel) -> Run:
        base = base_of(spec.base, spec.realism, model, left_open=spec.engine.use == "auto")
        outputs = SavedOutputs(self.path, model)
        check_unchanged(self.path, [*READ, *(one.relative_to(self.path).as_posix() for one in sample_files(self.path))])
        if len(outputs) != self.report["delivered"]:
            raise LCError(
                f"{self.path} holds {len(outputs):,} outputs, but the report says {self.report['delivered']:,}",
                hint=AGAIN,
            )
        return Run(str(self.path), self.report, model, spec.entries, base, spec.realism, outputs)


class _Exact(TypedDict):
    exact: bool


class _Plan(TypedDict, total=False):
    engines: list[str] | None


class _Fit(TypedDict, total=False):
    plan: _Plan


class _Report(TypedDict, total=False):
    """What is read of `report.json`, as far as it is there."""

    engine: str
    engines: list[_Exact]
    fit: _Fit
    tried: int
    delivered: int


class _About(TypedDict, total=False):
    """What is read of `environment.json`, as far as it is there."""

    model: dict[str, Any]
    versions: dict[str, Any]


def _parsed(path: Path, form: Any) -> Mapping[str, Any]:
    """Return a JSON file of a run's folder.

    Raises:
        LCError: If it cannot be read, or is of another form.
    """
    try:
        found = parsed_json(path.read_bytes())
        if isinstance(found, dict):
            TypeAdapter(form).validate_python(found)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise LCError(f"{path} is of another form: {place}: {first['msg']}", hint=AGAIN) from error
    except (OSError, ValueError) as error:
        raise LCError(f"{path} cannot be read: {error}", hint=AGAIN) from error
    if not isinstance(found, dict):
        raise LCError(f"{path} holds no object", hint=AGAIN)
    return found
