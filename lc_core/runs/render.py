"""Writes outputs through renderers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lc_core.common.files import FULL
from lc_core.common.guard import blaming
from lc_core.errors import LCError

if TYPE_CHECKING:
    from lc_core.plugins.renderer import Renderer

__all__ = ["render_all"]


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
