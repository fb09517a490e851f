"""How like exact samples an engine's are, spec by spec: `python -m benchmarks.fidelity --engine NAME`.

Specs of melodies without realism, each sampled by the engine with its default settings, beside exact samples under the
same conditions and a second set of these. Exact samples of all specs are looked for in one stream of prior samples.
Runs and exact samples are kept in `--out`, and the same command goes on where it was stopped.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from safetensors.numpy import load_file, save

from benchmarks.tables import percent, say, table
from lc_core.common.cache import Cache
from lc_core.common.files import write_atomically
from lc_core.evaluation import Asked, Pair, Search, evaluate, read_runs
from lc_core.plugins.discover import build_registry
from lc_core.runs.build import build_model
from lc_core.runs.sample import run_spec
from lc_core.spec import Spec, load_spec

SPECS = (
    "c_major",
    "no_big_leaps",
    "busy_c_major",
    "over_a_ii_v",
    "sparse_pentatonic",
    "arch_contour_ending_on_tonic",
    "rare",
)
RARE = 1_000
"""Outputs of `rare`, at most: one prior sample in 6,000 meets it."""
SAVED_EVERY = 400
"""Blocks of prior samples after which what was found is kept."""
FIGURES = ("auc", "precision", "recall", "density", "coverage")
HEAD = ("spec", "N", "prior's rate", "first tries", "decodes each", "distinct", *FIGURES, "coverage of second's")


def wanted(name: str, count: int) -> int:
    return min(count, RARE) if name == "rare" else count


def load(name: str, count: int, *, engine: str, seed: int, overrides: Sequence[str] = ()) -> Spec:
    """Return a shipped spec from the prior, without realism, and without files of its outputs."""
    changed = ("base=prior", "realism=0", "render=[]", *overrides)
    return load_spec(f"melody/{name}", overrides=changed, engine=engine, count=wanted(name, count), seed=seed)


def exact(
    names: Sequence[str], count: int, budget: int, folder: Path, *, saved_every: int = SAVED_EVERY
) -> dict[str, Pair]:
    """Return two exact sets for each spec; those found so far are kept in a folder."""
    specs = [load(name, count, engine="rejection", seed=0) for name in names]
    asked = [Asked(spec.entries, spec.sample.count) for spec in specs]
    search = Search(build_model(specs[0], device="cpu"), asked)
    place = folder / f"exact-{'-'.join(names)}-{count}.safetensors"
    if place.is_file():
        tensors = load_file(place)
        search.number = int(tensors["number"][0])
        search.found = [[tensors[name]] for name in names]
        search.looked_for = [int(tensors[f"looked for {name}"][0]) for name in names]
    while not search.done and search.looked < budget:
        search.step()
        if search.number % saved_every == 0 or search.done or search.looked >= budget:
            parts = {name: np.concatenate(parts) for name, parts in zip(names, search.found, strict=True)}
            looked = {
                f"looked for {name}": np.array([draws]) for name, draws in zip(names, search.looked_for, strict=True)
            }
            write_atomically(place, save({**parts, **looked, "number": np.array([search.number])}))
            some = zip(names, search.have, strict=True)
            say(f"{search.looked:,} prior samples: " + ", ".join(f"{name} {have:,}" for name, have in some))
    return dict(zip(names, search.pairs(), strict=True))


def measured(spec: Spec, pair: Pair, folder: Path, **how: Any) -> dict[str, Any]:
    """Sample into a folder, or take up what is there, and return the figures; `how` are arguments of `evaluate`."""
    run_spec(spec, out=folder, device="cpu", cache=Cache(), progress=say)
    registry = build_registry()
    runs = read_runs([folder], registry=registry, device="cpu")
    found: dict[str, Any] = evaluate(runs, against=pair, registry=registry, progress=say, **how)
    return found


def row(name: str, figures: dict[str, Any]) -> list[Any]:
    one = figures["runs"][0]
    own, best, engine = one["figures"], one["best"], one["engines"][-1]
    rate = one["against"]["met"] / one["against"]["looked"]
    each = one["decodes"] / max(1, one["delivered"])
    beside = [f"{own[key]:.3f} ({best[key]:.3f})" for key in FIGURES]
    shares = percent(engine["tries"]["share"]), f"{each:.1f}", percent(one["distinct"]["share"])
    return [name, f"{own['n']:,}", f"{rate:.3%}", *shares, *beside, f"{own['coverage'] / best['coverage']:.3f}"]


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(SPECS))
@click.option("--engine", required=True, help="Engine, with its default settings.")
@click.option("--count", default=4_000, show_default=True, help=f"Outputs of each set; of rare at most {RARE:,}.")
@click.option("--seed", default=0, show_default=True, help="Sampling seed.")
@click.option("--set", "overrides", metavar="KEY=VALUE", multiple=True, help="Change the specs; needs another --out.")
@click.option("--budget", default=20_000_000, show_default=True, help="Most prior samples for exact sets.")
@click.option("--out", default=Path("runs/fidelity"), show_default=True, type=click.Path(path_type=Path))
def main(
    names: tuple[str, ...], engine: str, count: int, seed: int, overrides: tuple[str, ...], budget: int, out: Path
) -> None:
    """Print the table of some specs, all by default; the second exact set's figures are in brackets."""
    torch.set_num_threads(1)
    out.mkdir(parents=True, exist_ok=True)
    chosen = names or SPECS
    pairs = exact(chosen, count, budget, out)
    rows, found = [], {}
    for name in chosen:
        spec = load(name, count, engine=engine, seed=seed, overrides=overrides)
        found[name] = measured(spec, pairs[name], out / f"{engine}-{name}-{seed}")
        rows.append(row(name, found[name]))
        say(str(rows[-1]))
    about = found[chosen[0]]
    space, told = about["space"], about["classifier"]
    print(table(HEAD, rows))
    print(
        f"\n{engine}, seed {seed}, {about['model']['name']} {about['model']['digest'][:12]}, lc {about['lc']};", end=" "
    )
    print(f"{space['name']}/{space['version']}, neighbour {about['k']}; {told['name']}, {told['steps']:,} steps")
    (out / f"{engine}-{seed}.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
