"""What the suite writes: `bench.json` and `bench.html`."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from jinja2 import Environment, FileSystemLoader

from benchmarks.bench.figure import Figure, short
from benchmarks.tables import say

__all__ = ["header", "write"]

PACKAGES = ("latent-constraints", "torch", "numpy", "cma", "ribs")


def header(size: str) -> dict[str, Any]:
    """Return what the figures were measured with."""
    return {
        "processor": _processor(),
        "processors": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load": [round(one, 2) for one in os.getloadavg()],
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "size": size,
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.is_file() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def write(out: Path, told: Mapping[str, Any], figures: Mapping[str, Figure]) -> None:
    """Write the figures so far.

    Args:
        out: The folder.
        told: From `header`.
        figures: The figures, by name.
    """
    out.mkdir(parents=True, exist_ok=True)
    seconds = sum(one.seconds for one in figures.values())
    every = {name: asdict(one) for name, one in figures.items()}
    for name, one in figures.items():
        for kept, ratio in zip(every[name]["ratios"], one.ratios, strict=True):
            kept["reached"] = ratio.reached
    data = {"schema": 1, "machine": told, "seconds": seconds, "figures": every}
    (out / "bench.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    pages = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True)
    pages.filters["short"] = short
    text = pages.get_template("page.html").render(told=told, figures=figures, seconds=seconds)
    (out / "bench.html").write_text(text, encoding="utf-8")
    say(f"wrote {out}/bench.json and bench.html")
