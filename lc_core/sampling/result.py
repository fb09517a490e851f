"""What sampling delivered, and the files that it is saved as."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lc_core.common.characters import utf8
from lc_core.common.files import unwritable
from lc_core.common.owned import Owned
from lc_core.sampling.histogram import Distribution
from lc_core.sampling.picked import Picked
from lc_core.sampling.problem import Problem

__all__ = [
    "KEYS",
    "SMALL_OUTPUT",
    "SampleResult",
    "TAKEN",
    "column",
    "ordered",
    "plain_numbers",
    "report_text",
    "samples_bytes",
    "save_into",
    "write_report",
    "write_result",
    "write_samples",
]


@dataclass
class SampleResult:
    """What a run delivers.

    Attributes:
        problem: What was asked.
        status: `done`, or `budget spent`.
        index: Index of each delivered try, `(N,)` int64.
        latents: Latents `(N, *latent_shape)` float32.
        outputs: Decoded outputs, first dimension N.
        measurements: For each leaf's label, the measured values `(N,)` float64.
        satisfied: For each entry's label, whether it is met, `(N,)` bool.
        report: What `report.json` holds.
        nearest: The tries that came nearest to meeting the conditions, if too few did; None if enough did.
        faults: What is wrong with measurements, as their values show; also among the notes of the report.
        distributions: For each leaf's label, how its values are distributed, of all tries and of what is delivered.
    """

    problem: Problem
    status: str
    index: np.ndarray
    latents: np.ndarray
    outputs: np.ndarray
    measurements: dict[str, np.ndarray]
    satisfied: dict[str, np.ndarray]
    report: dict[str, Any] = field(default_factory=dict)
    nearest: SampleResult | None = None
    faults: tuple[str, ...] = ()
    distributions: dict[str, Distribution] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.index)

    def save(self, folder: str | Path) -> Path:
        """Write `samples.safetensors` and `report.json` into a folder and return it.

        Raises:
            LCError: If it cannot be written.
        """
        return save_into(Path(folder), lambda owned: write_result(self, owned))


SMALL_OUTPUT = 65_536
"""Outputs of at most this many bytes each are saved beside their latents."""


TAKEN = ("z", "x", "index", "__metadata__")
"""Names in `samples.safetensors` that no label may take."""


def save_into(folder: Path, write: Callable[[Owned], None]) -> Path:
    """Have `samples.safetensors` and `report.json` written into a folder and return it; others in it are left alone.

    Raises:
        LCError: If it cannot be written, or files of these names are there that were not saved by this.
    """
    try:
        with Owned.open(folder, "result", mixed=True, writes=["samples.safetensors", "report.json"]) as owned:
            write(owned)
    except OSError as error:
        raise unwritable(folder, error) from error
    return folder


def write_result(result: SampleResult, owned: Owned) -> None:
    """Write `samples.safetensors` and `report.json` into an open folder."""
    write_samples(result, owned)
    write_report(result, owned)


def write_report(result: SampleResult, owned: Owned) -> None:
    """Write `report.json` into an open folder."""
    owned.write("report.json", utf8(report_text(result.report) + "\n"))


def write_samples(result: SampleResult, owned: Owned, *, under: str = "") -> None:
    """Write `samples.safetensors`: `z`, `index`, `x` where it is small, and one float64 tensor per constraint label."""
    owned.write(f"{under}samples.safetensors", samples_bytes(result))


def samples_bytes(some: SampleResult | Picked) -> bytes:
    """Return the content of a file of samples."""
    from safetensors.numpy import save

    tensors = {"z": some.latents.astype(np.float32), "index": some.index}
    if some.outputs.nbytes // max(1, len(some.outputs)) <= SMALL_OUTPUT:
        tensors["x"] = some.outputs
    for label, values in some.measurements.items():
        tensors[column(label)] = values.astype(np.float64)
    return bytes(save({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}))


def column(label: str) -> str:
    """Return the name of the values of a label in a file of samples."""
    return f"measurement:{label}" if label in TAKEN else label


KEYS = (
    "schema kind spec model engine engines seed status budget requested delivered tried inputs met decodes moves all"
    " distinct distance represented constraints kept watched judge realism notes left_out blocking"
    " nearest examples fit seconds"
).split()
"""Keys of `report.json`, of a sample's and of an edit's, in their order."""


def ordered(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return a report with its keys in the documented order."""
    return {key: report[key] for key in KEYS if key in report}


def report_text(report: Mapping[str, Any]) -> str:
    """Return the text of `report.json`."""
    return json.dumps(ordered(report), indent=2, ensure_ascii=False, allow_nan=False, default=plain_numbers)


def plain_numbers(value: Any) -> Any:
    """Return settings of a plugin, of whatever type, as JSON can hold them."""
    if isinstance(value, set | frozenset):
        return sorted(value, key=repr)
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return str(value)
