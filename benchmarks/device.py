"""What an accelerator does of lc's work: whether it agrees with the processor, and how many times as fast it is.

    python -m benchmarks.device [--device NAME] [--size small] [--out FILE]

It takes the accelerator that torch finds and ends in less than three minutes; status 1 if something does not agree.
Without an accelerator it says so, and tells what can be told on the processor alone. `--device cpu` compares the
processor with itself, as a test of the command.

Decoded outputs have to be the same, or the same within a grey level of 256. Engines that move latents round at each
step, so there the distance between the ends of both is told, as a share of how far they moved. What the sampler
delivers on the accelerator is decoded and measured once more on the processor.

What is delivered is decoded in float32, whatever the device. The networks that guide (a sampler's predictor and what
it reads of a decoder, an actor) run in bfloat16 on an accelerator. The last table tells why a decode does not: how many
outputs would be others.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from torch import Tensor

from benchmarks.bench.engines import energy_of
from benchmarks.bench.figure import Clock, in_turn, quartiles_of, short
from benchmarks.bench.rare import compositions
from benchmarks.tables import say, table
from lc_core import load_model
from lc_core.common.seeds import block_generator
from lc_core.constraints.evaluator import Evaluator
from lc_core.energy.energy import Energy
from lc_core.energy.targets import Space
from lc_core.engines.actor import Actor
from lc_core.engines.base import Engine
from lc_core.engines.gradient import Gradient
from lc_core.engines.loop import run_engine
from lc_core.fitting.prepare import prepare
from lc_core.models.latent_model import LatentModel, decode_array, draw_prior
from lc_core.sampler.engine import Sampler
from lc_core.sampling.block import run_block
from lc_core.sampling.problem import Problem

MELODIES = "melody.folk-2bar"
LEVEL = 1 / 256
"""Most that a value of a picture may differ."""
SAME = 0.999
"""Least share of outputs that have to be the same."""
APART = 0.1
"""Most that the ends of moved latents may differ, as a share of how far they moved."""
VERIFIED = 0.99
"""Least share of delivered outputs that satisfy on the processor too."""
HALVES = (torch.bfloat16, torch.float16)


@dataclass(frozen=True)
class Sizes:
    """How large the things are that are measured.

    Attributes:
        decodes: Latents that are decoded, by model.
        moved: Latents that an engine moves.
        steps: Steps of an engine that are compared.
        blocks: Tries of the sampler in a block; the first is the one on the processor.
        decade: What the sampler is asked 1 prior sample in 10 to the power of this meets.
        rounds: Times that each is measured.
        limit: Seconds after which a part begins no new round.
    """

    decodes: tuple[tuple[str, int], ...] = (("melody.folk-2bar", 8_192), ("digits.8x8", 8_192), ("avatars.64", 256))
    moved: int = 2_048
    steps: int = 8
    blocks: tuple[int, ...] = (64, 256, 1_024)
    decade: int = 3
    rounds: int = 5
    limit: float = 8.0


SIZES = {"full": Sizes(), "small": Sizes((("melody.folk-2bar", 64), ("digits.8x8", 64)), 16, 2, (8,), 1, 1, 1.0)}


@dataclass
class Found:
    """What was found, in tables.

    Attributes:
        checks: What is compared, how much it agrees, the bound, and whether that is kept.
        speeds: What, how many at once, seconds on the processor and on the device, and the ratio with its quartiles.
        halves: What half precision would change.
    """

    checks: list[tuple[str, str, float, str, bool]] = field(default_factory=list)
    speeds: list[tuple[str, int, str, str, str]] = field(default_factory=list)
    halves: list[tuple[str, str, str, float, str, str]] = field(default_factory=list)

    def at_least(self, what: str, how: str, value: float, bound: float) -> None:
        """Add a check of what has to be large."""
        self.checks.append((what, how, value, f"at least {short(bound)}", value >= bound))

    def at_most(self, what: str, how: str, value: float, bound: float) -> None:
        """Add a check of what has to be small."""
        self.checks.append((what, how, value, f"at most {short(bound)}", value <= bound))


class Place:
    """The processor, or another device, and what lies there.

    Args:
        device: Its name in torch.
    """

    def __init__(self, device: str) -> None:
        self.device = device

    def model(self, name: str) -> LatentModel:
        """Return a model, on the device."""
        found: LatentModel = load_model(name)
        return found.to(self.device)

    def wait(self) -> None:
        """Wait until all is done that the device was given."""
        if self.device != "cpu":
            torch.accelerator.synchronize()

    def half(self, kind: torch.dtype | None) -> AbstractContextManager[Any]:
        """Return a context of half precision; none changes nothing."""
        return nullcontext() if kind is None else torch.autocast(self.device, kind)


def accelerator() -> str | None:
    """Return the kind of accelerator that torch finds, such as `cuda`; None without one, or before torch 2.6."""
    found = getattr(torch, "accelerator", None)
    return found.current_accelerator().type if found is not None and found.is_available() else None


def timed(places: dict[str, tuple[Place, Callable[[], object]]], sizes: Sizes) -> dict[str, list[float]]:
    """Return the seconds of a watch that things take, measured in turn."""

    def run(one: tuple[Place, Callable[[], object]], _: int) -> None:
        one[1]()
        one[0].wait()

    runs = {name: partial(run, one) for name, one in places.items()}
    return in_turn(runs, sizes.rounds, Clock(sizes.limit), now=time.monotonic)


def add_speed(
    found: Found, what: str, count: int, here: Callable[[], object], there: Callable[[], object] | None, sizes: Sizes,
    place: Place,
) -> None:  # fmt: skip
    """Add how long a thing takes on the processor, and on the device if there is one."""
    runs = {"here": (Place("cpu"), here)} | ({"there": (place, there)} if there is not None else {})
    seconds = timed(runs, sizes)
    both = [short(float(np.median(seconds[name]))) if name in seconds else "" for name in ("here", "there")]
    ratio = ""
    if there is not None:
        middle, low, high = quartiles_of(np.array(seconds["here"]) / np.array(seconds["there"]))
        ratio = f"{short(middle)} ({short(low)} to {short(high)})"
    found.speeds.append((what, count, *both, ratio))


def agreement(one: np.ndarray, other: np.ndarray) -> tuple[str, float, float]:
    """Return how alike decoded outputs are, in words and as a number, and the bound of that number."""
    if one.dtype.kind == "f":
        return "most that a value differs", float(np.abs(one - other).max()), LEVEL
    same = (one == other).reshape(len(one), -1).all(axis=1)
    return "share of outputs that are the same", float(same.mean()), SAME


def decodes(found: Found, place: Place | None, sizes: Sizes) -> None:
    """Compare decodes of prior samples, and tell what half precision would change."""
    for name, count in sizes.decodes:
        model = Place("cpu").model(name)
        z = draw_prior(model, count, block_generator(5, 0))
        exact = decode_array(model, z)
        there = place or Place("cpu")
        other = there.model(name)
        if place is not None:
            how, value, bound = agreement(exact, decode_array(other, z))
            kept = found.at_most if exact.dtype.kind == "f" else found.at_least
            kept(f"decode of {name}", how, value, bound)
        moved = z.to(there.device)
        add_speed(
            found, f"decode of {name}", count, partial(decode_array, model, z),
            partial(decode_array, other, moved) if place else None, sizes, there,
        )  # fmt: skip
        for kind in HALVES:
            add_half(found, there, other, moved, exact, kind, sizes)


def add_half(
    found: Found, place: Place, model: LatentModel, z: Tensor, exact: np.ndarray, kind: torch.dtype, sizes: Sizes
) -> None:
    """Tell what a decode in half precision would change, and what it would gain."""

    def decode(how: torch.dtype | None) -> np.ndarray:
        with place.half(how):
            return decode_array(model, z)

    how, value, bound = agreement(exact, decode(kind))
    agrees = value <= bound if exact.dtype.kind == "f" else value >= bound
    seconds = timed({str(one): (place, partial(decode, one)) for one in (None, kind)}, sizes)
    gain = np.median(np.array(seconds[str(None)]) / np.array(seconds[str(kind)]))
    name = str(kind).removeprefix("torch.")
    found.halves.append((model.name, name, how, value, "yes" if agrees else "no", short(float(gain))))


def engines(found: Found, place: Place | None, sizes: Sizes) -> None:
    """Compare some steps of engines from the same starts."""
    here = Place("cpu").model(MELODIES)
    z = draw_prior(here, sizes.moved, block_generator(5, 0))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # of critics that have learned nothing: they cost and round as others do
        energy = energy_of(here, "melody/busy_c_major", realism=0.5)

    def gradient(model: LatentModel, device: str) -> tuple[Engine, Energy]:
        critics = {label: copy.deepcopy(one).to(device) for label, one in energy.critics.items()}
        there = Energy(energy.entries, critics=critics, realism=model.realism(), realism_weight=0.5)
        return Gradient(steps=sizes.steps, check_every=0), there

    def actor(model: LatentModel, device: str) -> tuple[Engine, Energy]:
        return Actor().begin(model, Space(), torch.Generator().manual_seed(0)), Energy(())

    def sampler(model: LatentModel, device: str) -> tuple[Engine, Energy]:
        entries = compositions(sizes.decade)[0].entries()
        prepared = prepare(Evaluator(model, entries), Sampler(steps=sizes.steps, check_every=0, moves=0))
        return prepared.engine, prepared.energy or Energy(())

    for name, build in (("gradient", gradient), ("actor", actor), ("sampler", sampler)):
        runs, ends = [], []
        for one in (Place("cpu"), place):
            if one is None:
                continue
            model = one.model(MELODIES)
            engine, its = build(model, one.device)
            runs.append(partial(run_engine, engine, model, z.to(one.device), its))
            ends.append(runs[-1]().z.cpu())
        what = f"{engine.steps} step{'s' * (engine.steps > 1)} of {name}"
        if place is not None:
            apart = float((ends[0] - ends[1]).norm() / (ends[0] - z).norm())
            found.at_most(what, "distance of the ends, moves = 1", apart, APART)
        add_speed(found, what, len(z), runs[0], runs[1] if place else None, sizes, place or Place("cpu"))


def blocks(found: Found, place: Place | None, sizes: Sizes) -> None:
    """Compare whole tries of the sampler, larger blocks too, and measure what they deliver on the processor."""
    one = compositions(sizes.decade)[0]

    def prepared(where: Place, block: int) -> Callable[[], Any]:
        model = where.model(MELODIES)
        ready = prepare(Evaluator(model, one.entries()), Sampler(block=block))
        problem = Problem(model=model, entries=one.entries(), engine=ready.engine, count=10**6)
        return partial(run_block, problem, ready.energy, 0)

    first = prepared(Place("cpu"), sizes.blocks[0])
    if place is None:
        add_speed(found, "a block of tries of sampler", sizes.blocks[0], first, None, sizes, Place("cpu"))
        return
    mine = first()
    theirs = prepared(place, sizes.blocks[0])()
    share, other = (block.satisfied.mean() for block in (mine, theirs))
    chance = 3 * np.sqrt(max(share * (1 - share), 1 / mine.size) * 2 / mine.size)
    found.at_most("tries of sampler", "difference of the shares that satisfy", float(abs(share - other)), float(chance))
    evaluator = Evaluator(Place("cpu").model(MELODIES), one.entries())
    delivered = torch.from_numpy(theirs.z[theirs.satisfied[theirs.rows]])
    if len(delivered):
        again = float(evaluator.satisfied_latents(delivered).mean())
        found.at_least("what sampler delivers", "share that satisfies on the processor", again, VERIFIED)
    for size in sizes.blocks:
        # Of a larger block a share of the work is compared with the block that suits a processor.
        seconds = timed({"here": (Place("cpu"), first), "there": (place, prepared(place, size))}, sizes)
        each = np.array(seconds["here"]) / sizes.blocks[0] / (np.array(seconds["there"]) / size)
        middle, low, high = quartiles_of(each)
        both = [short(float(np.median(seconds[name]))) for name in ("here", "there")]
        what = f"a block of tries of sampler, against blocks of {sizes.blocks[0]}"
        found.speeds.append((what, size, *both, f"{short(middle)} ({short(low)} to {short(high)}) a try"))


def told(found: Found, device: str | None) -> str:
    """Return the tables."""
    lines = [
        f"torch {torch.__version__}, {torch.get_num_threads()} thread of the processor; device: {device or 'none'}"
    ]
    if device is None:
        lines.append("\nThere is no accelerator that torch finds: nothing is compared with one.")
    else:
        head = ("what", "how", "found", "bound", "agrees")
        rows = [(*one[:-1], "yes" if one[-1] else "NO") for one in found.checks]
        lines.append("\n" + table(head, [[*one[:2], short(one[2]), *one[3:]] for one in rows]))
    head = ("what", "at once", "processor, s", "device, s", "times as fast (quartiles)")
    lines.append("\n" + table(head, found.speeds))
    head = ("decode in half precision", "precision", "how", "found", "agrees", "float32 = 1, times as fast")
    lines.append("\n" + table(head, [[*one[:3], short(one[3]), *one[4:]] for one in found.halves]))
    return "\n".join(lines)


@click.command()
@click.option("--device", help="A device of torch; default the accelerator that it finds. cpu compares it with itself.")
@click.option("--size", default="full", show_default=True, type=click.Choice(list(SIZES)), help="How much is measured.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Also write all as JSON to this file.")
@click.pass_context
def main(context: click.Context, device: str | None, size: str, out: Path | None) -> None:
    """Compare an accelerator with the processor: agreement, speeds, half precision."""
    torch.set_num_threads(1)
    device = device or accelerator()
    if device:
        try:
            torch.empty(1, device=device)
        except RuntimeError as error:
            raise click.UsageError(f"--device {device}: {str(error).splitlines()[0]}") from error
    place, found, sizes = Place(device) if device else None, Found(), SIZES[size]
    for part in (decodes, engines, blocks):
        began = time.monotonic()
        part(found, place, sizes)
        say(f"{part.__name__}: {time.monotonic() - began:.0f} s")
    print(told(found, device))
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps({"device": device, **asdict(found)}, indent=1) + "\n", encoding="utf-8")
    context.exit(0 if all(one[-1] for one in found.checks) else 1)


if __name__ == "__main__":
    main()
