"""Realism alone, with no constraint: `python -m benchmarks.realism [melodies|avatars|avatars-blurry]...`.

Four sets are compared with decoded posterior samples of held-out data: prior samples, prior samples as realism
alone changes them under the shipped spec `free` (carried by the model's flow or chain, or without one moved by the
gradient engine), other held-out data, and, as the best that can be had, posterior samples of these. Nothing is chosen.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch

from benchmarks.melody_features import melody_features, transposed, tunes
from benchmarks.tables import percent, say, table
from lc_core.common.seeds import block_generator
from lc_core.constraints.evaluator import Evaluator
from lc_core.energy.energy import Energy
from lc_core.engines.gradient import Gradient
from lc_core.engines.loop import run_engine
from lc_core.evaluation import neighbour_figures, two_sample_auc
from lc_core.models.latent_model import LatentModel
from lc_core.runs.build import build_problem
from lc_core.sampling.problem import Problem
from lc_core.spec import load_spec
from lc_plugins.images.arrays import from_pixels, to_pixels
from lc_plugins.melody.corpus import Corpus
from lc_plugins.melody.render import Audio, PianoRoll

REFERENCE = "posterior samples"
AGAIN = "other posterior samples"
REFINED = "refined by realism"
BLOCK = 1_000
VISITS, RATES = (5, 10, 20, 40, 80, 160), (0.02, 0.05, 0.1)
PACK = 50
"""Neighbouring windows of tunes share bars: they are dealt to the two halves in packs of as many."""


@dataclass(frozen=True)
class Domain:
    """Something that realism is measured on.

    Attributes:
        spec: The shipped spec without constraints; its model, weight of realism and engine are used.
        model: Another model for it, if not the spec's.
        sources: Given a number, two sets of as many held-out outputs, with none in common; fewer if there are fewer.
        features: Outputs as they are stored to features `(N, F)`.
        space: What these are, in words.
        musical: Whether outputs are melodies.
    """

    spec: str
    sources: Callable[[int], tuple[np.ndarray, np.ndarray]]
    features: Callable[[np.ndarray], np.ndarray]
    space: str
    model: str = ""
    musical: bool = False


def avatar_sources(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return held-out avatars `(count, 3, 64, 64)` uint8, twice; more are drawn if 5,000 are too few."""
    from lc_plugins.avatars.dataset import COUNTS, read_avatars

    pictures = read_avatars("test", count=max(COUNTS["test"], 2 * count), progress=say).pictures
    first, second = (np.ascontiguousarray(part.transpose(0, 3, 1, 2)) for part in np.split(pictures[: 2 * count], 2))
    return first, second


