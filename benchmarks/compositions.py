"""What a composition costs that nobody has asked: `python -m benchmarks.compositions`.

Random compositions of a model's rules (`benchmarks.random_specs`), so many for each decade of their rate among prior
samples, are run as commands, on one thread: `lc sample SPEC --count 16`. `auto` runs all of them, *cold*, with an empty
cache, and *warm*, in a cache where others ran before and the bank is filled, if there is one; once more with a bound
changed by `--set`. `rejection` and `gradient` run eight of each decade, cold, and are stopped when they have taken
three times as long as `auto`. Beside each stands `import torch`, timed just before it.

`--first-tries` tries the sampler alone, in this process. `--new-rule` composes rules of a plugin that nothing was
fitted for, each with two shipped ones. What is done is kept in `--out`, and the same command goes on.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch

from benchmarks.random_specs import Population, compositions, rules_of
from benchmarks.tables import say, table
from benchmarks.timed import Bench, Job, quartiles, table_against, table_of_runs
from lc_core import load_model
from lc_core.constraints.evaluator import Evaluator
from lc_core.fitting.prepare import prepare
from lc_core.models.latent_model import LatentModel
from lc_core.plugins.discover import DISTRIBUTION, build_registry
from lc_core.sampler.engine import Sampler
from lc_core.sampling.block import run_block
from lc_core.sampling.problem import Problem
from lc_core.spec import load_spec

FIRST_TRIES = 256
COMPARED = 8
"""Compositions of each decade that other engines run."""
LEAST = 1e-4
"""The lowest rate of compositions with a rule that nothing was fitted for."""
RENDER = {"melody.tokens/1": ["midi"], "image.rgb/1": ["png"], "image.gray/1": ["png"]}
"""What is rendered of each output, by its type."""
PLUGIN = '''"""Rules that no sampler was trained on and nothing was fitted for."""

import numpy as np
from lc_core import hookimpl, measurement


@measurement(accepts="melody.tokens/1", unit="share", range=(0, 1), undefined="fewer than three notes", at_least=0.6)
def turns(tokens: np.ndarray) -> np.ndarray:
    """Return how often the melody turns from rising to falling or back, of all its inner notes, `(B,)`."""
    return np.array([_turns(one[one < 128]) for one in tokens])


@measurement(accepts="melody.tokens/1", unit="share", range=(0, 1), undefined="no notes", at_least=0.5)
def off_beat(tokens: np.ndarray) -> np.ndarray:
    """Return the share of notes that begin between two eighths, `(B,)`."""
    notes = tokens < 128
    return notes[:, 1::2].sum(axis=1) / np.where(notes.any(axis=1), notes.sum(axis=1), np.nan)


@measurement(accepts="melody.tokens/1", unit="semitones", range=(-64, 64), undefined="an empty half", at_least=5)
def climb(tokens: np.ndarray) -> np.ndarray:
    """Return how much higher the second half lies than the first, by mean pitch, `(B,)`."""
    pitch = np.where(tokens < 128, tokens, np.nan)
    half = tokens.shape[1] // 2
    with np.errstate(all="ignore"):
        first, second = (np.nansum(one, axis=1) / (~np.isnan(one)).sum(axis=1) for one in np.split(pitch, [half], 1))
    return second - first


def _turns(notes: np.ndarray) -> float:
    ways = np.sign(np.diff(notes))
    return float((ways[1:] * ways[:-1] < 0).mean()) if len(notes) > 2 else np.nan


@hookimpl
def lc_register_constraints(register):
    register("unseen.turns", turns)
    register("unseen.off_beat", off_beat)
    register("unseen.climb", climb)
'''


def first_tries(model: LatentModel, spec: Path, decade: int) -> dict[str, Any]:
    """Try the sampler on a spec, without exact tries; return how many of its first tries satisfy."""
    began = time.monotonic()
    entries = load_spec(str(spec), registry=build_registry()).entries
    prepared = prepare(Evaluator(model, entries), Sampler().sized_for(model))
    problem = Problem(model=model, entries=entries, engine=prepared.engine, count=FIRST_TRIES, seed=0)
    numbers = range(-(-FIRST_TRIES // prepared.engine.block))
    blocks = [run_block(problem, prepared.energy, number) for number in numbers]
    outputs = {one.outputs[at].tobytes() for one in blocks for at in np.flatnonzero(one.satisfied[one.rows])}
    return {
        "spec": spec.stem,
        "decade": decade,
        "tried": sum(one.size for one in blocks),
        "met": sum(int(one.satisfied.sum()) for one in blocks),
        "distinct": len(outputs),
        "decodes": sum(one.decodes for one in blocks),
        "seconds": time.monotonic() - began,
    }


def table_of_first_tries(found: Sequence[dict[str, Any]]) -> str:
    """Return the table of the sampler's first tries, by decade."""
    head = ("rate", "compositions", "first tries that satisfy, %", "none of them", "distinct of these, %",
            "decodes for each that satisfies", "seconds")  # fmt: skip
    rows = []
    for decade in sorted({one["decade"] for one in found}):
        some = [one for one in found if one["decade"] == decade]
        rows.append((
            f"1e-{decade}",
            len(some),
            quartiles([100 * one["met"] / one["tried"] for one in some]),
            sum(not one["met"] for one in some),
            quartiles([100 * one["distinct"] / one["met"] if one["met"] else None for one in some]),
            quartiles([one["decodes"] / max(one["met"], 1) for one in some]),
            quartiles([one["seconds"] for one in some]),
        ))  # fmt: skip
    return table(head, rows)


