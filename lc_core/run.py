"""The folder that a run writes, block by block, and how it is resumed or extended.

While a run goes on, each finished block is one file under `blocks/`; nothing else decides where a resumed run starts.
When enough is delivered, the other files are written from the blocks, so that a run that was killed and resumed
leaves the same bytes as one that was not.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lc_core.cache import Cache
from lc_core.errors import LCError
from lc_core.fitting import FitSettings
from lc_core.prepare import Prepared, prepare
from lc_core.render import Renderer
from lc_core.sampling import Block, Collector, Problem, SampleResult, collect, run_block
from lc_core.spec.values import Spec
from lc_core.verify import Verifier

if TYPE_CHECKING:
    from lc_core.energy import Energy

__all__ = ["RunFolder", "build_problem", "prepare_spec", "run_spec", "save_result"]

Progress = Callable[[str], None]
SMALL_OUTPUT = 65_536
"""Outputs of at most this many bytes each are saved beside their latents."""


def build_problem(spec: Spec, *, device: str = "auto") -> Problem:
    """Load the model and the engine that a spec names.

    Args:
        spec: A checked spec.
        device: `auto`, `cpu` or `cuda`.
    """
    model = spec.model.build().to(choose_device(device))
    engine = spec.engine.build()
    sample = spec.sample
    return Problem(
        model=model,
        entries=spec.entries,
        engine=engine,
        realism=spec.realism,
        count=sample.count,
        seed=sample.seed,
        budget=sample.budget,
        unique=sample.unique,
    )


def choose_device(device: str) -> str:
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
        settings=FitSettings(seed=spec.fit.seed),
        cache=cache,
        progress=progress,
    )


@dataclass(frozen=True)
class RunFolder:
    """A run's folder and the identity of the run that it holds.

    Args:
        path: The folder.
        identity: Hash of all that decides what a block holds; count and budget are left out, so that a larger count
            extends a run.
    """

    path: Path
    identity: str

    @classmethod
    def open(cls, path: Path, spec: Spec, problem: Problem) -> RunFolder:
        """Create the folder, or take it up again if it holds this run.

        Raises:
            LCError: If it holds something else or cannot be written.
        """
        digest = hashlib.sha256()
        fixed = replace(spec, sample=replace(spec.sample, count=1, budget=1, unique=False), renderers=())
        digest.update(fixed.to_yaml().encode())
        digest.update(problem.model.digest.encode())
        digest.update(problem.model.device.encode())
        folder = cls(path, digest.hexdigest())
        marker = path / "blocks" / "run.json"
        try:
            if path.exists() and not path.is_dir():
                raise LCError(f"{path} is a file; a run needs a folder", hint="choose another with --out")
            if marker.exists():
                held = _load_json(marker).get("identity")
                if held != folder.identity:
                    raise LCError(
                        f"{path} holds another run, of another spec, seed, engine or model",
                        hint="choose another folder with --out, or delete this one",
                    )
            elif path.exists() and any(path.iterdir()):
                raise LCError(f"{path} is not empty and holds no run", hint="choose another folder with --out")
            marker.parent.mkdir(parents=True, exist_ok=True)
            if not marker.exists():
                write_atomically(marker, json.dumps({"identity": folder.identity}).encode())
        except OSError as error:
            raise _unwritable(path, error) from error
        return folder

    def blocks(self, problem: Problem, energy: Callable[[], Energy | None]) -> Iterator[Block]:
        """Yield every block in order: those that are saved, then new ones, each saved as it is finished.

        Args:
            problem: What is asked.
            energy: Called when the first new block is due.
        """
        for number in itertools.count():
            path = self.path / "blocks" / f"{number:06d}.safetensors"
            block = _load_block(path, number)
            if block is None:
                block = run_block(problem, energy(), number)
                try:
                    write_atomically(path, _block_bytes(block))
                except OSError as error:
                    raise _unwritable(self.path, error) from error
            yield block


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
    """
    began = time.monotonic()
    problem = build_problem(spec, device=device)
    folder = RunFolder.open(out or Path("runs") / f"{spec.name}-{spec.sample.seed}", spec, problem)
    prepared = prepare_spec(spec, problem, cache, progress)
    result, sampling = collect(
        problem, prepared.energy, blocks=folder.blocks(problem, lambda: prepared.energy), progress=on_block
    )
    result.report |= {"spec": spec.name, "model": spec.model.use, "engine": spec.engine.use}
    if prepared.card:
        result.report["fit"] = prepared.card
    result.report["seconds"] = {"fit": prepared.seconds, "sample": sampling}
    progress(f"writing {len(result)} outputs to {folder.path}")
    try:
        _write_run(spec, problem, result, folder.path, began)
    except OSError as error:
        raise _unwritable(folder.path, error) from error
    return result, folder.path


