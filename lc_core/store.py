"""The files of a run: its blocks, from which it is resumed, and its samples.

While a run goes on, each finished block is one file under `blocks/`; nothing else decides where a resumed run starts.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml
from filelock import FileLock, Timeout

from lc_core.cache import measurement_digest
from lc_core.constraint import leaves
from lc_core.errors import FULL, LCError
from lc_core.installed import installed_version
from lc_core.sampling import Block, Problem, SampleResult, run_block
from lc_core.spec.values import Spec
from lc_core.summary import report_text

if TYPE_CHECKING:
    from lc_core.energy import Energy

__all__ = ["RunFolder", "identity_of", "save_result", "save_samples", "unwritable", "write_atomically"]

SMALL_OUTPUT = 65_536
"""Outputs of at most this many bytes each are saved beside their latents."""
TAKEN = ("z", "x", "index", "__metadata__")
"""Names in `samples.safetensors` that no label may take."""


def identity_of(spec: Spec, problem: Problem) -> dict[str, str]:
    """Return a digest of each thing that decides what a block holds, by what it is called in an error.

    Count, budget and unique are left out, so that a larger count extends a run. The rules' source is in, so that a
    plugin that was edited is never mixed with what it measured before.
    """
    tree = yaml.safe_load(spec.to_yaml())
    parts: dict[str, Any] = {
        "name": tree["name"],
        "model": [tree["model"], problem.model.digest],
        "constraints": [tree["constraints"], tree["realism"]],
        "source of a rule": [measurement_digest(leaf.measurement) for leaf in leaves(problem.entries)],
        "engine": [tree["engine"], spec.engine.plugin.version, *_weights(problem)],
        "seed": tree["sample"]["seed"],
        "fit seed": tree["fit"],
        "device": problem.model.device,
        "version of lc or torch": [installed_version("latent-constraints"), installed_version("torch")],
    }
    texts = {name: json.dumps(part, sort_keys=True) for name, part in parts.items()}
    return {name: hashlib.sha256(text.encode()).hexdigest()[:24] for name, text in texts.items()}


def _weights(problem: Problem) -> list[Any]:
    """Return which weights an actor from a folder has, since other ones may be put there; nothing of other engines."""
    return [problem.engine.settings()] if getattr(problem.engine, "folder", "") else []


@dataclass(frozen=True)
class RunFolder:
    """A run's folder.

    Args:
        path: The folder.
    """

    path: Path

    @classmethod
    @contextmanager
    def open(cls, path: Path, identity: dict[str, str]) -> Iterator[RunFolder]:
        """Create the folder, or take it up again if it holds this run; no other process may write to it meanwhile.

        Args:
            path: The folder.
            identity: From `identity_of`.

        Raises:
            LCError: If it holds something else, is in use, or cannot be written.
        """
        blocks = path / "blocks"
        try:
            if path.exists() and not path.is_dir():
                raise LCError(f"{path} is a file; a run needs a folder", hint="choose another with --out")
            if path.exists() and not (blocks / "run.json").exists() and not _only_begun(path):
                raise LCError(f"{path} is not empty and holds no run", hint="choose another folder with --out")
            blocks.mkdir(parents=True, exist_ok=True)
            lock = FileLock(blocks / "run.lock", timeout=0)
            lock.acquire()
        except Timeout as error:
            hint = "wait for it to end, or choose another folder with --out"
            raise LCError(f"another lc is writing to {path}", hint=hint) from error
        except OSError as error:
            raise unwritable(path, error) from error
        try:
            _claim(path, blocks / "run.json", identity)
            yield cls(path)
        finally:
            lock.release()

    def blocks(
        self,
        problem: Problem,
        energy: Callable[[], Energy | None],
        *,
        progress: Callable[[str], None] = lambda _: None,
    ) -> Iterator[Block]:
        """Yield every block in order: those that are saved, then new ones, each saved as it is finished.

        Args:
            problem: What is asked.
            energy: Called when a new block is due.
            progress: Called with a line when a saved block is damaged; it is then run again, to the same bytes.
        """
        for number in itertools.count():
            path = self.path / "blocks" / f"{number:06d}.safetensors"
            try:
                block = _load_block(path, number)
                if block is None:
                    if path.exists():
                        progress(f"block {number} of {self.path} is damaged; running it again")
                    block = run_block(problem, energy(), number)
                    write_atomically(path, _block_bytes(block))
            except OSError as error:
                raise unwritable(self.path, error) from error
            yield block


def _only_begun(path: Path) -> bool:
    """Return whether a folder holds nothing but what a run leaves that was killed before it began."""
    return {one.name for one in path.iterdir()} <= {"blocks"} and {one.name for one in (path / "blocks").glob("*")} <= {
        "run.lock",
        ".run.json.partial",
    }


def _claim(path: Path, marker: Path, identity: dict[str, str]) -> None:
    """Write whose run a folder holds, or check that it is this one's."""
    try:
        if not marker.exists():
            write_atomically(marker, json.dumps({"identity": identity}, indent=2).encode())
            return
        text = marker.read_bytes()
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        held = dict(json.loads(text)["identity"])
    except (ValueError, KeyError, TypeError):
        held = {}
    if held != identity:
        names = [name for name in identity if held.get(name) != identity[name]]
        if "constraints" in names:  # a rule's settings are in the digest of its source too
            names = [name for name in names if name != "source of a rule"]
        what = f"which differs in {', '.join(names)}" if held and names else "which cannot be read"
        hint = "choose another folder with --out, or delete this one"
        raise LCError(f"{path} holds another run, {what}", hint=hint)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(content)
        os.replace(partial, path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def unwritable(path: Path, error: OSError) -> LCError:
    """Return what to tell of a run's folder that cannot be written."""
    if error.errno in FULL:
        hint = "free some space and give the same command again; what is finished is kept"
        return LCError(f"run folder {path}: the disk is full", hint=hint)
    reason = error.strerror or str(error)
    return LCError(f"run folder {path}: it cannot be written: {reason}", hint="choose another with --out")


def save_result(result: SampleResult, folder: Path) -> Path:
    """Write `samples.safetensors` and `report.json` into a folder and return it.

    Raises:
        LCError: If it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_samples(result, folder)
        write_atomically(folder / "report.json", (report_text(result.report) + "\n").encode())
    except OSError as error:
        raise unwritable(folder, error) from error
    return folder


def save_samples(result: SampleResult, folder: Path) -> None:
    """Write `samples.safetensors`: `z`, `index`, `x` where it is small, and one float64 tensor per constraint label."""
    from safetensors.numpy import save

    tensors = {"z": result.latents.astype(np.float32), "index": result.index}
    if result.outputs.nbytes // max(1, len(result.outputs)) <= SMALL_OUTPUT:
        tensors["x"] = result.outputs
    for label, values in result.measurements.items():
        tensors[f"measurement:{label}" if label in TAKEN else label] = values.astype(np.float64)
    contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    write_atomically(folder / "samples.safetensors", save(contiguous))


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
    """Return a saved block, or None if it is not there or damaged."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    def under(prefix: str) -> dict[str, np.ndarray]:
        return {name.removeprefix(prefix): array for name, array in tensors.items() if name.startswith(prefix)}

    try:
        tensors = load(path.read_bytes())
        decodes, size = tensors["counts"].tolist()
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
    except (FileNotFoundError, SafetensorError, KeyError, ValueError):
        return None