def melody_sources(count: int, corpus: Corpus | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return two halves of the held-out windows, each `(N, 32)`, each window in a key of its own."""
    corpus = corpus or tunes()
    windows = corpus.windows[corpus.is_test]
    packs = np.arange(len(windows)) // PACK
    halves = []
    for half in (0, 1):
        chosen = np.random.default_rng(half).permutation(np.unique(packs[packs % 2 == half]))
        halves.append(np.concatenate([windows[packs == pack] for pack in chosen])[:count])
    return halves[0], halves[1]


def avatar_features(pixels: np.ndarray) -> np.ndarray:
    from lc_plugins.avatars.judge import judge_features

    parts = np.split(pixels, range(BLOCK, len(pixels), BLOCK))
    return np.concatenate([judge_features(np.float32(part) / 255) for part in parts])


JUDGE_SPACE = "the judge's last layer, 128 numbers"
DOMAINS = {
    "melodies": Domain(
        "melody/free",
        melody_sources,
        lambda tokens: melody_features(tokens, progress=say),
        "an encoder of 128 numbers that fills in hidden beats (benchmarks/melody_features.py)",
        musical=True,
    ),
    "avatars": Domain("avatars/free", avatar_sources, avatar_features, JUDGE_SPACE),
    "avatars-blurry": Domain("avatars/free", avatar_sources, avatar_features, JUDGE_SPACE, model="avatars.64-blurry"),
}


def load_problem(domain: Domain, overrides: Sequence[str] = ()) -> Problem:
    """Return the model with realism alone, from the prior, and the engine that climbs it."""
    changed = ["base=prior", "realism=1", *([f"model={domain.model}"] if domain.model else []), *overrides]
    return build_problem(load_spec(domain.spec, overrides=changed, engine="gradient"), device="cpu")


def refine(problem: Problem, z: torch.Tensor) -> torch.Tensor:
    """Return what realism alone makes of prior samples: carried by a flow or a chain, or climbed with the engine."""
    if carry := problem.model.realism_alone():
        with torch.no_grad():
            return torch.cat([carry(part) for part in torch.split(z, BLOCK)])
    energy = Energy((), realism=problem.model.realism(), realism_weight=problem.realism)
    return torch.cat([run_engine(problem.engine, problem.model, part, energy).z for part in torch.split(z, BLOCK)])


def decode(model: LatentModel, z: torch.Tensor) -> np.ndarray:
    """Return outputs: melody tokens `(N, T)`, or pictures as bytes `(N, C, H, W)`, rounded as a PNG rounds them."""
    evaluator = Evaluator(model, ())
    return np.concatenate([_stored(evaluator.decode(part)) for part in torch.split(z, BLOCK)])


def _stored(outputs: np.ndarray) -> np.ndarray:
    if outputs.ndim != 4:
        return outputs
    return np.ascontiguousarray(np.moveaxis(to_pixels(outputs), -1, 1)[:, : outputs.shape[1]])


def posterior(model: LatentModel, sources: np.ndarray, count: int, seed: int) -> tuple[torch.Tensor, np.ndarray]:
    """Return `count` latents from the posteriors of held-out outputs, and these outputs, source by source.

    Each melody is first moved to a random key, as in the training of the model.
    """
    rows = np.arange(count) * len(sources) // count
    x = sources[rows]
    generator = block_generator(seed, 0, "realism/posterior")
    if x.ndim == 2:
        x = transposed(torch.from_numpy(x), generator).numpy()
    means, stds = [], []
    for part in np.split(x, range(BLOCK, count, BLOCK)):
        encoded = model.encode(from_pixels(np.moveaxis(part, 1, -1)) if part.ndim == 4 else part)
        means.append(encoded.mean)
        stds.append(encoded.std)
    mean, std = torch.cat(means), torch.cat(stds)
    return mean + std * torch.randn(mean.shape, generator=generator), x


def make_sets(domain: Domain, problem: Problem, count: int) -> tuple[dict[str, np.ndarray], int]:
    """Return every set of outputs, `count` each, and how many sources a set of posterior samples has."""
    first, second = domain.sources(count)
    model = problem.model
    say(f"{model.name}: encoding and decoding")
    encoded, _ = posterior(model, first, count, 0)
    again, data = posterior(model, second, count, 1)
    prior = model.sample_prior(count, block_generator(0, 0, "realism/prior"))
    sets = {REFERENCE: decode(model, encoded), AGAIN: decode(model, again), "held-out data": data}
    sets |= {"prior samples": decode(model, prior), REFINED: decode(model, refine(problem, prior))}
    return sets, min(len(first), len(second))


def show_melodies(sets: Mapping[str, np.ndarray], folder: Path) -> None:
    """Write a sheet of 16 piano rolls of each set, and sound of the first four."""
    for name, tokens in sets.items():
        place = folder / name.replace(" ", "_")
        place.mkdir(parents=True, exist_ok=True)
        PianoRoll().write_sheet(tokens[:16], place)
        for number, one in enumerate(tokens[:4]):
            Audio().write(one, place / f"{number}.wav")


Figures = dict[str, dict[str, float]]


def compare(domain: Domain, sets: dict[str, np.ndarray], *, near: int, k: int, steps: int) -> Figures:
    """Return the figures of each set against the reference.

    Args:
        domain: Gives the feature space.
        sets: From `make_sets`.
        near: Outputs of each set that neighbours are looked for among, spread over the set.
        k: Which neighbour.
        steps: Training steps of the two-sample classifier.
    """
    rows = np.arange(near) * len(sets[REFERENCE]) // near
    reference = domain.features(sets[REFERENCE][rows])
    found: dict[str, dict[str, float]] = {REFERENCE: {}}
    for name, outputs in sets.items():
        if name != REFERENCE:
            say(f"comparing {name}")
            found[name] = {"AUC": two_sample_auc(sets[REFERENCE], outputs, steps=steps)}
            found[name] |= neighbour_figures(reference, domain.features(outputs[rows]), k=k)
        if domain.musical:
            found[name] |= _musical(outputs)
    return found


def _musical(tokens: np.ndarray) -> dict[str, float]:
    from lc_plugins.melody.evaluate import is_diatonic, mean_leap

    return {"diatonic": float(is_diatonic(tokens).mean()), "mean leap": float(np.nanmean(mean_leap(tokens)))}


def measure(
    name: str, *, count: int, near: int = 5_000, k: int = 3, steps: int = 1_000, out: Path | None = None
) -> dict[str, Any]:
    """Measure realism alone on a domain; `near` is at most the number of sources, so that no two are of one."""
    domain = DOMAINS[name]
    problem = load_problem(domain)
    sets, sources = make_sets(domain, problem, count)
    if out and domain.musical:
        show_melodies(sets, out)
    near = min(near, count, sources)
    settings = {"model": problem.model.name, "digest": problem.model.digest[:12], "realism": problem.realism}
    settings |= {key: problem.engine.settings()[key] for key in ("steps", "lr")}
    settings |= {"count": count, "near": near, "k": k, "classifier steps": steps, "space": domain.space}
    return {"settings": settings, "sets": compare(domain, sets, near=near, k=k, steps=steps)}


def as_table(sets: Figures) -> str:
    """Return the figures of `compare` as a table."""
    names = list(sets[AGAIN])

    def cell(row: dict[str, float], name: str) -> str | float:
        value = row.get(name, "")
        return percent(value) if name == "diatonic" and value != "" else value

    rows = [[label, *(cell(row, name) for name in names)] for label, row in sets.items()]
    return table(["against posterior samples", *names], rows)


def sweep(name: str, *, count: int, near: int, k: int, steps: int) -> str:
    """Return a table of what refinement gives after other steps, with other learning rates, and by other rules.

    With realism alone its weight cannot matter: Adam's step is the same for any multiple of a gradient. Last come two
    that are no setting of the engine. *As posterior*: each try stops where its logit reaches that of a posterior sample
    of its own. *Resampled*: prior samples drawn again by the ratio that the critic estimates, with no engine at all.
    """
    domain = DOMAINS[name]
    problem = load_problem(domain)
    model, critic = problem.model, problem.model.realism()
    assert critic is not None
    sets, sources = make_sets(domain, problem, count)
    encoded, _ = posterior(model, domain.sources(count)[1], count, 2)
    prior = model.sample_prior(count, block_generator(0, 0, "realism/prior"))

    def row(label: str, lr: float | str, z: torch.Tensor) -> list[Any]:
        tried = {REFERENCE: sets[REFERENCE], "tried": decode(model, z)}
        found = compare(domain, tried, near=min(near, count, sources), k=k, steps=steps)["tried"]
        heads[:] = found
        moved = float((z - prior).square().mean().sqrt())
        say(f"{label}, lr {lr}: {found}")
        return [label, lr, moved, float(logits(critic, z).mean()), *found.values()]

    heads: list[str] = []
    rows = [row("0", "", prior), row("other posterior", "", encoded)]
    wanted = logits(critic, encoded).sort().values[torch.randperm(count, generator=block_generator(0, 0, "wanted"))]
    for lr in RATES:
        way = trajectory(replace(problem, engine=Gradient(steps=max(VISITS), lr=lr, check_every=0)), prior)
        rows += [
            row(str(step), lr, way[step]) for step in VISITS if lr == problem.engine.settings()["lr"] or step == 80
        ]
        rows.append(row("above 0", lr, first_above(critic, way, torch.zeros(count))))
        rows.append(row("as posterior", lr, first_above(critic, way, wanted)))
    many = model.sample_prior(20 * count, block_generator(1, 0, "realism/prior"))
    chosen = torch.multinomial(
        logits(critic, many).double().softmax(0), count, generator=block_generator(0, 0, "chosen")
    )
    rows.append(row("resampled", "", many[chosen]))
    return table(["steps", "lr", "moved (RMS)", "logit", *heads], rows)


def logits(critic: torch.nn.Module, z: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return torch.cat([critic(part) for part in torch.split(z, BLOCK)]).clone()


def trajectory(problem: Problem, z: torch.Tensor) -> list[torch.Tensor]:
    """Return the latents after each step, the first of them after none."""
    energy = Energy((), realism=problem.model.realism(), realism_weight=problem.realism)
    visit = range(1, problem.engine.steps + 1)
    parts = [
        run_engine(problem.engine, problem.model, part, energy, visit=visit).visited for part in torch.split(z, BLOCK)
    ]
    return [z, *(torch.cat(step) for step in zip(*parts, strict=True))]


def first_above(critic: torch.nn.Module, way: list[torch.Tensor], wanted: torch.Tensor) -> torch.Tensor:
    """Return each row's first latent whose logit is what is wanted or more; its last where there is none."""
    reached = torch.stack([logits(critic, z) >= wanted for z in way])
    reached[-1] = True
    return torch.stack(way)[reached.int().argmax(0), torch.arange(len(wanted))]


@click.command()
@click.argument("domains", nargs=-1, type=click.Choice(list(DOMAINS)))
@click.option("--count", default=20_000, show_default=True, help="Outputs of each set.")
@click.option("--near", default=5_000, show_default=True, help="Outputs that neighbours are looked for among.")
@click.option("--k", default=3, show_default=True, help="Which neighbour a ball reaches to.")
@click.option("--steps", default=1_000, show_default=True, help="Training steps of the two-sample classifier.")
@click.option("--sweep", "sweeping", is_flag=True, help="How it moves with weight, steps and learning rate.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Also write figures, sheets, sound here.")
def main(domains: tuple[str, ...], sweeping: bool, out: Path | None, **effort: int) -> None:
    """Print how like held-out data samples are that only realism has refined."""
    torch.set_num_threads(1)
    figures = {}
    for name in domains or ("melodies", "avatars"):
        if sweeping:
            print(f"\n{name}: refined by realism, other settings\n\n{sweep(name, **effort)}", flush=True)
            continue
        figures[name] = found = measure(name, out=out, **effort)
        print(f"\n{name}: " + ", ".join(f"{key} {value}" for key, value in found["settings"].items()))
        print(f"\n{as_table(found['sets'])}", flush=True)
    if out:
        out.mkdir(parents=True, exist_ok=True)
        (out / "figures.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
