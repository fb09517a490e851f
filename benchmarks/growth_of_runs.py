"""What a run of many outputs costs: the peak memory and the time of `lc sample` against the number of outputs.

    python -m benchmarks.growth_of_runs 10000 100000 1000000

Each run is a process of its own on one thread, with an empty bank. Its model is the small one of digits, its engine
rejection, and half of all prior samples meet its condition. Nothing is rendered.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.tables import say, table

SPEC = """
lc: 1
name: growth
model: digits.8x8
constraints: [{use: images.brightness, at_least: 0.28}]
engine: {use: rejection}
"""


def run(count: int, folder: Path, *options: str) -> dict[str, Any]:
    """Sample so many outputs; return the report's counts and times, and the most memory that was resident, in bytes."""
    spec, out = folder / "growth.yaml", folder / f"run-{count}"
    spec.write_text(SPEC)
    command = ["sample", str(spec), "--count", str(count), "--out", str(out), "--workers", "1", "--quiet", *options]
    code = "import resource, sys; from lc_core.cli import main; main(sys.argv[2:], standalone_mode=False);"
    code += " print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=open(sys.argv[1], 'w'))"
    peak = folder / "peak"
    environment = os.environ | {"OMP_NUM_THREADS": "1", "LC_CACHE_DIR": str(folder / "cache"), "LC_BANK_BYTES": "0"}
    subprocess.run([sys.executable, "-c", code, str(peak), *command], env=environment, check=True)
    report = json.loads((out / "report.json").read_text())
    unit = 1 if sys.platform == "darwin" else 1024
    kept = {key: report[key] for key in ("delivered", "tried", "seconds")}
    return kept | {"peak": unit * int(peak.read_text()), "distinct": report["distinct"]["count"]}


def growth(found: list[dict[str, Any]]) -> dict[str, float]:
    """Return, of the run of most outputs against that of fewest, the ratio of memory and the exponent of time."""
    few, many = min(found, key=lambda one: one["delivered"]), max(found, key=lambda one: one["delivered"])
    times = math.log(many["seconds"]["total"] / few["seconds"]["total"])
    exponent = times / math.log(many["delivered"] / few["delivered"]) if many["delivered"] > few["delivered"] else 0.0
    return {"memory": many["peak"] / few["peak"], "exponent": exponent}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counts", metavar="N", nargs="*", type=int, default=[10_000, 100_000], help="outputs")
    parser.add_argument("--table", action="store_true", help="write the Parquet table too")
    given = parser.parse_args()
    found = []
    for count in given.counts:
        with tempfile.TemporaryDirectory() as folder:
            found.append(run(count, Path(folder), *["--table"] * given.table))
        say(f"{count:,} outputs: {found[-1]['seconds']['total']:.1f} s")
    rows = [
        (
            f"{one['delivered']:,}",
            f"{one['tried']:,}",
            f"{one['distinct']:,}",
            f"{one['peak'] / 1e6:.0f} MB",
            f"{one['seconds']['total']:.1f} s",
            f"{1e6 * one['seconds']['total'] / one['delivered']:.0f} us",
        )
        for one in found
    ]
    print(table(("outputs", "tries", "distinct", "peak memory", "time", "each"), rows))
    if len(found) > 1:
        told = growth(found)
        print(
            f"\nmost against fewest: memory {told['memory']:.3f} times; time grows with exponent {told['exponent']:.3f}"
        )


if __name__ == "__main__":
    main()
