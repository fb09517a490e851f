"""What is measured of a fitted actor, and the model card that says it: `lc_core/templates/actor.md`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from lc_core.common.seeds import block_generator
from lc_core.constraints.free import frees_of, names_of
from lc_core.models.latent_model import draw_prior
from lc_core.spec.values import Spec, plain

if TYPE_CHECKING:
    from lc_core.constraints.evaluator import Evaluator
    from lc_core.energy.targets import Space, Targets
    from lc_core.engines.base import Engine

__all__ = ["measure_actor", "model_card"]

TRIES = 4_096
"""Tries that are measured; four times as many where something is free."""
ROWS = 1_024
FEW = 24
"""Figures are given for each value of a parameter that has no more values than these."""


def measure_actor(
    evaluator: Evaluator, engine: Engine, *, seed: int = 0, progress: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Measure a fitted actor on starts that took no part in its fit.

    Args:
        evaluator: The model and the constraints.
        engine: The actor, with its weights.
        seed: Seed of the starts; they are apart from those of fits and of sampling in any case.
        progress: Called with a line of text.

    Returns:
        `tries`; shares of them that meet every condition, `satisfied`, and of their starts, `prior`; the share of
        `distinct` outputs; and the first three for each free value, or third of a free range, under `free`.
    """
    import torch

    from lc_core.energy.energy import Energy
    from lc_core.energy.targets import Space

    space, model = Space.of(evaluator.entries), evaluator.model
    tries = TRIES * (4 if space.leaves else 1)
    progress(f"measuring the actor on {tries:,} tries that took no part in its fit")
    numbers = range(tries // ROWS)
    starts = [draw_prior(model, ROWS, block_generator(seed, number, "validate")) for number in numbers]
    before = [evaluator.measure_variants(evaluator.decode(start)) for start in starts]
    seen = {leaf.label: np.concatenate([values[leaf.label] for values in before]) for leaf in space.leaves}
    space = space.with_seen(seen, block_generator(seed, 0, "validate/seen"))
    met: list[np.ndarray] = []
    prior: list[np.ndarray] = []
    groups: list[list[tuple[str, Any, np.ndarray]]] = []
    outputs: set[bytes] = set()
    for number, start, values in zip(numbers, starts, before, strict=True):
        targets = space.draw(ROWS, block_generator(seed, number, "validate/targets"))
        with torch.inference_mode():
            (moved,) = engine.step((start,), Energy((), space=space, code=targets.code), model, 1)
        x = evaluator.decode(moved)
        outputs.update(one.tobytes() for one in x)
        met.append(targets.met(evaluator.conditions, evaluator.measure_variants(x), ROWS))
        prior.append(targets.met(evaluator.conditions, values, ROWS))
        groups.append(list(_groups(space, targets)))
    met_all, prior_all = np.concatenate(met), np.concatenate(prior)
    free = []
    for parts in zip(*groups, strict=True):
        name, value, _ = parts[0]
        rows = np.concatenate([found for _, _, found in parts])
        shares = {"satisfied": float(met_all[rows].mean()), "prior": float(prior_all[rows].mean())}
        free.append({"name": name, "value": value, "tries": int(rows.sum())} | shares)
    shares = {"satisfied": float(met_all.mean()), "prior": float(prior_all.mean())}
    return {"tries": tries, **shares, "distinct": len(outputs) / tries, "free": free}


def _groups(space: Space, targets: Targets) -> Iterator[tuple[str, Any, np.ndarray]]:
    """Yield for each free value, where they are few, its name, itself, and which rows want it."""
    for leaf in space.leaves:
        assert leaf.free
        each, choices = targets.wants[leaf.label], list(leaf.free.choices())
        for key, values in leaf.free.params.items():
            if len(values) <= FEW:
                for value in values:
                    has = np.array([choice[key] == value for choice in choices])
                    yield f"{leaf.label}.{key}", plain(value), has[each.variant]
        for key, (low, high) in leaf.free.bounds.items():
            drawn = {"at_least": each.lows, "at_most": each.highs}.get(key, (each.lows + each.highs) / 2)
            third = np.clip((drawn - low) / (high - low) * 3, 0, 2.999).astype(int)
            edges = np.linspace(low, high, 4)
            for number in range(3):
                value = [round(float(edges[number]), 6), round(float(edges[number + 1]), 6)]
                yield f"{leaf.label}.{key}", value, third == number


def model_card(config: Mapping[str, Any], spec: Spec) -> str:
    """Return the card as Markdown.

    Args:
        config: What `config.json` holds.
        spec: The spec that the actor was fitted for.
    """
    pages = Environment(
        loader=PackageLoader("lc_core"), undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    pages.filters |= {"percent": "{:.2%}".format, "value": _value}
    return pages.get_template("actor.md").render(config, spec=spec, asked=_example(config))


def _example(config: Mapping[str, Any]) -> list[str]:
    """Return what the card's snippet asks for of what is free."""
    asked = {
        name: (own.params.get(key) or own.bounds[key])[0] for name, (_, key, own) in names_of(frees_of(config)).items()
    }
    plainly = [f"{name}={value!r}" for name, value in asked.items() if name.isidentifier()]
    dotted = {name: value for name, value in asked.items() if not name.isidentifier()}
    return plainly + ([f"**{dotted!r}"] if dotted else [])


def _value(value: Any) -> str:
    return f"{value[0]:g} to {value[1]:g}" if isinstance(value, list) and len(value) == 2 else str(value)
