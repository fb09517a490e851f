"""What an edit made of each input, and the files that it is saved as."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lc_core.common.characters import utf8
from lc_core.common.owned import Owned
from lc_core.editing.problem import Transformation
from lc_core.energy.preserved import Preserved
from lc_core.models.reconstruction import Reconstruction
from lc_core.sampling.result import SMALL_OUTPUT, report_text, save_into

__all__ = ["TransformResult", "write_transform"]


def write_transform(result: TransformResult, owned: Owned) -> None:
    """Write `samples.safetensors` and `report.json` into an open folder.

    The arrays are `z_before`, `z_after`, `distance`, `met`; `x_before` and `x_after` where an output has at most
    64 KiB; and for each constraint, kept and watched measurement `before:<label>` and `after:<label>`.
    """
    from safetensors.numpy import save

    tensors: dict[str, np.ndarray] = {
        "z_before": result.z_before,
        "z_after": result.z_after,
        "distance": result.distance,
        "met": result.satisfied,
    }
    if result.outputs.nbytes // max(1, len(result)) <= SMALL_OUTPUT:
        tensors |= {"x_before": result.inputs, "x_after": result.outputs}
    tensors |= {f"before:{label}": values for label, values in result.before.items()}
    tensors |= {f"after:{label}": values for label, values in result.after.items()}
    owned.write("samples.safetensors", save({name: np.ascontiguousarray(one) for name, one in tensors.items()}))
    owned.write("report.json", utf8(report_text(result.report) + "\n"))


@dataclass
class TransformResult:
    """What a transformation made of each input.

    Attributes:
        problem: What was asked.
        inputs, outputs: Before and after, first dimension N.
        reconstruction: The decoded encodings that the edits start from.
        z_before, z_after: Latents `(N, *latent_shape)` float32.
        before, after: For each constraint, kept and watched measurement's label, values `(N,)` float64; before as
            measured on the inputs.
        met_before, met: For each entry's label whether it is met, `(N,)` bool.
        satisfied: Whether every condition is met, `(N,)` bool.
        distance: Root mean square of (z_after - z_before) / sigma_bar, `(N,)`.
        unchanged: For each kept or watched measurement's label whether it counts as unchanged, `(N,)` bool.
        steps, tries: Of each example; 0 where nothing had to be done.
        report: What `report.json` holds.
        faults: What is wrong with measurements, as their values show; also among the notes of the report.
    """

    problem: Transformation
    inputs: np.ndarray
    outputs: np.ndarray
    reconstruction: Reconstruction
    z_before: np.ndarray
    z_after: np.ndarray
    before: dict[str, np.ndarray]
    after: dict[str, np.ndarray]
    met_before: dict[str, np.ndarray]
    met: dict[str, np.ndarray]
    satisfied: np.ndarray
    distance: np.ndarray
    unchanged: dict[str, np.ndarray]
    kept: tuple[Preserved, ...]
    watched: tuple[Preserved, ...]
    steps: np.ndarray
    tries: np.ndarray
    decodes: int = 0
    realism: tuple[float, float] | None = None
    report: dict[str, Any] = field(default_factory=dict)
    faults: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.inputs)

    def save(self, folder: str | Path) -> Path:
        """Write `samples.safetensors` and `report.json` into a folder and return it."""
        return save_into(Path(folder), lambda owned: write_transform(self, owned))