def _write_run(spec: Spec, problem: Problem, result: SampleResult, path: Path, began: float) -> None:
    from lc_core.report import write_html

    write_atomically(path / "spec.yaml", spec.to_yaml(block=problem.engine.block).encode())
    write_atomically(path / "environment.json", json.dumps(environment(problem), indent=2).encode())
    renderers = [(one.use, one.build()) for one in spec.renderers]
    files = _render_all(renderers, result.outputs, path / "outputs")
    if result.nearest is not None and len(result.nearest["index"]):
        _render_all(renderers, result.nearest["outputs"], path / "nearest")
    else:
        shutil.rmtree(path / "nearest", ignore_errors=True)
    result.report["seconds"]["total"] = time.monotonic() - began
    result.report = ordered(result.report)
    save_result(result, path)
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
    write_html(path, result.report, samples)


def _render_all(renderers: list[tuple[str, Renderer]], outputs: np.ndarray, folder: Path) -> list[list[dict[str, str]]]:
    """Write every output with every renderer; return, for each output, its files relative to the run's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    files: list[list[dict[str, str]]] = [[] for _ in outputs]
    wanted = set()
    for name, renderer in renderers:
        for number, output in enumerate(outputs):
            target = folder / f"{number:06d}{renderer.suffix}"
            try:
                renderer.write(output, target)
            except (LCError, OSError):
                raise
            except Exception as error:
                raise LCError(f"renderer {name} raised {type(error).__name__} on output {number}: {error}") from error
            files[number].append({"path": f"{folder.name}/{target.name}", "media_type": renderer.media_type})
            wanted.add(target.name)
        if len(outputs):
            renderer.write_sheet(outputs, folder.parent)
    for stale in folder.iterdir():
        if stale.name not in wanted:
            stale.unlink()
    return files


REPORT_ORDER = (
    "schema spec model engine seed status budget requested delivered tried decodes all constraints realism notes"
    " blocking nearest fit seconds"
).split()


def ordered(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return a report with its keys in the documented order."""
    return {key: report[key] for key in REPORT_ORDER if key in report}


def save_result(result: SampleResult, folder: Path) -> Path:
    """Write `samples.safetensors` and `report.json` into a folder and return it."""
    from safetensors.numpy import save

    tensors = {"z": result.latents.astype(np.float32), "index": result.index}
    per_output = result.outputs.nbytes // max(1, len(result.outputs))
    if per_output <= SMALL_OUTPUT:
        tensors["x"] = result.outputs
    for label, values in result.measurements.items():
        name = f"measurement:{label}" if label in ("z", "x", "index") else label
        tensors[name] = values.astype(np.float64)
    folder.mkdir(parents=True, exist_ok=True)
    contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    write_atomically(folder / "samples.safetensors", save(contiguous))
    write_atomically(folder / "report.json", (json.dumps(result.report, indent=2) + "\n").encode())
    return folder


def environment(problem: Problem) -> dict[str, Any]:
    """Return what a result may depend on beside its spec: versions, platform and the model's digest."""
    packages = ("latent-constraints", "torch", "numpy")
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": platform.machine(),
        "versions": {name: version(name) for name in packages},
        "device": problem.model.device,
        "model": {"name": problem.model.name, "digest": problem.model.digest},
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
    }


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(content)
        os.replace(partial, path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def _block_bytes(block: Block) -> bytes:
    from safetensors.numpy import save

    tensors: dict[str, np.ndarray] = {
        "satisfied": block.satisfied,
        "rows": block.rows,
        "z": block.z,
        "outputs": block.outputs,
        "counts": np.array([block.decodes, block.size]),
    }
    if block.realism is not None:
        tensors["realism"] = block.realism
    tensors |= {f"met:{label}": array for label, array in block.met.items()}
    tensors |= {f"value:{label}": array for label, array in block.values.items()}
    return bytes(save({name: np.ascontiguousarray(array) for name, array in tensors.items()}))


def _load_block(path: Path, number: int) -> Block | None:
    """Return a saved block, or None if it is not there or damaged (it is then run again, to the same bytes)."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        tensors = load(path.read_bytes())
        decodes, size = tensors["counts"].tolist()
    except (FileNotFoundError, SafetensorError, KeyError, ValueError):
        return None

    def under(prefix: str) -> dict[str, np.ndarray]:
        return {name.removeprefix(prefix): array for name, array in tensors.items() if name.startswith(prefix)}

    return Block(
        number=number,
        met=under("met:"),
        values=under("value:"),
        satisfied=tensors["satisfied"],
        rows=tensors["rows"],
        z=tensors["z"],
        outputs=tensors["outputs"],
        realism=tensors.get("realism"),
        decodes=decodes,
        size=size,
    )


def _load_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
        return found if isinstance(found, dict) else {}
    except ValueError:
        return {}


def _unwritable(path: Path, error: OSError) -> LCError:
    what = "the disk is full" if error.errno == 28 else f"it cannot be written: {error.strerror or error}"
    hint = "free some space and give the same command again; what is finished is kept"
    return LCError(f"run folder {path}: {what}", hint=hint if error.errno == 28 else "choose another with --out")
