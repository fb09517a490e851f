"""The sampler of avatars, by the judge: `python -m benchmarks.attributes`.

Attributes of held-out pictures are asked for: 3 random ones, 10, and all that can be seen. Each is one first try of the
shipped sampler, kept whether or not the verifier agrees. The spread is that of latents of 16 tries with one row of
attributes, as in E2; of the exact conditional, for 3, it is measured on samples of the base that meet them. Below, two
shipped specs by the sampler and by rejection, from both bases: of how many outputs the judge agrees with all that is
asked. What something hides in a picture is asked of none. The judge guides nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
import torch

import lc_core
from benchmarks.tables import out_option, percent, say, table, write_results
from lc_core import Constraint, LatentModel, Measurement, load_model, load_spec
from lc_core.common.seeds import block_generator
from lc_core.models.latent_model import decode_array, draw_transported
from lc_core.plugins.discover import build_registry
from lc_core.sampler.figures import first_tries
from lc_core.sampler.folder import Trained, find_sampler, read_sampler
from lc_core.sampler.rules import BINS
from lc_core.sampler.wants import Batch, Wants
from lc_plugins.avatars.attributes import NAMES, visible
from lc_plugins.avatars.dataset import read_avatars
from lc_plugins.avatars.judge import judge
from lc_plugins.images.sheet import write_sheet

RULE = "avatars.attribute"
ROWS, TRIES, AT_ONCE, EXACT = 32, 16, 256, 16_384
"""Rows of the spread, tries of each; rows that are tried in one batch; samples of the base that are looked at."""


def sampler_of(model: LatentModel) -> Trained:
    """Return the model's sampler with the function of the attributes."""
    folder = find_sampler(model)
    if folder is None:
        raise SystemExit(f"there is no sampler for {model.name}: lc amortise trains one")
    function = build_registry().get("constraint", RULE).load()
    return read_sampler(folder, model, [Measurement(function, {"name": NAMES[0]}, RULE)])


def batch_of(trained: Trained, held: np.ndarray, asked: np.ndarray) -> Batch:
    """Return wants of attributes `(N, 30)` that hold or not, where they are asked `(N, 30)`."""
    rule = next(one for one in trained.rules.rules if one.name == RULE)
    columns = [trained.rules.column(Measurement(rule.function, {"name": name}, RULE)) for name in NAMES]
    yes = rule.usual
    assert yes is not None and all(columns), "attributes have a default want"
    no = (np.arange(BINS + 1) <= len(rule.edges)) - yes
    masks = np.where(held[..., None], yes, no).astype(np.float32)
    at = np.broadcast_to(np.arange(len(NAMES)), held.shape)
    return Batch(tuple(one for one in columns if one), np.arange(len(held)), Wants(at, asked.astype(np.float32), masks))


