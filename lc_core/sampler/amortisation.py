"""Train a sampler for a model: what `lc amortise` does."""

from __future__ import annotations

import io
import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lc_core.common.cache import default_folder
from lc_core.common.cache_entries import mark_root
from lc_core.common.json_text import parsed_json
from lc_core.common.owned import Owned
from lc_core.common.progress import Progress, ProgressLine, time_of
from lc_core.common.seeds import block_generator
from lc_core.common.words import counted
from lc_core.errors import LCError
from lc_core.models.adapt import as_latent_model
from lc_core.models.checks import check_decoder
from lc_core.models.latent_model import LatentModel, decode_outputs, draw_prior, draw_transported
from lc_core.plugins.discover import build_registry
from lc_core.plugins.registry import Registry
from lc_core.sampler.choose import Chosen, Wanted, choose_rules, without_constant
from lc_core.sampler.figures import measure_sampler
from lc_core.sampler.folder import CONFIG, add_figures, own_folder, read_config, read_sampler, write_sampler
from lc_core.sampler.look import check_features
from lc_core.sampler.rules import Rules, measured_bins
from lc_core.sampler.settings import SamplerSettings
from lc_core.sampler.training import Trainer, tabulate
from lc_core.sampler.wants import Table
from lc_core.spec.values import plain

__all__ = ["Amortised", "amortise"]

KIND = "sampler"
"""What `Owned` calls the folder."""
CHECKPOINT = "checkpoint.pt"
CHECKPOINT_SECONDS = 15.0
"""Seconds of training between two checkpoints."""
EVERY_SECONDS = 2.0
"""Seconds between two lines on how much is done."""
BLOCK = 1_024
"""Prior samples that are drawn at once."""
CARRIED = 16_384
"""Prior samples that a model's own flow or chain carries to where data are."""
FREE = ("steps", "minutes", "compositions")
"""Settings that may be others when a training goes on."""


@dataclass(frozen=True)
class Amortised:
    """A trained sampler.

    Attributes:
        folder: Where it is.
        config: What its `config.json` says; `config["figures"]` are its measured figures, `config["left_out"]` the
            rules that it does not know, and why.
    """

    folder: Path
    config: dict[str, Any]


def amortise(
    model: Any,
    *,
    rules: Sequence[Wanted] | None = None,
    more: Sequence[Wanted] = (),
    settings: SamplerSettings | None = None,
    out: str | Path | None = None,
    registry: Registry | None = None,
    restart: bool = False,
    progress: Progress = lambda _: None,
) -> Amortised:
    """Train a sampler: a network that serves any spec of a model's rules without a fit for the spec.

    A training that was stopped goes on from its last checkpoint when it is asked for again with the same rules and
    settings; one that is done goes on where `settings` ask for more steps.

    Args:
        model: A `LatentModel`, or any object that `as_latent_model` takes.
        rules: Names of registered rules and declared functions, learned under any settings; `Measurement` and
            `Constraint` objects, learned under their own. None for every registered rule that accepts the outputs.
        more: Further ones, beside all registered rules.
        settings: How to train.
        out: The folder; default the one in the cache folder where `engine: auto` finds it.
        registry: What is installed; looked up if not given.
        restart: Begin again, whatever is there.
        progress: Called with a line of text now and then.

    Returns:
        The folder, and what was measured.

    Raises:
        LCError: If a rule cannot be learned, or the folder holds something else or another training.
    """
    model, settings, progress = as_latent_model(model), settings or SamplerSettings(), _paced(progress)
    check_decoder(model)
    check_features(model)
    chosen = choose_rules(model, registry or build_registry(), rules, more)
    for reason in chosen.left_out.values():
        progress(f"left out: {reason}")
    folder = Path(out) if out is not None else own_folder(model)
    if out is None:
        default_folder().mkdir(parents=True, exist_ok=True)
        mark_root(default_folder())
    with Owned.open(folder, KIND) as owned:
        about = _about(model, [rule.label for rule in chosen.rules], settings)
        state = None if restart else _state(owned, about)
        if state and _is_finished(owned, state, settings):
            progress(f"the sampler in {folder} is trained already; more steps go on with it")
            return Amortised(folder, read_config(folder))
        trainer, constant = _trainer(model, chosen, settings, progress)
        if state:
            trainer.load(state["training"])
            progress(f"going on from step {trainer.step:,}")
        _train(owned, trainer, about, progress)
        progress("writing the sampler")
        write_sampler(owned, trainer, left_out=chosen.left_out | constant)
        _measure(owned, trainer, progress)
    return Amortised(folder, read_config(folder))


