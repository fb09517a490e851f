"""Every experiment in its order, each a process of its own: `python -m benchmarks.paper [NAME]...`."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import click


def experiments() -> list[str]:
    """Return the names of all experiments, by number."""
    found = [path.stem for path in Path(__file__).parent.glob("e*_*.py")]
    return sorted(found, key=lambda name: int(re.findall(r"\d+", name)[0]))


@click.command()
@click.argument("names", nargs=-1)
def main(names: tuple[str, ...]) -> None:
    """Run experiments whose names begin so (`e7`), or all of them, and print how long each took."""
    spent, failed = {}, []
    for name in [one for one in experiments() if not names or one.partition("_")[0] in names]:
        began = time.perf_counter()
        if subprocess.run([sys.executable, "-m", f"benchmarks.paper.{name}"], check=False).returncode:
            failed.append(name)
        spent[name] = time.perf_counter() - began
    for name, seconds in (*spent.items(), ("all", sum(spent.values()))):
        print(f"{name:20s} {seconds / 60:5.1f} min{'  FAILED' if name in failed else ''}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