def write_specs(out: Path, about: dict[str, Any], plugin: Path | None, folder: Path) -> None:
    """Write the specs of a seed into a folder, and what they are into `about.json`; those that are there stay.

    Args:
        out: The folder.
        about: `model`, `seed`, `per_decade`, `decades` and `samples`.
        plugin: A plugin with rules of which each composition has one.
        folder: Where decoded prior samples are kept.
    """
    path = out / "about.json"
    if path.is_file():
        kept = json.loads(path.read_text())
        if {key: kept[key] for key in about} != about:
            raise click.UsageError(f"{path} tells of other compositions; give another --out, or delete {out}")
        return
    registry, model = build_registry([plugin] if plugin else []), load_model(about["model"])
    population = Population.of(model, about["samples"], folder)
    every = rules_of(registry, model.output_type)
    found = compositions(
        population,
        [one for one in every if one.distribution == DISTRIBUTION],
        about["seed"],
        per_decade=about["per_decade"],
        decades=about["decades"],
        new=[one for one in every if plugin and one.distribution == plugin.stem],
        least=LEAST if plugin else 0.0,
    )
    (out / "specs").mkdir(parents=True, exist_ok=True)
    specs = {}
    for decade, some in found.items():
        for number, one in enumerate(some):
            name = f"1e-{decade}-{number:02d}"
            (out / "specs" / f"{name}.yaml").write_text(one.as_yaml(about["model"], RENDER.get(model.output_type, [])))
            specs[name] = {"decade": decade, "number": number, "rate": one.rate, "changed": one.changed}
    path.write_text(json.dumps({**about, "specs": specs}, indent=1))


def chosen(out: Path, limit: int | None) -> list[tuple[Path, dict[str, Any]]]:
    """Return the specs of a folder and what is known of each; of each decade the first `limit`."""
    specs: dict[str, dict[str, Any]] = json.loads((out / "about.json").read_text())["specs"]
    return [
        (out / "specs" / f"{name}.yaml", one) for name, one in specs.items() if limit is None or one["number"] < limit
    ]