def _paced(progress: Progress) -> Progress:
    """Return a function that passes on every line, but of those on how much is done only one now and then."""
    last = -math.inf

    def paced(text: str) -> None:
        nonlocal last
        if isinstance(text, ProgressLine) and text.done < text.total:
            if time.monotonic() - last < EVERY_SECONDS:
                return
            last = time.monotonic()
        progress(text)

    return paced


def _trainer(
    model: LatentModel, chosen: Chosen, settings: SamplerSettings, progress: Progress
) -> tuple[Trainer, dict[str, str]]:
    """Return a training at its beginning, and which rules turned out to be constant."""
    carried = _carried(model, progress)
    samples = _samples(model, settings.samples, "sample", progress, carried)
    rules, table, constant = without_constant(*tabulate(chosen.rules, settings, samples))
    for reason in constant.values():
        progress(f"left out: {reason}")
    if not rules.rules:
        raise LCError(f"every rule is constant on prior samples of {model.name}; there is nothing to learn")
    progress(f"{counted(len(rules.rules), 'rule')}: {', '.join(rule.label for rule in rules.rules)}")
    return Trainer(model, rules, table, settings, carried), constant


def _carried(model: LatentModel, progress: Progress) -> torch.Tensor | None:
    """Return latents that the model's flow or chain carried to where data are.

    None where it has neither, and where its likeness tells how like data an output is: a sampler then learns that as
    one more rule.
    """
    transport = model.realism_alone()
    if transport is None or model.unwrapped.likeness:
        return None
    found, size = [], min(BLOCK, model.block)
    for number in range(CARRIED // size):
        found.append(draw_transported(model, size, block_generator(0, number, "base"), transport))
        done = (number + 1) * size
        progress(ProgressLine(f"carried {done:,} of {CARRIED:,} prior samples to where data are", done, CARRIED))
    return torch.cat(found)


def _samples(
    model: LatentModel, count: int, purpose: str, progress: Progress, carried: torch.Tensor | None = None
) -> Iterator[tuple[torch.Tensor, np.ndarray]]:
    """Yield prior samples and their outputs, at least so many; the last of them were carried to where data are."""
    blocks = -(-count // BLOCK)
    pieces = range(0, 0 if carried is None else len(carried), BLOCK)
    ready = [carried[at : at + BLOCK] for at in pieces][: blocks // 2] if carried is not None else []
    for number in range(blocks):
        own = blocks - number <= len(ready)
        z = ready[blocks - number - 1] if own else draw_prior(model, BLOCK, block_generator(0, number, purpose))
        yield z, decode_outputs(model, z)
        done = (number + 1) * BLOCK
        progress(ProgressLine(f"measured {done:,} of {blocks * BLOCK:,} prior samples", done, blocks * BLOCK))


def _about(model: LatentModel, rules: Sequence[str], settings: SamplerSettings) -> dict[str, Any]:
    """Return what a training has to agree in with the one that it goes on with."""
    kept = {key: value for key, value in settings.as_dict().items() if key not in FREE}
    return {"model": model.digest, "rules": list(rules), **plain(kept)}


def _state(owned: Owned, about: dict[str, Any]) -> dict[str, Any] | None:
    """Return what the last checkpoint holds; None without one.

    Raises:
        LCError: If it cannot be read, or is of another training.
    """
    if not owned.owns(CHECKPOINT):
        return None
    try:
        state: dict[str, Any] = torch.load(owned.path / CHECKPOINT, map_location="cpu", weights_only=True)
        before = dict(parsed_json(state["about"]))
        state["training"]["step"]
    except Exception as error:
        told = f"the checkpoint {owned.path / CHECKPOINT} cannot be read: {type(error).__name__}"
        raise LCError(told, hint="--restart begins again, whatever is in the folder") from error
    others = [key for key in about if before.get(key) != about[key]]
    if others:
        told = "; ".join(f"{key}: {_short(before.get(key))} then, {_short(about[key])} now" for key in others)
        raise LCError(
            f"{owned.path} holds a training of another sampler ({told})",
            hint="give the same rules and settings to go on with it, --restart to replace it, or another --out",
        )
    return state


def _short(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _is_finished(owned: Owned, state: dict[str, Any], settings: SamplerSettings) -> bool:
    """Return whether a sampler is there with its figures, and no more training is asked for."""
    if not owned.owns(CONFIG) or "figures" not in (config := read_config(owned.path)):
        return False
    trained = config["training"]
    more = settings.steps > trained["steps_done"] if not settings.minutes else settings.minutes > trained["minutes"]
    return bool(trained["steps_done"] == state["training"]["step"] and not more)


def _train(owned: Owned, trainer: Trainer, about: dict[str, Any], progress: Progress) -> None:
    """Train to the end, with a checkpoint now and then."""
    saved = time.monotonic()

    def told(now: Trainer) -> None:
        nonlocal saved
        progress(_line(now))
        if time.monotonic() - saved > CHECKPOINT_SECONDS or now.done >= 1:
            _save(owned, now, about)
            saved = time.monotonic()

    trainer.run(progress=told)


def _save(owned: Owned, trainer: Trainer, about: dict[str, Any]) -> None:
    buffer = io.BytesIO()
    torch.save({"about": json.dumps(about), "training": trainer.state()}, buffer)
    owned.write(CHECKPOINT, buffer.getvalue())


def _line(trainer: Trainer) -> ProgressLine:
    """Return a line on how far a training is."""
    figures, done = trainer.figures, min(1.0, trainer.done)
    left = trainer.seconds / done * (1 - done) if done else 0.0
    met = f"{figures['satisfied']:.1%} of training tries meet their wants"
    text = f"step {trainer.step:,}: {met if trainer.step > trainer.settings.warm else 'warming up'}"
    text += f", loss {figures['loss']:.2f}"
    text += f", about {time_of(left)} more" if done < 1 else ""
    return ProgressLine(text, int(1_000 * done), 1_000)


def _measure(owned: Owned, trainer: Trainer, progress: Progress) -> None:
    """Measure a sampler as it was written, and complete its folder."""
    model, settings = trainer.model, trainer.settings
    asked = [columns[0].measurement for columns in trainer.table.columns]
    trained = read_sampler(owned.path, model, asked)
    table = _held_out(trainer, trained.rules, progress)
    add_figures(owned, measure_sampler(model, trained, table, settings, progress))


def _held_out(trainer: Trainer, rules: Rules, progress: Progress) -> Table:
    """Measure prior samples that took no part in the training under settings that are drawn anew."""
    settings, rng = trainer.settings, np.random.default_rng(trainer.settings.seed + 3)
    columns = tuple(tuple(rules.draw(number, settings.settings, rng)) for number in range(len(rules.rules)))
    latents, parts = [], []
    for z, piece in _samples(trainer.model, settings.samples, "sampler/held-out", progress):
        latents.append(z.cpu())
        parts.append([measured_bins(rules, one, piece).T.astype(np.uint8) for one in columns])
    bins = tuple(np.concatenate(one, axis=1) for one in zip(*parts, strict=True))
    return Table(columns, bins, rules.complete(columns, settings.settings), torch.cat(latents))