def asked_of(held: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return which attributes are asked, `(N, 30)` bool: so many of those that can be seen, at random."""
    order = np.where(visible(held), rng.random(held.shape), 2.0).argsort(1).argsort(1)
    return (order < count) & visible(held)


def judged(pictures: np.ndarray, held: np.ndarray, asked: np.ndarray) -> dict[str, float]:
    """Return the judge's F1 weighted by how common attributes are, and the share of pictures with all that is asked."""
    said = judge(pictures) >= 0.5
    hits, wrong = ((said & held & asked).sum(0), ((said != held) & asked).sum(0))
    f1, weight = 2 * hits / np.maximum(2 * hits + wrong, 1), (held & asked).sum(0)
    right = ((said == held) | ~asked).all(1)
    return {"weighted F1": float((f1 * weight).sum() / weight.sum()), "all right": float(right.mean())}


def spread(z: np.ndarray, tries: int) -> float:
    """Return the root mean square deviation of latents `(N * tries, D)` within a row, as E2 has it."""
    return float(np.sqrt(np.square(z.reshape(-1, tries, z.shape[-1]).std(axis=1, ddof=1)).mean()))


def exact_spread(model: LatentModel, base: str, held: np.ndarray, asked: np.ndarray) -> float:
    """Return the spread of samples of the base of which the verifier says what is asked, over rows with enough."""
    transport = model.flow() if base == "data" else None
    z = torch.cat([
        draw_transported(model, model.block, block_generator(0, number, "exact"), transport)
        for number in range(EXACT // model.block)
    ])  # fmt: skip
    function = build_registry().get("constraint", RULE).load()
    said = np.concatenate(
        [
            np.stack([Measurement(function, {"name": name}, RULE)(outputs) for name in NAMES], axis=1)
            for outputs in (decode_array(model, some) for some in z.split(model.block))  # type: ignore[no-untyped-call]
        ]
    )
    found = []
    for row, mask in zip(held, asked, strict=True):
        meets = np.flatnonzero((((said >= 0.5) == row) | ~mask).all(1))[:TRIES]
        found += [z[meets].flatten(1).numpy()] if len(meets) == TRIES else []
    say(f"{base}: {len(found)} of {len(held)} rows have {TRIES} exact samples")
    return spread(np.concatenate(found), TRIES) if found else float("nan")


def rows_of_wants(model: LatentModel, trained: Trained, count: int, out: Path) -> list[dict[str, Any]]:
    """Return the figures of 3, 10 and all attributes, from both bases."""
    every = read_avatars("test", progress=say).held.astype(bool)[:count]
    rng, found = np.random.default_rng(0), []
    for number in (3, 10, len(NAMES)):
        asked = asked_of(every, number, rng)
        batch = batch_of(trained, every, asked)
        for base in ("prior", "data"):
            pieces = [range(at, min(at + AT_ONCE, count)) for at in range(0, count, AT_ONCE)]
            pictures = np.concatenate(
                [first_tries(model, trained, batch, one, tries=1, base=base)[1] for one in pieces]
            )
            write_sheet(pictures[:64], out / f"{number}-{base}.png", columns=8)
            z = first_tries(model, trained, batch, range(ROWS), tries=TRIES, base=base)[0].flatten(1).numpy()
            exact = exact_spread(model, base, every[:ROWS], asked[:ROWS]) if number == 3 else float("nan")
            one = {"asked": number, "base": base, **judged(pictures, every, asked)}
            found.append(one | {"spread": spread(z, TRIES), "exact spread": exact})
            say(str(found[-1]))
    return found


def rows_of_specs(model: LatentModel, count: int) -> list[dict[str, Any]]:
    """Return of two shipped specs how often the judge agrees, by the sampler and by rejection."""
    found = []
    for name in ("smiling_blond", "sunglasses_and_beard"):
        entries = load_spec(f"avatars/{name}").entries
        leaves = [one for one in entries if isinstance(one, Constraint)]
        for base in ("data", "prior"):
            for engine in ("sampler", "rejection"):
                result = lc_core.sample(model=model, constraints=entries, engine=engine, base=base, count=count)
                said = judge(result.outputs) >= 0.5
                asked = [(one.measurement.params["name"], one.measurement.settings()["present"]) for one in leaves]
                right = np.all([said[:, NAMES.index(which)] == present for which, present in asked], axis=0)
                found.append({
                    "spec": name, "base": base, "engine": engine, "delivered": len(said),
                    "first tries": result.report["all"]["satisfied_before"], "judge agrees": float(right.mean()),
                })  # fmt: skip
                say(str(found[-1]))
    return found


@click.command()
@out_option("attributes")
@click.option("--count", default=2_000, show_default=True, help="Held-out pictures, and outputs of each spec.")
def main(out: Path, count: int) -> None:
    """Print both tables, and write sheets of what was made."""
    torch.set_num_threads(1)
    out.mkdir(parents=True, exist_ok=True)
    model = load_model("avatars.64")
    wants, specs = rows_of_wants(model, sampler_of(model), count, out), rows_of_specs(model, count)
    first = [
        [
            one["asked"],
            one["base"],
            one["weighted F1"],
            percent(one["all right"]),
            one["spread"],
            one["exact spread"] if one["asked"] == 3 else "",
        ]
        for one in wants
    ]
    second = [
        [one["spec"], one["base"], one["engine"], one["delivered"], percent(one["first tries"]),
         percent(one["judge agrees"])] for one in specs
    ]  # fmt: skip
    text = [
        table(["asked", "base", "weighted F1", "all right", "spread in a row", "of exact samples"], first),
        table(["spec", "base", "engine", "delivered", "first tries", "judge agrees"], second),
    ]
    write_results(out, "\n\n".join(text), {"wants": wants, "specs": specs})


if __name__ == "__main__":
    main()
