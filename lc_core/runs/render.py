"""Writes outputs through renderers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lc_core.common.files import FULL
from lc_core.common.guard import blaming
from lc_core.common.owned import Owned
from lc_core.errors import LCError
from lc_core.models.latent_model import decode_outputs
from lc_core.sampling.samples import read_samples

if TYPE_CHECKING:
    from lc_core.models.latent_model import LatentModel
    from lc_core.plugins.renderer import Renderer

__all__ = ["number_of", "render_all", "render_missing", "saved_outputs"]

OUTPUTS = "outputs"
PIECE = 256
"""Outputs that are rendered before their files are moved to their places."""


def render_all(
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


def render_missing(
    renderers: Sequence[tuple[str, Renderer]], first: int, outputs: np.ndarray, owned: Owned, work: Path
) -> tuple[set[str], int]:
    """Render outputs into the folder of a run, each file that is not there yet.

    Args:
        renderers: What renders outputs, each with what it is called in messages.
        first: Number of the first output.
        outputs: Decoded outputs, first dimension N.
        owned: The folder of the run.
        work: An empty folder to write in.

    Returns:
        The names of all files of these outputs, and how many of them are new.

    Raises:
        LCError: If a renderer fails, or what lc did not write lies where a file belongs.
    """
    folder = work / OUTPUTS
    folder.mkdir(exist_ok=True)
    names: set[str] = set()
    new = 0
    for who, renderer in renderers:
        for number, output in enumerate(outputs, first):
            target = folder / f"{number:06d}{renderer.suffix}"
            names.add(f"{OUTPUTS}/{target.name}")
            if not owned.owns(f"{OUTPUTS}/{target.name}"):
                new += 1
                _write_output(renderer, output.copy(), target, f"{who} on output {number}")
    owned.take(work)
    return names, new


def number_of(name: str, suffixes: Collection[str]) -> int | None:
    """Return the number of the output that a file of a run's folder was rendered from; None for other files."""
    folder, _, file = name.partition("/")
    digits = file.partition(".")[0]
    if folder != OUTPUTS or not digits.isdecimal() or file.removeprefix(digits) not in suffixes:
        return None
    return int(digits)


def saved_outputs(
    run: Path, model: Callable[[], LatentModel], *, begin: int, end: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield outputs of a run from its files, some at a time: the number of the first one, and the outputs.

    Args:
        run: The folder of the run.
        model: Returns its model; called if outputs are not saved, since they are too large, and are decoded again.
        begin: Number of the first output.
        end: Number after the last one.
    """
    for first, tensors in read_samples(run, ("x", "z"), begin=begin, end=end, piece=PIECE):
        if "x" in tensors:
            yield first, tensors["x"]
        else:
            import torch

            yield first, decode_outputs(model(), torch.from_numpy(tensors["z"]), first_index=first)


def _write_output(renderer: Renderer, output: Any, target: Path, who: str) -> None:
    """Have one file written, and separate a renderer's fault from a full disk."""
    full: OSError | None = None
    with blaming(who):
        try:
            renderer.write(output, target)
        except OSError as error:
            if error.errno not in FULL:
                raise
            full = error
    if full is not None:
        raise full  # an error of the run's folder
    if not target.is_file():
        raise LCError(f"{who} wrote no {target.name}")
