"""What a renderer is: it turns decoded outputs into files that people open."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

__all__ = ["Renderer"]


class Renderer(ABC):
    """Writes one file per output. Settings are typed keyword parameters of the constructor.

    `accepts` are the output types it can draw; `suffix` ends its files' names (`.mid`); `media_type` tells a
    report how to embed them (`audio/wav`, `image/png`; others are linked).

    A renderer may bring its own view for the page of `lc studio`: `page_script` names a JavaScript module beside its
    own module, and `page_data` gives what that draws.
    """

    accepts: ClassVar[tuple[str, ...]]
    suffix: ClassVar[str]
    media_type: ClassVar[str] = "application/octet-stream"
    page_script: ClassVar[str] = ""

    @abstractmethod
    def write(self, output: Any, path: Path) -> None:
        """Write one decoded output (without batch dimension) to `path`."""

    def page_data(self, output: Any) -> Any:
        """Return what `page_script` draws of one decoded output, as JSON has it: numbers, text, lists, mappings."""
        return None

    def write_sheet(self, outputs: np.ndarray, folder: Path) -> Path | None:
        """Write an overview of outputs `(N, ...)` into `folder` and return its path, or None if there is none."""
        return None

    def write_pair(self, before: Any, after: Any, path: Path) -> bool:
        """Write one file that shows an output before and after an edit; return whether it did, which few do."""
        return False

    def write_pairs(self, before: np.ndarray, after: np.ndarray, folder: Path) -> Path | None:
        """Write an overview of outputs before and after, `(N, ...)` each; return its path, or None if there is none."""
        return None
