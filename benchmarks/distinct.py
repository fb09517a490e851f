"""How many of 500 outputs are distinct: `python -m benchmarks.distinct [SPEC]... [--engine NAME]...`.

Runs each shipped spec with each engine that `lc show` offers for it, and `--all` those too that it does not. A run that
is done is kept in `--out`, and the same command goes on with the others; fits are kept in the cache. `--show` runs
nothing and prints what is there.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click
import torch

from benchmarks.tables import percent, say, table
from lc_core.api import sample
from lc_core.errors import LCError
from lc_core.plugins.discover import DISTRIBUTION, build_registry
from lc_core.plugins.registry import Registry
from lc_core.runs.build import build_model
from lc_core.spec import Spec, load_spec
from lc_core.spec.files import shipped_names

COUNT = 500
BUDGET = {"rejection": 8_000_000}
"""Most tries; of all others 200 for each output."""
HEAD = ("spec", "engine", "offered", "delivered", "tries", "satisfied before", "distinct", "compared by", "seconds")


def engines_of(registry: Registry, name: str, only: tuple[str, ...], *, every: bool) -> dict[str, bool]:
    """Return the core's engines that can serve a spec, and whether `lc show` offers each; all of them with `every`."""
    spec, found = load_spec(name, registry=registry), {}
    model = build_model(spec, device="cpu")
    for one in registry.all("engine"):
        if one.distribution != DISTRIBUTION or (only and one.name not in only):
            continue
        engine = one.load()(**(spec.engine.params if one == spec.engine.plugin else one.fill()))
        if engine.unfit(model, spec.entries, spec.realism) is None:
            found[one.name] = engine.unadvised(model, spec.entries, spec.realism) is None
    return {key: offered for key, offered in found.items() if offered or every}


def loaded(registry: Registry, name: str, engine: str) -> Spec:
    """Return a shipped spec with an engine; the spec's own with the settings that it has there."""
    own = load_spec(name, registry=registry).engine.plugin.name == engine
    budget = BUDGET.get(engine, 200 * COUNT)
    return load_spec(name, registry=registry, engine=None if own else engine, count=COUNT, budget=budget)


def measured(spec: Spec, *, offered: bool) -> dict[str, Any]:
    began = time.monotonic()
    report = sample(spec, progress=say).report
    kept = {key: report[key] for key in ("engine", "delivered", "tried", "distinct")}
    kept |= {"satisfied_before": report["all"]["satisfied_before"], "fit": report["seconds"]["fit"]}
    return kept | {"offered": offered, "seconds": time.monotonic() - began}


def row(name: str, found: dict[str, Any]) -> tuple[Any, ...]:
    share, offered = found["distinct"]["share"], "yes" if found["offered"] else "no"
    shown = "none delivered" if share is None else percent(share)
    before, view = percent(found["satisfied_before"]), found["distinct"]["view"]
    numbers = f"{found['delivered']} of {COUNT}", f"{found['tried']:,}", before, shown, view
    return name, found["engine"], offered, *numbers, f"{found['seconds']:.0f}"


@click.command()
@click.argument("names", nargs=-1)
@click.option("--engine", "engines", multiple=True, help="Only this engine; repeatable.")
@click.option("--all", "every", is_flag=True, help="Engines that lc show does not offer, too.")
@click.option("--show", is_flag=True, help="Run nothing; print what is in the folder.")
@click.option("--out", default=Path("runs/distinct"), show_default=True, type=click.Path(path_type=Path))
def main(names: tuple[str, ...], engines: tuple[str, ...], every: bool, show: bool, out: Path) -> None:
    """Print the table of some specs, all by default."""
    torch.set_num_threads(1)
    registry, rows, missing = build_registry(), [], []
    out.mkdir(parents=True, exist_ok=True)
    for name in names or shipped_names():
        for engine, offered in engines_of(registry, name, engines, every=every).items():
            path = out / f"{name.replace('/', '-')}-{engine}.json"
            if not path.is_file() and not show:
                say(f"{name} with {engine}")
                try:
                    path.write_text(json.dumps(measured(loaded(registry, name, engine), offered=offered)))
                except LCError as error:
                    say(f"{name} with {engine}: {error}")
            if path.is_file():
                rows.append(row(name, json.loads(path.read_text())))
            else:
                missing.append(f"{name} with {engine}")
    print(table(HEAD, rows))
    if missing:
        print(f"\nnot run: {', '.join(missing)}")


if __name__ == "__main__":
    main()
