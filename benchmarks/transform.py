"""Figures of identity-preserving edits: `python -m benchmarks.transform [SPEC]...`.

64 held-out windows that do not meet a spec are edited until they do, each stopped at its first step that satisfies.
Beside that: the same optimiser run all of its 300 steps, and the linear direction from encodings that do not satisfy to
those that do, as far as each window needs it. Success is measured on decoded outputs by the rules themselves.
"""

from __future__ import annotations

import time

import click
import numpy as np
import torch

from lc_core.common.cache import Cache
from lc_core.common.seeds import block_generator
from lc_core.constraints.evaluator import Evaluator
from lc_core.editing.problem import Transformation
from lc_core.editing.state import sigma_distance
from lc_core.editing.transform import run_transformation
from lc_core.engines.edit import Edit
from lc_core.engines.loop import run_engine
from lc_core.fitting.critics import FitSettings
from lc_core.fitting.prepare import prepare
from lc_core.models.encodings import Encodings
from lc_core.models.latent_model import encode_outputs
from lc_core.runs.build import build_model
from lc_core.spec import load_spec

SPECS = ("melody/c_major", "melody/busy_c_major", "melody/no_big_leaps")
COUNT = 64
REACH, STEPS = 12.0, 120
"""How far the linear direction is followed, in sigma_bar (root mean square), and in how many steps."""


def held_out() -> np.ndarray:
    from lc_plugins.melody.corpus import read_corpus

    corpus = read_corpus()
    windows = corpus.windows[corpus.is_test]
    return windows[np.random.default_rng(0).permutation(len(windows))]


def linear(evaluator: Evaluator, model: Encodings, z0: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return how far along the linear direction each encoding first satisfies, infinite where it never does."""
    starts = model.sample_prior(16_384, block_generator(7, 0, "linear"))
    met = torch.from_numpy(evaluator.satisfied_latents(starts))
    # Least squares on latents in units of sigma_bar: the direction of a linear classifier.
    u = torch.cat([starts / model.sigma_bar, torch.ones(len(starts), 1)], dim=1).double()
    weights = torch.linalg.solve(u.T @ u + 1e-3 * torch.eye(u.shape[1]), u.T @ (met.double() - met.double().mean()))
    direction = (weights[:-1] / weights[:-1].square().mean().sqrt()).float() * model.sigma_bar
    far = np.full(len(z0), np.inf)
    for step in range(STEPS + 1):
        size = REACH * step / STEPS
        good = evaluator.satisfied_latents(z0 + size * direction)
        far[good & np.isinf(far)] = size
    return far, ~np.isinf(far)


@click.command()
@click.argument("specs", nargs=-1)
@click.option("--realism", type=float, help="Weight of realism, in place of the spec's.")
@click.option("--fit-seed", type=int, default=0)
def main(specs: tuple[str, ...], realism: float | None, fit_seed: int) -> None:
    """Print success and distances of edits for some specs."""
    torch.set_num_threads(1)
    windows = held_out()
    print("spec                  way          met      median    tokens    realism  seconds")
    print("                                            distance  changed   (logit)")
    for name in specs or SPECS:
        spec = load_spec(name)
        model = build_model(spec, device="cpu")
        evaluator = Evaluator(model, spec.entries)
        unmet = windows[~evaluator.satisfied(evaluator.measure(windows), len(windows))][:COUNT]
        weight = spec.realism if realism is None else realism
        problem = Transformation(model, spec.entries, Edit(), inputs=unmet, realism=weight)
        settings, cache = FitSettings(seed=fit_seed), Cache()
        edits = Encodings(model)
        check = Evaluator(edits, spec.entries)
        prepared = prepare(check, Edit().for_fit(), realism=weight, settings=settings, cache=cache)
        began = time.perf_counter()
        result = run_transformation(problem, settings=settings, cache=cache)
        spent = time.perf_counter() - began
        z0 = encode_outputs(edits, unmet).mean
        late = run_engine(Edit(check_every=300), edits, z0, prepared.energy).z.detach()
        far, reached = linear(check, edits, z0)
        late_distance = sigma_distance(late, z0, edits.sigma_bar)
        late_outputs = check.decode(late)
        late_met = check.satisfied(check.measure(late_outputs), COUNT)
        critic = model.realism()

        def logit(z: torch.Tensor, critic: torch.nn.Module = critic) -> float:
            with torch.no_grad():
                return float(critic(z).mean())

        share = result.satisfied & (result.steps > 0)
        ours = float(np.median(result.distance[share]))
        rows = {
            "first step": (result.satisfied, ours, result.outputs, logit(torch.from_numpy(result.z_after)), spent),
            "300 steps": (late_met, float(np.median(late_distance)), late_outputs, logit(late), 0.0),
        }
        print()
        for way, (met, distance, outputs, real, seconds) in rows.items():
            tokens = float((outputs != unmet).sum(axis=1).mean())
            print(
                f"{name:20s}  {way:11s}  {met.mean():6.1%}  {distance:8.3f}  {tokens:7.2f}  {real:8.3f}  {seconds:7.1f}"
            )
        both = share & reached
        beside = (
            f"{np.median(far[both]):8.3f} (first step there {np.median(result.distance[both]):.3f})"
            if any(both)
            else ""
        )
        print(f"{name:20s}  linear       {reached.mean():6.1%}  {beside}")
        print(
            f"{name:20s}  ratio to 300 steps {ours / np.median(late_distance):.2f}; encodings' realism {logit(z0):.3f};"
            f" {(result.tries > 1).sum()} needed a further try; fit {prepared.seconds:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