def jobs(out: Path, seeds: Sequence[int], limit: int | None, plugin: Path | None) -> Iterator[Job]:
    """Yield the commands to time, spec by spec."""
    for spec, about in chosen(out, limit):
        for seed in seeds:
            decade = about["decade"]
            if plugin:
                yield Job(spec, decade, "new rule", "auto", seed, ("--plugin", str(plugin)))
                continue
            yield Job(spec, decade, "cold", "auto", seed)
            yield Job(spec, decade, "warm", "auto", seed)
            if about["changed"]:
                yield Job(spec, decade, "changed", "auto", seed, ("--set", about["changed"]))
            if about["number"] < COMPARED:
                yield from (Job(spec, decade, "cold", engine, seed) for engine in ("rejection", "gradient"))


def print_first_tries(out: Path, model: str, limit: int | None) -> None:
    """Try the sampler on every spec of a folder and print the table."""
    loaded, found = load_model(model), []
    for spec, about in chosen(out, limit):
        found.append(first_tries(loaded, spec, about["decade"]))
        say(f"{spec.stem}, rate {about['rate']:.2g}: {found[-1]['met']} of {found[-1]['tried']}")
    (out / "first_tries.json").write_text(json.dumps(found, indent=1))
    print(table_of_first_tries(found))


def print_runs(bench: Bench) -> None:
    """Print the tables of what was run."""
    runs = list(bench.done.values())
    print(table_of_runs(runs))
    if any(one["engine"] != "auto" for one in runs):
        print(f"\n`auto` against the better of the others, cold:\n\n{table_against(runs)}")


@click.command()
@click.option("--model", default="melody.folk-2bar", show_default=True)
@click.option("--seed", default=0, show_default=True, help="Seed of the compositions.")
@click.option("--per-decade", default=40, show_default=True)
@click.option("--decades", default="12345", show_default=True, help="Digits k of the decades 1e-k.")
@click.option("--samples", default=1_000_000, show_default=True, help="Prior samples that tell the rates.")
@click.option("--sampling-seed", "seeds", multiple=True, type=int, default=(0, 1), show_default=True)
@click.option("--count", default=16, show_default=True, help="Outputs of each command.")
@click.option("--limit", type=int, help="Run only the first so many of each decade.")
@click.option("--cache", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Caches begin as a copy.")
@click.option("--first-tries", is_flag=True, help="Only the sampler's first tries, in this process.")
@click.option("--new-rule", is_flag=True, help="Compositions with a rule that nothing was fitted for.")
@click.option("--only-auto", is_flag=True, help="Run no other engine beside it.")
@click.option("--show", is_flag=True, help="Run nothing; print what is in the folder.")
@click.option("--out", default=Path("runs/compositions"), show_default=True, type=click.Path(path_type=Path))
def main(
    model: str, seed: int, per_decade: int, decades: str, samples: int, seeds: tuple[int, ...], count: int,
    limit: int | None, cache: Path | None, first_tries: bool, new_rule: bool, only_auto: bool,
    show: bool, out: Path,
) -> None:  # fmt: skip
    """Print figures on compositions of one seed."""
    torch.set_num_threads(1)
    folder = out / f"{model}-{seed}{'-new-rule' if new_rule else ''}"
    folder.mkdir(parents=True, exist_ok=True)
    plugin = folder / "unseen.py" if new_rule else None
    if plugin:
        plugin.write_text(PLUGIN)
    about = {"model": model, "seed": seed, "per_decade": per_decade, "decades": [int(one) for one in decades]}
    write_specs(folder, {**about, "samples": samples}, plugin, out)
    print(f"torch {torch.__version__}, one thread, {platform.processor() or platform.machine()}, seed {seed}\n")
    if first_tries:
        print_first_tries(folder, model, limit)
        return
    bench = Bench(folder, cache, model, count)
    for job in () if show else jobs(folder, seeds, limit, plugin):
        if job.engine == "auto" or not only_auto:
            bench.run(job)
    print_runs(bench)


if __name__ == "__main__":
    main()
