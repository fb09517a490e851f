"""What plugins cost: `python -m benchmarks.plugins`.

Fifty distributions, each with one rule in a module of its own, are laid out as pip would leave them; commands are run
in processes of their own. Then 200 specs are validated in one process. Beside the time on the clock stands the
processor's, which other work on the machine does not add to.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np

from benchmarks.tables import table

PLUGINS, SPECS = 50, 200
RULE = '''
import os
from pathlib import Path

import numpy as np
from lc_core import hookimpl, measurement

if mark := os.environ.get("IMPORTED"):
    Path(mark, __name__).touch()


@measurement(accepts="melody.tokens/1", unit="share", range=(0, 1), undefined="no notes", at_least=0.9)
def rule(tokens: np.ndarray, *, pitch: int = 72, above: float = 0.5, name: str = "it") -> np.ndarray:
    """Return the share of notes at or above a pitch, `(B,)`."""
    notes = tokens < 128
    return (notes & (tokens >= pitch)).mean(axis=1)


@hookimpl
def lc_register_constraints(register):
    register("{domain}.rule", rule, api=1)
'''
SPEC = """
lc: 1
model: melody.folk-2bar
realism: 8
constraints:
  - {{use: melody.in_scale, params: {{tonic: D, mode: dorian}}}}
  - any:
      - {{use: melody.note_density, at_most: {density}}}
      - {{use: melody.span, between: [12, 24], label: wide}}
  - not: {{use: melody.repeated_bar}}
engine: {{use: gradient, params: {{steps: 60}}}}
sample: {{count: 32, seed: {seed}}}
render: [midi, piano_roll]
"""


def lay_out(site: Path) -> None:
    """Write the files that fifty installed distributions have."""
    for number in range(PLUGINS):
        module = f"lc_bench_{number}"
        info = site / f"{module}-1.0.dist-info"
        info.mkdir(parents=True)
        readme = "A line of a description, as wheels carry it.\n" * 40
        (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: lc-bench-{number}\nVersion: 1.0\n\n{readme}")
        (info / "entry_points.txt").write_text(f"[latent_constraints]\nbench{number} = {module}\n")
        (site / f"{module}.py").write_text(RULE.format(domain=f"bench{number}"))


class Commands:
    """Runs `lc`, with the fifty plugins or without, and takes the time that it needs from start to end."""

    def __init__(self, folder: Path) -> None:
        self.site, self.marks = folder / "site", folder / "marks"
        self.marks.mkdir()
        lay_out(self.site)

    def seconds(self, *arguments: str, plugins: bool) -> tuple[float, float]:
        """Run a command once; return the time from start to end, and the processor's."""
        path = [str(self.site)] if plugins else []
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join([*path, os.getcwd()]),
            "OMP_NUM_THREADS": "1",
            "IMPORTED": str(self.marks),
            "PYTHONPYCACHEPREFIX": str(self.marks.parent / "compiled"),  # as after an installation
        }
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        before, began = os.times(), time.perf_counter()
        subprocess.run([sys.executable, "-m", "lc_core", *arguments], env=environment, check=True, capture_output=True)
        after = os.times()
        used = after.children_user + after.children_system - before.children_user - before.children_system
        return time.perf_counter() - began, used

    def side_by_side(self, *arguments: str, repeats: int) -> np.ndarray:
        """Run a command in turn without and with the plugins, after a first time of each to warm up.

        Returns:
            Seconds `(repeats, 2, 2)`: without and with the plugins; from start to end, and of the processor.
        """
        runs = [[self.seconds(*arguments, plugins=plugins) for plugins in (False, True)] for _ in range(repeats + 1)]
        return np.array(runs[1:])


class Spent(NamedTuple):
    """Seconds from start to end, and those of the processor."""

    wall: float
    processor: float


def spent(run: Callable[[], object]) -> Spent:
    began, used = time.perf_counter(), time.process_time()
    run()
    return Spent(time.perf_counter() - began, time.process_time() - used)


def validate_all(folder: Path) -> tuple[Spent, Spent]:
    """Validate specs as `lc validate` does, in this process: the first one, start-up included, and then all."""
    from lc_core.cli import main as lc

    names = []
    for number in range(SPECS):
        names.append(str(folder / f"{number}.yaml"))
        Path(names[-1]).write_text(SPEC.format(density=0.2 + number / 1000, seed=number))
    first = spent(lambda: lc(["validate", names[0]], standalone_mode=False))
    return first, spent(lambda: lc(["validate", *names], standalone_mode=False))


def times_of(command: str, times: np.ndarray, *, bar: str = "") -> list[list[Any]]:
    """Return two rows of medians: without the plugins, and with them."""
    without, with_them = np.median(times, axis=0).tolist()
    return [[f"`{command}` without plugins, s", *without, ""], [f"`{command}` with {PLUGINS}, s", *with_them, bar]]


@click.command()
@click.option("--repeats", default=9, show_default=True, help="Runs of each command.")
def main(repeats: int) -> None:
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        commands = Commands(folder)
        help_times = commands.side_by_side("--help", repeats=repeats)
        imported = len(list(commands.marks.iterdir()))
        rows += times_of("lc --help", help_times)
        ratios = np.median(help_times[:, 1] / help_times[:, 0], axis=0)
        rows.append(["ratio of `lc --help`, median of pairs", *ratios.tolist(), "<= 1.2"])
        rows.append(["plugins imported by `lc --help`", imported, "", "0"])
        rows += times_of("lc plugins", commands.side_by_side("plugins", repeats=repeats), bar="<= 1")
        rows.append(["plugins imported by `lc plugins`", len(list(commands.marks.iterdir())), "", str(PLUGINS)])
        start, all_of_them = validate_all(folder)
    rows.append(["`lc validate` of one spec, start-up included, s", start.wall, start.processor, ""])
    rows.append(
        [f"`lc validate` of {SPECS} specs, specs/s", SPECS / all_of_them.wall, SPECS / all_of_them.processor, ">= 100"]
    )
    print(table(["what", "wall clock", "processor", "bar"], rows))


if __name__ == "__main__":
    main()
